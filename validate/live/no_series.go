package live

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchbill/watchbill/validate"
)

// noSeries reports selectors that match nothing.
func (v *ruleView) noSeries(ctx context.Context) {
	excused := map[*parser.VectorSelector]bool{}
	v.alternatives(ctx, v.expr, excused)
	for _, u := range v.selected {
		if !u.absent && !excused[u.VectorSelector] && v.empty(ctx, u) {
			v.found = append(v.found, v.fault(ctx, u))
		}
	}
}

// empty says whether it is certain that a selector matches nothing.
func (v *ruleView) empty(ctx context.Context, u *use) bool {
	if u.untold || u.impossible() {
		return false
	}
	s := v.selects(ctx, u.LabelMatchers)
	return s.err == nil && !s.more && len(s.series) == 0
}

// impossible is a selector without anything that it must match, as none can be
// sent: nothing is known of it.
func (u *use) impossible() bool {
	return !slices.ContainsFunc(u.LabelMatchers, func(m *labels.Matcher) bool { return !m.Matches("") })
}

// alternatives finds what may be missing because the other side of an "or" is
// there: the old name of a metric beside the new one, or a number for nothing.
func (v *ruleView) alternatives(ctx context.Context, n parser.Node, excused map[*parser.VectorSelector]bool) {
	if b, ok := n.(*parser.BinaryExpr); ok && b.Op == parser.LOR {
		for _, sides := range [][2]parser.Expr{{b.LHS, b.RHS}, {b.RHS, b.LHS}} {
			if !slices.ContainsFunc(v.selectors(sides[1]), func(u *use) bool { return v.empty(ctx, u) }) {
				for _, u := range v.selectors(sides[0]) {
					excused[u.VectorSelector] = true
				}
			}
		}
	}
	for child := range parser.ChildrenIter(n) {
		v.alternatives(ctx, child, excused)
	}
}

// maxTried is how many matchers of a selector are left out in turn, to find the one at fault.
const maxTried = 8

// fault says why a selector matches nothing.
func (v *ruleView) fault(ctx context.Context, u *use) validate.Finding {
	at, lately := v.node(u.VectorSelector), "now nor in the last "+days(v.window)
	if name := nameOf(u.LabelMatchers); name != "" {
		metric := v.selects(ctx, nameMatchers(u.LabelMatchers))
		if metric.err == nil && !metric.more && len(metric.series) == 0 {
			return v.finding(noSeriesID, at, v.similarMetric(name), fmt.Sprintf("there is no metric %q %s", name, lately))
		}
	}
	for i, m := range u.LabelMatchers[:min(len(u.LabelMatchers), maxTried)] {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			continue
		}
		rest := slices.Delete(slices.Clone(u.LabelMatchers), i, i+1)
		without := v.selects(ctx, rest)
		if without.err != nil || len(without.series) == 0 {
			continue
		}
		if has, err := v.has(ctx, rest, m.Name); err == nil && !has {
			return v.finding(labelID, at, validate.DidYouMean(m.Name, slices.Values(without.labelNames())),
				fmt.Sprintf("no series of %s has the label %q, and so nothing matches %s", shown(u, rest), m.Name, m))
		}
		return v.finding(noSeriesID, at, v.similarValue(ctx, m, rest, without),
			fmt.Sprintf("no series of %s matches %s, %s", shown(u, rest), m, lately))
	}
	message := fmt.Sprintf("no series matches %s, %s", shown(u, u.LabelMatchers), lately)
	return v.finding(noSeriesID, at, v.alone(ctx, u), message)
}

// alone names the matchers that match nothing even by themselves.
func (v *ruleView) alone(ctx context.Context, u *use) string {
	name := nameMatchers(u.LabelMatchers)
	var none []string
	for _, m := range u.LabelMatchers[:min(len(u.LabelMatchers), maxTried)] {
		if len(name) > 0 && m == name[0] {
			continue
		}
		if s := v.selects(ctx, append(slices.Clone(name), m)); s.err == nil && !s.more && len(s.series) == 0 {
			none = append(none, m.String())
		}
	}
	switch len(none) {
	case 0:
		return "each of its matchers matches something, all together nothing"
	case 1:
		return none[0] + " matches none even by itself"
	}
	return strings.Join(none, " and ") + " match none even by themselves"
}

func (v *ruleView) similarMetric(name string) string {
	if hint := validate.DidYouMean(name, maps.Keys(v.names)); hint != "" {
		return hint
	}
	return "see that its exporter runs and is scraped; if the metric is new, this ends with the first scrape"
}

// maxValues is how many values of a label are looked through, or named.
const (
	maxValues = 1_000
	maxNamed  = 5
)

// similarValue names values that there are instead of the matcher's.
func (v *ruleView) similarValue(ctx context.Context, m *labels.Matcher, rest []*labels.Matcher, without *selected) string {
	values := without.values(m.Name)
	if without.more {
		if all, err := put(ctx, v.asker, func() ([]string, error) {
			return v.ask.LabelValues(ctx, m.Name, selector(rest), v.window, maxValues)
		}); err == nil {
			values = all
		}
	}
	if m.Type == labels.MatchEqual {
		if hint := validate.DidYouMean(m.Value, slices.Values(values)); hint != "" {
			return hint
		}
	}
	if len(values) == 0 {
		return ""
	}
	words := make([]string, 0, maxNamed)
	for _, value := range values[:min(len(values), maxNamed)] {
		words = append(words, fmt.Sprintf("%q", value))
	}
	if len(values) > maxNamed {
		words = append(words, "and others")
	}
	return m.Name + " is " + strings.Join(words, ", ")
}

// shown writes matchers as the selector was written.
func shown(u *use, matchers []*labels.Matcher) string {
	s := &parser.VectorSelector{LabelMatchers: matchers}
	if u.Name != "" {
		s.Name = u.Name
	}
	return s.String()
}

func days(w Window) string {
	d := w.To.Sub(w.From)
	if d%day == 0 && d != day {
		return fmt.Sprintf("%d days", d/day)
	}
	return short(d)
}
