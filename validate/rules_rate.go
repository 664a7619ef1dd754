package validate

import "github.com/prometheus/prometheus/promql/parser"

// rateOfAggregate reports rates of sums. When one of the counters begins anew
// or goes away, the sum falls; rate() takes that for a reset and adds a jump as
// high as all the others together.
func rateOfAggregate(v *ruleView, n parser.Node) {
	call, ok := n.(*parser.Call)
	if !ok || len(call.Args) == 0 {
		return
	}
	switch call.Func.Name {
	case "rate", "irate", "increase":
	default:
		return
	}
	subquery, ok := call.Args[0].(*parser.SubqueryExpr)
	if !ok {
		return
	}
	inner, ok := unwrapped(subquery.Expr).(*parser.AggregateExpr)
	if !ok {
		return
	}
	switch inner.Op {
	case parser.SUM, parser.AVG, parser.COUNT:
		v.report(rulesRate, Warning, v.node(call), "turn it round: "+inner.Op.String()+"("+call.Func.Name+"(…))",
			"%s() of %s() sees a reset of one counter as a jump of all", call.Func.Name, inner.Op)
	}
}
