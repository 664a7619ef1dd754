package ruletest

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// maxSubquerySteps is at how many times one expression may evaluate its
// subqueries. The engine keeps a counter of each, before it evaluates any.
const maxSubquerySteps = 1_000_000

// weighSubqueries refuses an expression whose subqueries take too many steps.
// The step of one that gives none is the evaluation interval.
func weighSubqueries(expr string, interval time.Duration) error {
	parsed, err := enginePromQL.ParseExpr(expr)
	if err != nil {
		return nil //nolint:nilerr // it is for the engine to say so
	}
	most := int64(1)
	parser.Inspect(parsed, func(node parser.Node, path []parser.Node) error {
		steps := subquerySteps(node, interval)
		for _, outer := range path {
			// Both are at most one more than the limit: the product fits.
			steps = min(steps*subquerySteps(outer, interval), maxSubquerySteps+1)
		}
		most = max(most, steps)
		return nil
	})
	if most > maxSubquerySteps {
		return fmt.Errorf("the subqueries of the expression take more than %d steps", maxSubquerySteps)
	}
	return nil
}

func subquerySteps(node parser.Node, interval time.Duration) int64 {
	s, ok := node.(*parser.SubqueryExpr)
	if !ok {
		return 1
	}
	step := s.Step
	if step == 0 {
		step = interval
	}
	return min(int64(s.Range/max(step, time.Millisecond))+1, maxSubquerySteps+1)
}

// weigh weighs an expression as it is evaluated, once.
func (e *evaluator) weigh(expr string) error {
	if !strings.Contains(expr, "[") {
		return nil
	}
	err, known := e.weighed[expr]
	if !known {
		err = weighSubqueries(expr, e.interval)
		if e.weighed == nil {
			e.weighed = map[string]error{}
		}
		e.weighed[expr] = err
	}
	return err
}
