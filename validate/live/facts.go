package live

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// maxNames is how many metric names are asked for: of an API that has more, the
// names are not taken as a whole.
const maxNames = 100_000

// facts are what the API has said of its series, each thing asked once. Where a
// metric has few series they are all fetched, and every selector of it is decided
// here, whatever its matchers are.
type facts struct {
	*asker
	window Window
	most   int
	down   error // why nothing could be asked

	names map[string]bool // of metrics; nil if it has too many

	mu    sync.Mutex
	known map[string]*selected
}

// selected is what matchers select.
type selected struct {
	once   sync.Once
	series []labels.Labels
	more   bool // than these
	err    error
}

func newFacts(a *asker, o Options) *facts {
	return &facts{
		asker: a, window: Window{From: o.Now.Add(-o.Past), To: o.Now}, most: o.MaxSeries,
		known: map[string]*selected{},
	}
}

// begin asks for the names of all metrics: if that has no answer, nothing has.
func (f *facts) begin(ctx context.Context) error {
	names, err := put(ctx, f.asker, func() ([]string, error) {
		return f.ask.LabelValues(ctx, model.MetricNameLabel, "", f.window, maxNames+1)
	})
	if err != nil {
		if f.down = err; f.first != nil {
			f.down = f.first
		}
		return err
	}
	if len(names) <= maxNames {
		f.names = make(map[string]bool, len(names))
		for _, name := range names {
			f.names[name] = true
		}
	}
	return nil
}

// selector writes matchers as a selector, the same for the same matchers.
func selector(matchers []*labels.Matcher) string {
	words := make([]string, 0, len(matchers))
	for _, m := range matchers {
		words = append(words, m.String())
	}
	slices.Sort(words)
	return "{" + strings.Join(slices.Compact(words), ",") + "}"
}

// nameOf is the metric that matchers ask for, "" if they do not name one.
func nameOf(matchers []*labels.Matcher) string {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

// selects is what these matchers select.
func (f *facts) selects(ctx context.Context, matchers []*labels.Matcher) *selected {
	key := selector(matchers)
	f.mu.Lock()
	s := f.known[key]
	if s == nil {
		s = new(selected)
		f.known[key] = s
	}
	f.mu.Unlock()
	s.once.Do(func() { f.fill(ctx, s, key, matchers) })
	return s
}

func (f *facts) fill(ctx context.Context, s *selected, key string, matchers []*labels.Matcher) {
	if name := nameOf(matchers); name != "" && len(matchers) > 1 {
		all := f.selects(ctx, nameMatchers(matchers))
		if all.err != nil {
			s.err = all.err
			return
		}
		if !all.more {
			s.series = matching(all.series, matchers)
			return
		}
	} else if name != "" && f.names != nil && !f.names[name] {
		return
	}
	if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches("") }) {
		s.more = true // it selects everything, which the API would refuse
		return
	}
	s.series, s.err = put(ctx, f.asker, func() ([]labels.Labels, error) {
		return f.ask.Series(ctx, key, f.window, f.most+1)
	})
	if len(s.series) > f.most {
		s.series, s.more = s.series[:f.most], true
	}
}

// nameMatchers are those of the metric's name that ask for one value.
func nameMatchers(matchers []*labels.Matcher) []*labels.Matcher {
	return slices.DeleteFunc(slices.Clone(matchers), func(m *labels.Matcher) bool {
		return m.Name != model.MetricNameLabel || m.Type != labels.MatchEqual
	})
}

func matching(series []labels.Labels, matchers []*labels.Matcher) []labels.Labels {
	var out []labels.Labels
	for _, l := range series {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) }) {
			out = append(out, l)
		}
	}
	return out
}

// has says whether a series that the matchers select has the label.
func (f *facts) has(ctx context.Context, matchers []*labels.Matcher, label string) (bool, error) {
	s := f.selects(ctx, matchers)
	if s.err != nil {
		return false, s.err
	}
	if slices.ContainsFunc(s.series, func(l labels.Labels) bool { return l.Get(label) != "" }) {
		return true, nil
	}
	if !s.more {
		return false, nil
	}
	with := append(slices.Clone(matchers), labels.MustNewMatcher(labels.MatchNotEqual, label, ""))
	s = f.selects(ctx, with)
	return len(s.series) > 0 || s.more, s.err
}

// labelNames are those of the series that are known.
func (s *selected) labelNames() []string {
	names := map[string]bool{}
	for _, l := range s.series {
		l.Range(func(l labels.Label) { names[l.Name] = true })
	}
	delete(names, model.MetricNameLabel)
	return slices.Sorted(maps.Keys(names))
}

// values are those that a label has on the series that matchers select, as far as they were fetched.
func (s *selected) values(label string) []string {
	values := map[string]bool{}
	for _, l := range s.series {
		if v := l.Get(label); v != "" {
			values[v] = true
		}
	}
	return slices.SortedFunc(maps.Keys(values), func(a, b string) int { return cmp.Compare(a, b) })
}
