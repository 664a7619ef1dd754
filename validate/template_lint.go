package validate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
)

// alertmanagerVersion is the program that runs. Its library, with which this is
// built, is newer: what came later is refused here, so that it is not refused there.
const alertmanagerVersion = "0.31"

const newerHint = "do without: Watchbill's checks are those of Alertmanager " + alertmanagerVersion +
	", whatever components.alertmanager.version in watchbill.yaml is"

// What came after alertmanagerVersion.
var (
	newerFuncs = []string{
		"append", "base64decode", "base64encode", "dict", "list", "mustToDate", "now", "routeLabels", "toDate",
	}
	newerFields    = []string{"NotificationReason", "RouteLabels"}
	newerTemplates = []string{
		"mattermost.default.color", "mattermost.default.fallback", "mattermost.default.title",
		"mattermost.default.titlelink", "mattermost.default.username", "slack.default.color",
	}
)

// lint finds what running would not be sure to: calls in branches that no sample
// alert comes by, and what only a newer Alertmanager knows.
func (s *templateSet) lint(root parse.Node, file, text string) []templateFault {
	var faults []templateFault
	add := func(n parse.Node, word, hint, format string, args ...any) {
		fault := templateFault{file: file, message: fmt.Sprintf(format, args...), hint: hint}
		fault.offset, fault.end = wordAt(text, word, int(n.Position()))
		if from, to := wordAt(text, n.String(), int(n.Position())); to > from {
			fault.offset, fault.end = wordAt(text, word, from+strings.Index(text[from:to], word))
		}
		faults = append(faults, fault)
	}
	eachNode(root, func(n parse.Node) {
		switch n := n.(type) {
		case *parse.TemplateNode:
			if !s.defines(n.Name) {
				hint := cmp.Or(didYouMean(n.Name, maps.Keys(s.names())), fmt.Sprintf("define it in a file alertmanager/templates/*.tmpl, as {{ define %q }}…{{ end }}", n.Name))
				add(n, strconv.Quote(n.Name), hint, "no template is called %q", n.Name)
			}
		case *parse.IdentifierNode:
			if slices.Contains(newerFuncs, n.Ident) {
				add(n, n.Ident, newerHint, "the function %q is newer than Alertmanager %s", n.Ident, alertmanagerVersion)
			}
		case *parse.FieldNode:
			lintFields(n, n.Ident, add)
		case *parse.VariableNode:
			lintFields(n, n.Ident[1:], add)
		case *parse.ChainNode:
			lintFields(n, n.Field, add)
		}
	})
	return faults
}

func lintFields(n parse.Node, fields []string, add func(n parse.Node, word, hint, format string, args ...any)) {
	for i, field := range fields {
		joins := field == "Join" && i > 0 && (fields[i-1] == "Values" || fields[i-1] == "Names")
		if joins || slices.Contains(newerFields, field) {
			add(n, "."+field, newerHint, "the field %q is newer than Alertmanager %s", field, alertmanagerVersion)
		}
	}
}

func (s *templateSet) defines(name string) bool {
	t := s.text.Lookup(name)
	return t != nil && t.Tree != nil
}

func (s *templateSet) names() map[string]bool {
	names := map[string]bool{}
	for _, t := range s.text.Templates() {
		if t.Tree != nil && s.files[t.Name()] == nil {
			names[t.Name()] = true
		}
	}
	return names
}

// eachNode calls f for a node and all nodes in it.
func eachNode(n parse.Node, f func(parse.Node)) {
	for _, child := range children(n) {
		f(child)
		eachNode(child, f)
	}
}

func children(n parse.Node) []parse.Node {
	var out []parse.Node
	switch n := n.(type) {
	case *parse.ListNode:
		out = n.Nodes
	case *parse.ActionNode:
		out = pipe(n.Pipe)
	case *parse.IfNode:
		out = branch(&n.BranchNode)
	case *parse.RangeNode:
		out = branch(&n.BranchNode)
	case *parse.WithNode:
		out = branch(&n.BranchNode)
	case *parse.TemplateNode:
		out = pipe(n.Pipe)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			out = append(out, c)
		}
	case *parse.CommandNode:
		out = n.Args
	case *parse.ChainNode:
		out = []parse.Node{n.Node}
	}
	return out
}

// pipe and branch leave out what is nil, since a nil of a type is no nil interface.
func pipe(p *parse.PipeNode) []parse.Node {
	if p == nil {
		return nil
	}
	return []parse.Node{p}
}

func branch(b *parse.BranchNode) []parse.Node {
	out := pipe(b.Pipe)
	for _, list := range []*parse.ListNode{b.List, b.ElseList} {
		if list != nil {
			out = append(out, list)
		}
	}
	return out
}
