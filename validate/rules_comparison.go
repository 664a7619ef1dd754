package validate

import "github.com/prometheus/prometheus/promql/parser"

// alwaysFires reports alerts whose expression lets every series through: such
// an alert fires as long as there is anything to look at. One that looks at
// nothing, such as vector(1), is a heartbeat and meant so.
func alwaysFires(v *ruleView) {
	if v.rule.Alert == "" || filters(v.expr) || !selects(v.expr) {
		return
	}
	if b := boolComparison(v.expr); b != nil {
		v.report(rulesComparison, Warning, v.node(b), "take `bool` out",
			"it always fires: with `bool` the comparison returns 0 or 1, and an alert fires on either")
		return
	}
	v.report(rulesComparison, Warning, v.node(v.expr), "compare it with a threshold, such as `> 0`",
		"it always fires: no comparison, absent() or set operator leaves a series out")
}

// filters says whether an expression may leave out some of the series that it looks at.
func filters(e parser.Expr) bool {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return filters(e.Expr)
	case *parser.UnaryExpr:
		return filters(e.Expr)
	case *parser.StepInvariantExpr:
		return filters(e.Expr)
	case *parser.SubqueryExpr:
		return filters(e.Expr)
	case *parser.AggregateExpr:
		return filters(e.Expr)
	case *parser.BinaryExpr:
		switch {
		case e.Op.IsComparisonOperator() && !e.ReturnBool, e.Op == parser.LAND, e.Op == parser.LUNLESS:
			return true
		case e.Op == parser.LOR:
			return filters(e.LHS) && filters(e.RHS)
		}
		return filters(e.LHS) || filters(e.RHS)
	case *parser.Call:
		if e.Func.Name == "absent" || e.Func.Name == "absent_over_time" {
			return true
		}
		for _, arg := range e.Args {
			if filters(arg) {
				return true
			}
		}
	}
	return false
}

// selects says whether an expression looks at any series.
func selects(n parser.Node) bool {
	if _, ok := n.(*parser.VectorSelector); ok {
		return true
	}
	for child := range parser.ChildrenIter(n) {
		if selects(child) {
			return true
		}
	}
	return false
}

func boolComparison(e parser.Expr) *parser.BinaryExpr {
	if b, ok := unwrapped(e).(*parser.BinaryExpr); ok && b.ReturnBool {
		return b
	}
	return nil
}
