package validate

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchbill/watchbill/validate/routes"
)

// What is known of a side is found by walking all of it, so that is done for a
// few operations only, of expressions of a size that somebody may have written.
const (
	maxPairings = 16
	maxNodes    = 300
)

// vectorMatching reports operations whose two sides never have equal labels, by
// what can be known of them without any samples.
func vectorMatching(v *ruleView, n parser.Node) {
	e, ok := n.(*parser.BinaryExpr)
	if !ok || e.VectorMatching == nil || e.Op == parser.LOR || v.pairings >= maxPairings {
		return
	}
	m := e.VectorMatching
	if m.FillValues.LHS != nil || m.FillValues.RHS != nil {
		return
	}
	v.pairings++
	if v.pairings == 1 && size(v.expr) > maxNodes {
		v.pairings = maxPairings
		return
	}
	l, r := routes.LabelsOf(e.LHS), routes.LabelsOf(e.RHS)
	for _, name := range matchedLabels(m, l, r) {
		if v.apart(e, name, l.Of(name), r.Of(name)) || v.lacks(e, name, l, r) {
			return
		}
	}
}

// size is the number of nodes.
func size(n parser.Node) int {
	nodes := 1
	for child := range parser.ChildrenIter(n) {
		nodes += size(child)
	}
	return nodes
}

// matchedLabels are those that have to be equal for the sides to match and of
// which something is known, sorted.
func matchedLabels(m *parser.VectorMatching, l, r routes.Labels) []string {
	if m.On {
		return slices.Sorted(slices.Values(m.MatchingLabels))
	}
	names := map[string]bool{}
	for _, name := range append(l.Names(), r.Names()...) {
		names[name] = !strings.HasPrefix(name, "__")
	}
	for _, name := range m.MatchingLabels {
		names[name] = false
	}
	maps.DeleteFunc(names, func(_ string, counts bool) bool { return !counts })
	return slices.Sorted(maps.Keys(names))
}

// apart reports a label that certainly differs.
func (v *ruleView) apart(e *parser.BinaryExpr, name string, l, r routes.Values) bool {
	if l.Any() || r.Any() || impossible(l) || impossible(r) || slices.ContainsFunc(l.Set(), r.Has) {
		return false
	}
	v.report(rulesVectorMatch, Error, v.operator(e), "match on the labels that both sides have: "+e.Op.String()+" on (…), or "+e.Op.String()+" ignoring ("+name+")",
		"the two sides of %s never match: the label %s is %s on the left and %s on the right", e.Op, name, l, r)
	return true
}

// lacks reports a label that one side certainly lacks and the other is grouped
// by, or asked for: only what has not got it there either would match.
func (v *ruleView) lacks(e *parser.BinaryExpr, name string, l, r routes.Labels) bool {
	if name == model.BucketLabel { // histogram_quantile drops it, if it is there
		return false
	}
	sides := []string{"left", "right"}
	switch {
	case absent(l.Of(name)) && expected(r, l, name, e.VectorMatching.On):
	case absent(r.Of(name)) && expected(l, r, name, e.VectorMatching.On):
		slices.Reverse(sides)
	default:
		return false
	}
	hint := "match on the labels that both sides have: " + e.Op.String() + " on (…)"
	if !e.VectorMatching.On {
		hint = "say how they match: " + e.Op.String() + " ignoring (" + name + ") group_" + sides[1] + " (), or group both sides by the same labels"
	}
	if e.Op.IsSetOperator() {
		hint = "match on the labels that both sides have: " + e.Op.String() + " on (…)"
	}
	v.report(rulesVectorMatch, Warning, v.operator(e), hint,
		"the two sides of %s are matched on the label %s, which the %s side never has", e.Op, name, sides[0])
	return true
}

func absent(values routes.Values) bool {
	return !values.Any() && slices.Equal(values.Set(), []string{""})
}

// expected says whether a label that the other side lacks is as good as sure to
// be on this one: it is grouped by, or it is asked for by on () of something that
// has labels. A sum or vector(1) without any is matched on a label that neither
// has, by those who do not know on () without labels.
func expected(side, other routes.Labels, name string, on bool) bool {
	if !side.Of(name).Any() {
		return false
	}
	return !side.Open() && slices.Contains(side.Names(), name) || on && slices.ContainsFunc(other.Names(), func(n string) bool {
		return !absent(other.Of(n))
	})
}

// operator is where an operation's operator stands.
func (v *ruleView) operator(e *parser.BinaryExpr) spot {
	expr, op := v.rule.Expr, e.Op.String()
	at := clamp(e.LHS.PositionRange().End, len(expr))
	for at < len(expr) && isBlank(expr[at]) {
		at++
	}
	if len(expr)-at < len(op) || !strings.EqualFold(expr[at:at+len(op)], op) {
		return v.node(e)
	}
	return v.part(at, at+len(op))
}
