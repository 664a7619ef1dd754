package ruletest

import (
	"errors"
	"fmt"
	"strings"
	"text/template/parse"

	"github.com/prometheus/prometheus/template"
)

// A template can loop without end, and can double a text until memory is full;
// nothing stops text/template once it runs. So what templates of rules do is
// looked at before: they may loop over what query gives (see templateQuery) and
// over labels, and make texts longer by a bounded factor. That is all that
// annotations are known to need.
const (
	maxTemplate  = 64 << 10
	maxGrowth    = 1024 // times that a text may become longer
	maxTextDepth = 200  // of parentheses and blocks
)

// templateWeight looks through one template.
type templateWeight struct {
	defined map[string]*parse.Tree
	bounded map[string]bool // variables that hold what may be looped over
	dot     bool            // so does the dot
	loops   int
	growth  int
	depth   int
	err     error
}

// weighTemplate refuses a template of an alert whose run nothing would bound, and counts its loops.
func weighTemplate(alert, text string) (loops int, err error) {
	if !strings.Contains(text, "{{") {
		return 0, nil
	}
	if len(text) > maxTemplate {
		return 0, fmt.Errorf("the template takes %d KiB; the most is %d KiB", len(text)>>10, maxTemplate>>10)
	}
	name := "__alert_" + alert // as upstream has it, so that a call of itself is one here too
	trees, err := parse.Parse(name, prelude+text, "", "", templateFuncs)
	if err != nil || trees[name] == nil {
		return 0, nil //nolint:nilerr // it cannot run, and upstream says so
	}
	w := &templateWeight{growth: 1, defined: trees, bounded: map[string]bool{"$labels": true, "$externalLabels": true}}
	w.node(trees[name].Root, false)
	return w.loops, w.err
}

// templateFuncs are the names of the functions of rules' templates.
var templateFuncs = func() map[string]any {
	names := funcNames{}
	template.RegisterFeatures(names)
	for _, name := range strings.Fields("and call eq ge gt html index js le len lt ne not or print printf println slice urlquery") {
		names[name] = true
	}
	return names
}()

// funcNames is a feature registry that keeps the names alone.
type funcNames map[string]any

func (n funcNames) Enable(_, name string)            { n[name] = true }
func (n funcNames) Disable(_, name string)           { delete(n, name) }
func (n funcNames) Set(_, name string, enabled bool) { n[name] = enabled }
func (n funcNames) Get() map[string]map[string]bool  { return nil }

func (w *templateWeight) refuse(what string) {
	if w.err == nil {
		w.err = errors.New("a template " + what + ", which nothing would bound")
	}
}

func (w *templateWeight) list(l *parse.ListNode, inLoop bool) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		w.node(n, inLoop)
	}
}

func (w *templateWeight) node(n parse.Node, inLoop bool) {
	if w.depth++; w.depth > maxTextDepth {
		w.refuse("nests too deep")
	}
	defer func() { w.depth-- }()
	if w.err != nil {
		return
	}
	switch n := n.(type) {
	case *parse.ListNode:
		w.list(n, inLoop)
	case *parse.ActionNode:
		grown := w.growth
		w.pipe(n.Pipe, inLoop)
		if len(n.Pipe.Decl) == 0 {
			w.growth = grown // what is put out is not made longer again
		}
	case *parse.IfNode:
		w.branch(&n.BranchNode, inLoop, inLoop)
	case *parse.WithNode:
		dot := w.dot
		w.dot = w.isBounded(n.Pipe)
		w.branch(&n.BranchNode, inLoop, inLoop)
		w.dot = dot
	case *parse.RangeNode:
		w.loops++
		if inLoop && !asksQuery(n.Pipe) {
			w.refuse("loops within a loop over something else than a query")
		}
		if !w.isBounded(n.Pipe) {
			w.refuse("loops over something else than a query's result or labels")
		}
		dot := w.dot
		w.dot = false
		w.branch(&n.BranchNode, inLoop, true)
		w.dot = dot
	case *parse.TemplateNode:
		if w.defined[n.Name] != nil { // else it fails when it is called
			w.refuse("calls another one, or itself")
		}
	}
}

func (w *templateWeight) branch(b *parse.BranchNode, inLoop, bodyInLoop bool) {
	w.pipe(b.Pipe, inLoop)
	w.list(b.List, bodyInLoop)
	w.list(b.ElseList, inLoop)
}

// pipe weighs a pipeline, and remembers what its variables hold.
func (w *templateWeight) pipe(p *parse.PipeNode, inLoop bool) {
	if p == nil || w.err != nil {
		return
	}
	if w.depth++; w.depth > maxTextDepth {
		w.refuse("nests too deep")
		return
	}
	defer func() { w.depth-- }()
	bounded := w.isBounded(p)
	for _, v := range p.Decl {
		name := v.Ident[0]
		before, known := w.bounded[name]
		w.bounded[name] = bounded && (before || !known)
	}
	for _, c := range p.Cmds {
		w.command(c, inLoop)
	}
	if inLoop && p.IsAssign && growsText(p) {
		w.refuse("makes a variable longer in a loop")
	}
}

// isBounded says whether a pipeline gives a query's result or labels.
func (w *templateWeight) isBounded(p *parse.PipeNode) bool {
	if p == nil || len(p.Cmds) == 0 {
		return false
	}
	last := p.Cmds[len(p.Cmds)-1]
	switch n := last.Args[0].(type) {
	case *parse.IdentifierNode:
		return n.Ident == "query" || n.Ident == "sortByLabel"
	case *parse.VariableNode:
		return len(p.Cmds) == 1 && (len(n.Ident) == 1 && w.bounded[n.Ident[0]] || len(n.Ident) == 2 && n.Ident[0] == "$" && isLabels(n.Ident[1]))
	case *parse.DotNode:
		return len(p.Cmds) == 1 && w.dot
	case *parse.FieldNode:
		return len(p.Cmds) == 1 && len(n.Ident) == 1 && isLabels(n.Ident[0])
	case *parse.PipeNode:
		return len(p.Cmds) == 1 && w.isBounded(n)
	}
	return false
}

func isLabels(field string) bool { return field == "Labels" || field == "ExternalLabels" }

// asksQuery says whether a pipeline queries itself, so that each run of it is counted.
func asksQuery(p *parse.PipeNode) bool {
	return p != nil && strings.Contains(p.String(), "query ")
}
