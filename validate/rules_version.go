package validate

import "github.com/prometheus/prometheus/promql/parser"

// What Prometheus learned when, from its changelog. Functions that it knew
// before 2.25, and those that it only has behind a feature flag, which the
// parser refuses, are not listed.
var (
	functionSince = map[string]release{
		"clamp": {2, 26}, "last_over_time": {2, 26}, "sgn": {2, 26},
		"present_over_time": {2, 29},
		"acos":              {2, 31}, "acosh": {2, 31}, "asin": {2, 31}, "asinh": {2, 31}, "atan": {2, 31}, "atanh": {2, 31},
		"cos": {2, 31}, "cosh": {2, 31}, "sin": {2, 31}, "sinh": {2, 31}, "tan": {2, 31}, "tanh": {2, 31},
		"deg": {2, 31}, "rad": {2, 31}, "pi": {2, 31},
		"histogram_count": {2, 40}, "histogram_sum": {2, 40}, "histogram_fraction": {2, 40},
		"histogram_stddev": {2, 47}, "histogram_stdvar": {2, 47},
		"histogram_avg":   {2, 51},
		"first_over_time": {3, 14},
	}
	operatorSince = map[parser.ItemType]release{
		parser.ATAN2: {2, 31}, parser.TRIM_UPPER: {3, 11}, parser.TRIM_LOWER: {3, 11},
	}
	durationExprSince = release{3, 14}
	modifierSince     = release{2, 33} // @, and offsets of less than nothing
	keepFiringSince   = release{2, 42}
	queryOffsetSince  = release{2, 53}
	groupLabelsSince  = release{3, 0}
)

// newerSyntax reports what the PromQL of the Prometheus that will run does not know yet.
func newerSyntax(v *ruleView, n parser.Node) {
	switch n := n.(type) {
	case *parser.Call:
		v.since(functionSince[n.Func.Name], v.lazily(n), "the function "+n.Func.Name+"()")
	case *parser.BinaryExpr:
		if since := operatorSince[n.Op]; v.version.before(since) {
			v.since(since, func() spot { return v.operator(n) }, "the operator "+n.Op.String())
		}
	case *parser.MatrixSelector:
		if n.RangeExpr != nil {
			v.since(durationExprSince, v.lazily(n), "a range that is calculated")
		}
	case *parser.SubqueryExpr:
		if n.RangeExpr != nil || n.StepExpr != nil || n.OriginalOffsetExpr != nil {
			v.since(durationExprSince, v.lazily(n), "a subquery whose times are calculated")
		}
		v.modifiers(n, n.Timestamp != nil || n.StartOrEnd != 0, n.OriginalOffset < 0)
	case *parser.VectorSelector:
		if n.OriginalOffsetExpr != nil {
			v.since(durationExprSince, v.lazily(n), "an offset that is calculated")
		}
		v.modifiers(n, n.Timestamp != nil || n.StartOrEnd != 0, n.OriginalOffset < 0)
	}
}

func (v *ruleView) modifiers(n parser.Node, at, future bool) {
	if at {
		v.since(modifierSince, v.lazily(n), "the modifier @")
	}
	if future {
		v.since(modifierSince, v.lazily(n), "an offset of less than zero")
	}
}

// newerRuleKeys reports keys of rule files that the Prometheus that will run does not know yet.
func newerRuleKeys(v *ruleView) {
	if v.rule.KeepFiringFor != 0 {
		v.since(keepFiringSince, v.name, "keep_firing_for")
	}
	if v.rule != &v.group.Rules[0] {
		return
	}
	group := func() spot { return spot{at: v.group.Pos} }
	if v.group.QueryOffset != nil {
		v.since(queryOffsetSince, group, "query_offset of its group")
	}
	if len(v.group.Labels) > 0 {
		v.since(groupLabelsSince, group, "labels of its group")
	}
}

// since reports what the Prometheus that will run is too old for.
func (v *ruleView) since(since release, at func() spot, what string) {
	if v.version.before(since) {
		v.report(rulesVersion, Error, at(), "raise components.prometheus.version in watchbill.yaml, or do without",
			"Prometheus %s, which runs here, does not know %s: it came with %s", v.version, what, since)
	}
}

func (v *ruleView) lazily(n parser.Node) func() spot { return func() spot { return v.node(n) } }
