package live

import (
	"maps"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// alterations are the metrics whose recording rules a change adds or alters, or
// go by such a metric: what they will be has not been recorded yet.
type alterations struct {
	altered map[string]bool
	metrics map[string][]string // by expression, as far as they were asked for
}

func alteredRecords(base, head *repolayout.Repo, env *repolayout.Environment) *alterations {
	before, after := recordings(base, envOf(base, env)), recordings(head, env)
	a := &alterations{altered: map[string]bool{}, metrics: map[string][]string{}}
	for name, rules := range after {
		if !sameRecordings(before[name], rules) {
			a.altered[name] = true
		}
	}
	for more := len(a.altered) > 0; more; {
		more = false
		for name, rules := range after {
			if !a.altered[name] && slices.ContainsFunc(rules, func(r recording) bool { return len(a.in(r.expr)) > 0 }) {
				a.altered[name], more = true, true
			}
		}
	}
	return a
}

// in lists those that an expression selects by name, sorted.
func (a *alterations) in(expr string) []string {
	if len(a.altered) == 0 {
		return nil
	}
	names, ok := a.metrics[expr]
	if !ok {
		names = metricsOf(expr)
		a.metrics[expr] = names
	}
	var out []string
	for _, name := range names {
		if a.altered[name] {
			out = append(out, name)
		}
	}
	return out
}

// metricsOf are the metrics that an expression names, sorted.
func metricsOf(text string) []string {
	expr, ok := parse(text)
	if !ok {
		return nil
	}
	names := map[string]bool{}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			if name := nameOf(s.LabelMatchers); name != "" {
				names[name] = true
			}
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names))
}

// recording is one rule that records a metric.
type recording struct {
	expr   string
	labels map[string]string
}

// recordings are the recording rules that run in an environment, by metric.
func recordings(repo *repolayout.Repo, env *repolayout.Environment) map[string][]recording {
	out := map[string][]recording{}
	for _, team := range repo.Teams {
		for _, file := range team.Rules {
			if !runsIn(file, env) {
				continue
			}
			for i := range file.Groups {
				g := &file.Groups[i]
				for j := range g.Rules {
					if r := &g.Rules[j]; r.Record != "" {
						given := maps.Clone(g.Labels)
						if given == nil {
							given = map[string]string{}
						}
						maps.Copy(given, r.Labels)
						out[r.Record] = append(out[r.Record], recording{r.Expr, given})
					}
				}
			}
		}
	}
	return out
}

// sameRecordings says whether two sets of rules record the same, in any order.
func sameRecordings(before, after []recording) bool {
	if len(before) != len(after) {
		return false
	}
	before = slices.Clone(before)
	for _, r := range after {
		i := slices.IndexFunc(before, func(b recording) bool { return maps.Equal(b.labels, r.labels) && sameExpr(b.expr, r.expr) })
		if i < 0 {
			return false
		}
		before = slices.Delete(before, i, i+1)
	}
	return true
}
