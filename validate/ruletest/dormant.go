package ruletest

import (
	"math"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Most rules of a rule file have nothing to do with a test of one of them: no
// series of theirs is there. Evaluating them all the same, at every step, would
// take most of the time. A rule is dormant while no series of the store matches
// any of its selectors, if its expression is of a kind that then gives nothing,
// and no error: the engine need not be asked.

// enginePromQL is the parser that the engine reads expressions with, anew at each evaluation.
var enginePromQL = parser.NewParser(parser.Options{})

// selectorsOf returns the selectors of an expression that gives nothing while
// none of them matches; ok is false for any other expression.
func selectorsOf(expr string) (selectors [][]*labels.Matcher, ok bool) {
	parsed, err := enginePromQL.ParseExpr(expr)
	if err != nil {
		return nil, false // it is for the engine to say so
	}
	ok = givesNothing(parsed, func(s *parser.VectorSelector) { selectors = append(selectors, s.LabelMatchers) })
	return selectors, ok
}

// givesNothing says whether a vector expression is empty and without an error
// when each of its selectors is.
func givesNothing(expr parser.Expr, found func(*parser.VectorSelector)) bool {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		found(e)
		return true
	case *parser.MatrixSelector:
		return givesNothing(e.VectorSelector, found)
	case *parser.SubqueryExpr:
		return givesNothing(e.Expr, found)
	case *parser.ParenExpr:
		return givesNothing(e.Expr, found)
	case *parser.UnaryExpr:
		return givesNothing(e.Expr, found)
	case *parser.AggregateExpr:
		return (e.Param == nil || isCount(e.Param)) && givesNothing(e.Expr, found)
	case *parser.BinaryExpr:
		left, right := isNumber(e.LHS), isNumber(e.RHS)
		return (!left || !right) && (left || givesNothing(e.LHS, found)) && (right || givesNothing(e.RHS, found))
	case *parser.Call:
		return callGivesNothing(e, found)
	}
	return false
}

func callGivesNothing(call *parser.Call, found func(*parser.VectorSelector)) bool {
	name := call.Func.Name
	if !emptyFuncs[name] && (name == "absent_over_time" || !strings.HasSuffix(name, "_over_time")) {
		return false
	}
	vectors := 0
	for _, arg := range call.Args {
		if isNumber(arg) {
			continue
		}
		if vectors++; !givesNothing(arg, found) {
			return false
		}
	}
	return vectors > 0
}

func isNumber(expr parser.Expr) bool {
	_, ok := expr.(*parser.NumberLiteral)
	return ok
}

// isCount says whether no aggregation can refuse this parameter.
func isCount(expr parser.Expr) bool {
	n, ok := expr.(*parser.NumberLiteral)
	return ok && math.Abs(n.Val) < 1<<31
}

// emptyFuncs are functions, besides those over time, that of nothing make
// nothing. The others make something of it, or check their other arguments.
var emptyFuncs = map[string]bool{
	"abs": true, "ceil": true, "changes": true, "clamp": true, "clamp_max": true, "clamp_min": true, "delta": true, "deriv": true,
	"exp": true, "floor": true, "histogram_avg": true, "histogram_count": true, "histogram_quantile": true, "histogram_sum": true,
	"idelta": true, "increase": true, "irate": true, "ln": true, "log10": true, "log2": true, "predict_linear": true, "rate": true,
	"resets": true, "round": true, "sgn": true, "sort": true, "sort_desc": true, "sqrt": true, "timestamp": true,
}

// dormant says whether the rule has nothing to evaluate yet.
func (s *ruleState) dormant(r *rule, st *store) bool {
	if s.awake || !r.sleeps {
		return false
	}
	for ; s.looked < len(st.series); s.looked++ {
		for _, selector := range r.selectors {
			if matchesAll(st.series[s.looked].labels, selector) {
				s.awake = true
				return false
			}
		}
	}
	return true
}
