package routes

import (
	"strings"
	"text/template/parse"

	"github.com/prometheus/common/model"
)

// maxTemplate bounds the templates that are looked into.
const maxTemplate = 16 << 10

// prelude is what Prometheus puts before each template of an alert.
const prelude = `{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}`

// expanded is what a label's text can become. A text without a template is
// itself; of templates only those are understood that choose between texts by
// plain comparisons, or insert a label: people write severities like that. What
// calls anything that may fail, or is not understood, may be anything.
func expanded(text string, of func() result) Values {
	if !strings.Contains(text, "{{") {
		return OneOf(text)
	}
	if len(text) > maxTemplate {
		return Anything()
	}
	tree := parse.New("label")
	tree.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := tree.Parse(prelude+text, "", "", set); err != nil || len(set) != 1 {
		return Anything()
	}
	return expandedList(tree.Root, of)
}

// expandedList is the texts of a list's nodes, one after the other.
func expandedList(list *parse.ListNode, of func() result) Values {
	out := OneOf("")
	if list == nil {
		return out
	}
	for _, n := range list.Nodes {
		if out = concatenated(out, expandedNode(n, of)); out.any {
			break
		}
	}
	return out
}

func concatenated(a, b Values) Values {
	if a.any || b.any || len(a.set)*len(b.set) > maxValues {
		return Anything()
	}
	var all []string
	for _, x := range a.set {
		for _, y := range b.set {
			all = append(all, x+y)
		}
	}
	return OneOf(all...)
}

func expandedNode(n parse.Node, of func() result) Values {
	switch n := n.(type) {
	case *parse.TextNode:
		return OneOf(string(n.Text))
	case *parse.CommentNode:
		return OneOf("")
	case *parse.IfNode:
		if !harmless(n.Pipe, of) {
			return Anything()
		}
		return expandedList(n.List, of).join(expandedList(n.ElseList, of))
	case *parse.ActionNode:
		return inserted(n.Pipe, of)
	}
	return Anything()
}

// inserted is what an action puts out: nothing where it declares a variable of
// the prelude, a label's value, or anything.
func inserted(p *parse.PipeNode, of func() result) Values {
	if len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return Anything()
	}
	arg := p.Cmds[0].Args[0]
	if field, ok := arg.(*parse.FieldNode); ok && len(p.Decl) == 1 && !p.IsAssign && strings.Contains(prelude, "{{"+p.Decl[0].Ident[0]+" := "+field.String()+"}}") {
		return OneOf("")
	}
	if len(p.Decl) > 0 {
		return Anything()
	}
	if s, ok := arg.(*parse.StringNode); ok {
		return OneOf(s.Text)
	}
	if name, ok := labelField(arg); ok {
		return of().labels.Of(name)
	}
	return Anything()
}

// labelField is the label that $labels.NAME or .Labels.NAME stands for.
func labelField(n parse.Node) (string, bool) {
	name := ""
	switch n := n.(type) {
	case *parse.VariableNode:
		if len(n.Ident) == 2 && n.Ident[0] == "$labels" {
			name = n.Ident[1]
		}
	case *parse.FieldNode:
		if len(n.Ident) == 2 && n.Ident[0] == "Labels" {
			name = n.Ident[1]
		}
	}
	return name, name != "" && name != model.MetricNameLabel
}

// harmless says that a condition cannot fail: a comparison of $value, where it
// is no histogram, with a number that is written as a float, or of a label with a text.
func harmless(p *parse.PipeNode, of func() result) bool {
	if len(p.Decl) > 0 || len(p.Cmds) != 1 {
		return false
	}
	args := p.Cmds[0].Args
	if len(args) == 1 {
		_, ok := labelField(args[0])
		return ok
	}
	name, ok := args[0].(*parse.IdentifierNode)
	if !ok || len(args) != 3 {
		return false
	}
	switch name.Ident {
	case "and", "or":
		return harmlessArg(args[1], of) && harmlessArg(args[2], of)
	case "eq", "ne", "lt", "le", "gt", "ge":
		return isFloat(args[1]) && isFloat(args[2]) && of().float || isText(args[1]) && isText(args[2])
	}
	return false
}

func harmlessArg(n parse.Node, of func() result) bool {
	p, ok := n.(*parse.PipeNode)
	return ok && harmless(p, of)
}

func isFloat(n parse.Node) bool {
	switch n := n.(type) {
	case *parse.NumberNode:
		return n.IsFloat && strings.ContainsAny(n.Text, ".eE") && !strings.HasPrefix(n.Text, "0x")
	case *parse.VariableNode:
		return len(n.Ident) == 1 && n.Ident[0] == "$value"
	}
	return false
}

func isText(n parse.Node) bool {
	if _, ok := n.(*parse.StringNode); ok {
		return true
	}
	_, ok := labelField(n)
	return ok
}
