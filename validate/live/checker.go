package live

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchbill/watchbill/validate"
)

// maxFindings is how many findings a rule file gets of these checks.
const maxFindings = 100

// checker holds rules against the facts.
type checker struct {
	*facts
	recorded map[string]bool
	scrape   time.Duration
	samples  int64 // that an evaluation may read
	now      time.Time
}

// rules checks all of them, equal expressions once where that can be.
func (c *checker) rules(ctx context.Context, rules []*rule) []validate.Finding {
	c.fetch(ctx, rules)
	costs := c.costs(ctx, rules)
	perFile := map[string]int{}
	var out []validate.Finding
	for i, found := range c.judged(ctx, rules) {
		r := rules[i]
		found = append(found, c.costFindings(ctx, r, costs[r.Expr])...)
		for _, f := range found {
			if perFile[f.File]++; perFile[f.File] <= maxFindings {
				out = append(out, f)
			}
		}
	}
	return out
}

// fetch asks for the metrics of all rules, before rule by rule is looked at: what
// is likely to be needed by all comes first if there is a limit.
func (c *checker) fetch(ctx context.Context, rules []*rule) {
	seen := map[string]bool{}
	var todo [][]*labels.Matcher
	for _, r := range rules {
		for _, s := range c.selectors(r.expr) {
			if key := selector(s.LabelMatchers); !s.untold && !seen[key] {
				seen[key] = true
				todo = append(todo, s.LabelMatchers)
			}
		}
	}
	slices.SortStableFunc(todo, func(a, b []*labels.Matcher) int { return cmp.Compare(nameOf(a), nameOf(b)) })
	each(len(todo), func(i int) { c.selects(ctx, todo[i]) })
}

// judged are the findings of each rule about its selectors and labels.
func (c *checker) judged(ctx context.Context, rules []*rule) [][]validate.Finding {
	out := make([][]validate.Finding, len(rules))
	each(len(rules), func(i int) {
		v := &ruleView{checker: c, rule: rules[i], selected: c.selectors(rules[i].expr)}
		v.noSeries(ctx)
		v.labels(ctx)
		out[i] = v.found
	})
	return out
}

// ruleView is one rule that is looked at.
type ruleView struct {
	*checker
	*rule
	selected []*use
	found    []validate.Finding
}

// use is a selector in an expression.
type use struct {
	*parser.VectorSelector
	untold bool // nothing can be said of its series: rules of the repo record them, or Prometheus makes them itself
	absent bool // that nothing matches is what is asked for
}

// selectors lists those of an expression.
func (c *checker) selectors(expr parser.Node) []*use {
	var out []*use
	var walk func(n parser.Node, absent bool)
	walk = func(n parser.Node, absent bool) {
		switch n := n.(type) {
		case *parser.VectorSelector:
			out = append(out, &use{VectorSelector: n, untold: c.untold(n.LabelMatchers), absent: absent})
		case *parser.Call:
			absent = absent || n.Func.Name == "absent" || n.Func.Name == "absent_over_time"
		}
		for child := range parser.ChildrenIter(n) {
			walk(child, absent)
		}
	}
	walk(expr, false)
	return out
}

// made are the metrics that Prometheus itself makes of alerts: they come and go with those.
var made = []string{"ALERTS", "ALERTS_FOR_STATE"}

// untold says whether matchers select what is not scraped.
func (c *checker) untold(matchers []*labels.Matcher) bool {
	named, passes := false, func(name string) bool {
		for _, m := range matchers {
			if m.Name == model.MetricNameLabel && !m.Matches(name) {
				return false
			}
		}
		return true
	}
	for _, m := range matchers {
		named = named || m.Name == model.MetricNameLabel
	}
	if !named {
		return false
	}
	if name := nameOf(matchers); name != "" {
		return c.recorded[name] || slices.Contains(made, name)
	}
	for name := range c.recorded {
		if passes(name) {
			return true
		}
	}
	return slices.ContainsFunc(made, passes)
}
