package validate

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// emptyLabels reports templates that print a label which the expression has
// dropped, or that the rule itself adds: $labels are those of the series that
// the expression returns. What a template tests before it prints is meant so.
func emptyLabels(v *ruleView) {
	if v.rule.Alert == "" {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(v.rule.Labels)) {
		v.emptyIn("label", name, v.rule.Labels[name], spot{at: v.at.Labels.At(name)})
	}
	for _, name := range slices.Sorted(maps.Keys(v.rule.Annotations)) {
		v.emptyIn("annotation", name, v.rule.Annotations[name], spot{at: v.at.Annotations.At(name)})
	}
}

func (v *ruleView) emptyIn(kind, name, text string, where spot) {
	if !strings.Contains(text, "{{") || len(text) > maxText {
		return
	}
	var dropped map[string]bool
	for label := range mentionedLabels(text) {
		if !strings.HasPrefix(label, "__") && absent(v.series().Of(label)) {
			if dropped == nil {
				dropped = map[string]bool{}
			}
			dropped[label] = true
		}
	}
	if len(dropped) == 0 {
		return
	}
	where.value = text
	for _, use := range printedLabels(text) {
		if !dropped[use.label] {
			continue
		}
		where.from, where.to = use.from, use.to
		hint := "keep the label in the expression, as by (" + use.label + ") does, or take it out of the text"
		if v.rule.Labels[use.label] != "" || v.group.Labels[use.label] != "" {
			hint = "$labels holds the labels of the expression's result, not those that the rule adds"
		}
		v.report(rulesAnnotationLabel, Warning, where, hint, "the %s %q prints the label %q, which the expression never returns", kind, name, use.label)
	}
}

// mentionedLabels are the words after $labels. and .Labels.: a quick look before
// the template is parsed.
func mentionedLabels(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		const mark = "abels."
		for {
			before, rest, found := strings.Cut(text, mark)
			if !found {
				return
			}
			text = rest
			if !strings.HasSuffix(before, "$l") && !strings.HasSuffix(before, ".L") {
				continue
			}
			end := 0
			for end < len(rest) && (isLetter(rest[end]) || rest[end] == '_' || rest[end] >= '0' && rest[end] <= '9') {
				end++
			}
			if !yield(rest[:end]) {
				return
			}
		}
	}
}

// labelUse is a label that a template prints, and the bytes that say so.
type labelUse struct {
	label    string
	from, to int
}

// printedLabels lists the labels that a template prints without having tested
// them: those in conditions, in what a condition guards, and in arguments of
// functions other than plain output are left out.
func printedLabels(text string) []labelUse {
	trees, err := parse.Parse("", prelude+text, "", "", alertFuncs())
	if err != nil {
		return nil
	}
	tree := trees[""]
	if tree == nil || tree.Root == nil {
		return nil
	}
	var uses []labelUse
	for _, n := range tree.Root.Nodes { // inside if, with and range, what holds is anyone's guess
		action, ok := n.(*parse.ActionNode)
		if !ok || len(action.Pipe.Decl) > 0 || len(action.Pipe.Cmds) == 0 || slices.ContainsFunc(action.Pipe.Cmds, chooses) {
			continue
		}
		for _, arg := range action.Pipe.Cmds[0].Args {
			if use, ok := labelOf(arg); ok {
				use.from += len(".") - len(prelude)
				use.to = use.from + len(use.label)
				uses = append(uses, use)
			}
		}
	}
	return uses
}

// chooses says whether a command makes do without a label.
func chooses(c *parse.CommandNode) bool {
	if len(c.Args) == 0 {
		return false
	}
	f, ok := c.Args[0].(*parse.IdentifierNode)
	return ok && slices.Contains([]string{"or", "and", "not", "eq", "ne", "len"}, f.Ident)
}

// labelOf reads $labels.NAME and .Labels.NAME.
func labelOf(n parse.Node) (labelUse, bool) {
	switch n := n.(type) {
	case *parse.VariableNode: // whose position is that of its last dot
		if len(n.Ident) == 2 && n.Ident[0] == "$labels" {
			return labelUse{label: n.Ident[1], from: int(n.Pos)}, true
		}
	case *parse.FieldNode:
		if len(n.Ident) == 2 && n.Ident[0] == "Labels" {
			return labelUse{label: n.Ident[1], from: int(n.Pos)}, true
		}
	}
	return labelUse{}, false
}
