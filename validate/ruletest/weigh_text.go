package ruletest

import (
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
)

// growers are functions that make a longer text of one, and how many times longer.
var growers = map[string]int{"html": 6, "js": 6, "urlquery": 3, "urlQueryEscape": 3, "graphLink": 3, "tableLink": 3, "externalURL": 1, "title": 3, "toUpper": 3, "toLower": 3}

func (w *templateWeight) command(c *parse.CommandNode, inLoop bool) {
	if id, ok := c.Args[0].(*parse.IdentifierNode); ok {
		switch id.Ident {
		case "reReplaceAll":
			w.replace(c)
		case "printf":
			w.format(c)
			w.grow(max(1, len(c.Args)-2))
		case "print", "println":
			w.grow(max(1, len(c.Args)-1))
		default:
			w.grow(max(1, growers[id.Ident]))
		}
	}
	if named(c.Args[0], "Format") && (len(c.Args) != 2 || c.Args[1].Type() != parse.NodeString) {
		w.refuse("formats a time by something else than a text")
	}
	for _, arg := range c.Args {
		if p, ok := arg.(*parse.PipeNode); ok {
			w.pipe(p, inLoop)
		}
		if chain, ok := arg.(*parse.ChainNode); ok {
			if p, ok := chain.Node.(*parse.PipeNode); ok {
				w.pipe(p, inLoop)
			}
		}
	}
}

func (w *templateWeight) grow(times int) {
	if w.growth *= times; w.growth > maxGrowth {
		w.growth = maxGrowth
		w.refuse("makes texts longer and longer")
	}
}

// replace weighs reReplaceAll: a replacement may come between any two characters.
func (w *templateWeight) replace(c *parse.CommandNode) {
	if len(c.Args) < 3 {
		return
	}
	if replacement, ok := c.Args[2].(*parse.StringNode); ok {
		w.grow(1 + len(replacement.Text))
		return
	}
	w.refuse("replaces by something else than a text")
}

// wide is a width or precision in a format that makes a text long.
var wide = regexp.MustCompile(`%[-+# 0]*(?:\[\d+\])?(?:\*|(\d*))(?:\.(?:\[\d+\])?(\*|\d*))?`)

// format looks for widths in printf's format.
func (w *templateWeight) format(c *parse.CommandNode) {
	if len(c.Args) < 2 {
		return
	}
	format, ok := c.Args[1].(*parse.StringNode)
	if !ok {
		w.refuse("has a format that is not a text")
		return
	}
	for _, m := range wide.FindAllStringSubmatch(format.Text, -1) {
		for _, width := range m[1:] {
			if n, err := strconv.Atoi(width); err == nil && n > maxGrowth || len(width) > 9 {
				w.refuse("has a format that is too wide")
			}
		}
		if strings.Contains(m[0], "*") {
			w.refuse("has a format whose width is computed")
		}
	}
	w.grow(1 + strings.Count(format.Text, "["))
}

// growsText says whether a pipeline calls a function that can make a text longer.
func growsText(p *parse.PipeNode) bool {
	text := p.String()
	for _, name := range []string{"print", "reReplaceAll", "html", "js", "urlquery", "urlQueryEscape", "Link", "title", "toUpper", "toLower"} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// named says whether a node is a field or method of something, by its last name.
func named(n parse.Node, name string) bool {
	switch n := n.(type) {
	case *parse.FieldNode:
		return n.Ident[len(n.Ident)-1] == name
	case *parse.VariableNode:
		return len(n.Ident) > 1 && n.Ident[len(n.Ident)-1] == name
	case *parse.ChainNode:
		return n.Field[len(n.Field)-1] == name
	}
	return false
}
