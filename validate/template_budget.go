package validate

import (
	"errors"
	"fmt"
	"reflect"
	"regexp/syntax"
	texttemplate "text/template"
	"text/template/parse"

	amtemplate "github.com/prometheus/alertmanager/template"
)

// What one run of a template may use. These are counts and not times, so that
// the same template always has the same outcome.
const (
	maxRunSteps  = 10_000   // templates called and loops gone through
	maxRunBytes  = 16 << 20 // that functions take in and give out
	maxRunOutput = 256 << 10
)

var errBudget = errors.New("the template does not come to an end, or makes too much of it")

// stepFunc is the function that counts steps; its name is none that a person would write.
const stepFunc = "watchbillStep"

// budget bounds the run of a template. A template can loop and recurse without
// end, and can double a text until memory is full; nothing in text/template
// stops it. So every loop and template begins with a call that counts, and
// every function is wrapped in one that weighs.
type budget struct {
	steps, bytes, output int
}

func newBudget() *budget { return &budget{} }

func (b *budget) reset() { *b = budget{steps: maxRunSteps, bytes: maxRunBytes, output: maxRunOutput} }

// Write takes a run's output, of which nothing is kept.
func (b *budget) Write(p []byte) (int, error) {
	if b.output -= len(p); b.output < 0 {
		return 0, errBudget
	}
	return len(p), nil
}

func (b *budget) step() (bool, error) {
	if b.steps--; b.steps < 0 {
		return false, errBudget
	}
	return false, nil
}

// spend panics when the budget is used up: text/template makes an error of it.
func (b *budget) spend(n int) {
	if b.bytes -= n; b.bytes < 0 {
		panic(errBudget)
	}
}

// funcs are Alertmanager's functions and text/template's own that make new
// texts, all wrapped.
func (b *budget) funcs() texttemplate.FuncMap {
	funcs := texttemplate.FuncMap{
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		"html": texttemplate.HTMLEscaper, "js": texttemplate.JSEscaper, "urlquery": texttemplate.URLQueryEscaper,
	}
	for name, f := range amtemplate.DefaultFuncs {
		funcs[name] = f
	}
	for name, f := range funcs {
		funcs[name] = b.wrap(name, reflect.ValueOf(f))
	}
	funcs[stepFunc] = b.step
	return funcs
}

func (b *budget) wrap(name string, f reflect.Value) any {
	return reflect.MakeFunc(f.Type(), func(args []reflect.Value) []reflect.Value {
		if name == "match" || name == "reReplaceAll" {
			b.spend(regexpCost(args))
		}
		for _, arg := range args {
			b.spend(b.weigh(arg))
		}
		var out []reflect.Value
		if f.Type().IsVariadic() {
			out = f.CallSlice(args)
		} else {
			out = f.Call(args)
		}
		b.spend(b.weigh(out[0]))
		return out
	}).Interface()
}

// weigh is the size of a value, shared parts counted as often as they come, and
// no further than the budget reaches.
func (b *budget) weigh(v reflect.Value) int {
	size := 8
	switch v.Kind() {
	case reflect.String:
		size += v.Len()
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			size += b.weigh(v.Elem())
		}
	case reflect.Slice:
		for i := 0; i < v.Len() && size <= b.bytes; i++ {
			size += b.weigh(v.Index(i))
		}
	case reflect.Map:
		for i := v.MapRange(); size <= b.bytes && i.Next(); {
			size += b.weigh(i.Key()) + b.weigh(i.Value())
		}
	}
	return size
}

// regexpCost bounds the work of matching: the steps of the compiled expression
// for each character of the text. And a replacement may come at every character.
func regexpCost(args []reflect.Value) int {
	texts := make([]int, len(args))
	for i, arg := range args {
		texts[i] = arg.Len() + 1
	}
	instructions := 1
	if re, err := syntax.Parse(args[0].String(), syntax.Perl); err == nil {
		if prog, err := syntax.Compile(re.Simplify()); err == nil {
			instructions = len(prog.Inst)
		}
	}
	subject := texts[len(texts)-1]
	cost := instructions + instructions*subject/8
	if len(texts) == 3 {
		cost += texts[1] * subject
	}
	return cost
}

// stepNode is a node that runs stepFunc and puts nothing out.
func stepNode() parse.Node {
	trees, err := parse.Parse("step", "{{if "+stepFunc+"}}{{end}}", "", "", map[string]any{stepFunc: true})
	if err != nil {
		return nil
	}
	return trees["step"].Root.Nodes[0]
}

// addSteps makes every loop in a template, and the template itself, count.
func addSteps(root *parse.ListNode) {
	step := stepNode()
	if root == nil || step == nil {
		return
	}
	var loops []*parse.ListNode
	eachNode(root, func(n parse.Node) {
		if r, ok := n.(*parse.RangeNode); ok && r.List != nil {
			loops = append(loops, r.List)
		}
	})
	for _, list := range append(loops, root) {
		list.Nodes = append([]parse.Node{step.Copy()}, list.Nodes...)
	}
}
