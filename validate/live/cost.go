package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchbill/watchbill/validate"
)

// cost is what one evaluation of an expression takes.
type cost struct {
	samples  int64
	measured bool
	refused  *Refusal
}

// costs has each expression evaluated once, now: by count, so that the answer is
// small whatever the expression returns.
func (c *checker) costs(ctx context.Context, rules []*rule) map[string]*cost {
	costs := map[string]*cost{}
	var todo []*rule
	for _, r := range rules {
		if costs[r.Expr] == nil && r.expr.Type() != parser.ValueTypeString && len(c.selectors(r.expr)) > 0 {
			costs[r.Expr] = new(cost)
			todo = append(todo, r)
		}
	}
	each(len(todo), func(i int) { *costs[todo[i].Expr] = c.cost(ctx, todo[i].expr) })
	return costs
}

func (c *checker) cost(ctx context.Context, expr parser.Expr) cost {
	answer, err := put(ctx, c.asker, func() (Answer, error) { return c.ask.Query(ctx, counting(expr), c.now) })
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return cost{refused: refusal}
	case err != nil:
		return cost{}
	case answer.Measured:
		return cost{samples: answer.Samples, measured: true}
	}
	return cost{samples: c.estimate(ctx, expr, 1)}
}

// counting is an expression that reads what the given one does, and returns one number at most.
func counting(expr parser.Expr) string {
	if expr.Type() == parser.ValueTypeScalar {
		return "vector(" + expr.String() + ")"
	}
	return "count(" + expr.String() + ")"
}

// estimate is for an API that does not measure: of each selector, its series
// times the scrapes in its range.
func (c *checker) estimate(ctx context.Context, n parser.Node, times int64) (samples int64) {
	switch n := n.(type) {
	case *parser.SubqueryExpr:
		step := n.Step
		if step <= 0 {
			step = time.Minute
		}
		times *= max(1, int64(n.Range/step))
	case *parser.MatrixSelector:
		times *= max(1, int64(n.Range/c.scrape))
	case *parser.VectorSelector:
		return times * c.count(ctx, n)
	}
	for child := range parser.ChildrenIter(n) {
		samples += c.estimate(ctx, child, times)
	}
	return samples
}

// count is how many series a selector matches, of few all that were there lately.
func (c *checker) count(ctx context.Context, s *parser.VectorSelector) int64 {
	known := c.selects(ctx, s.LabelMatchers)
	if !known.more {
		return int64(len(known.series))
	}
	answer, err := put(ctx, c.asker, func() (Answer, error) {
		return c.ask.Query(ctx, "count("+selector(s.LabelMatchers)+")", c.now)
	})
	if err != nil || len(answer.Series) == 0 || len(answer.Series[0].Points) == 0 {
		return int64(len(known.series))
	}
	return int64(answer.Series[0].Points[0].V)
}

// costFindings are those of one rule.
func (c *checker) costFindings(ctx context.Context, r *rule, k *cost) []validate.Finding {
	switch {
	case k == nil:
		return nil
	case k.refused != nil && k.refused.Kind != "bad_data":
		return []validate.Finding{r.finding(failsID, r.whole(), failHint(k.refused), "Prometheus could not evaluate it just now: "+k.refused.Message)}
	case k.refused != nil:
		return []validate.Finding{r.finding(failsID, r.whole(), "the Prometheus that was asked may be an older one than the stack's", "Prometheus does not take it: "+k.refused.Message)}
	case k.samples <= c.samples:
		return nil
	}
	verb := "reads"
	if !k.measured {
		verb = "would read about"
	}
	message := fmt.Sprintf("one evaluation %s %s samples; the limit is %s", verb, grouped(k.samples), grouped(c.samples))
	hint := "narrow what is selected, shorten the range, or record a part of it that changes slowly"
	if s := c.largest(ctx, r.expr); s != "" {
		hint += "; most comes from " + s
	}
	return []validate.Finding{r.finding(costID, r.whole(), hint, message)}
}

func failHint(r *Refusal) string {
	if r.Kind == "timeout" || strings.Contains(r.Message, "too many samples") {
		return "it takes more than Prometheus gives a query; narrow what is selected, or record a part of it"
	}
	return "a rule that fails records nothing and never fires; its labels decide which series are matched"
}

// largest is the selector that most samples come from.
func (c *checker) largest(ctx context.Context, expr parser.Expr) string {
	var best string
	var most int64
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			times := int64(1)
			written := s.String()
			for _, p := range slices.Backward(path) {
				if m, ok := p.(*parser.MatrixSelector); ok {
					times, written = max(1, int64(m.Range/c.scrape)), m.String()
				}
			}
			if n := times * c.count(ctx, s); n > most {
				best, most = written, n
			}
		}
		return nil
	})
	return best
}

// grouped writes a number for people: 12,345,678.
func grouped(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
