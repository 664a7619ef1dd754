package repolayout

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// A selector is bounded by its text and its matchers, and with them by what its regular expressions cost.
const (
	maxSelector = 1024
	maxMatchers = 16
)

// Selector picks blocks by their external labels. Its matchers are sorted.
type Selector []*labels.Matcher

// ParseSelector reads matchers in braces, such as {environment="dev"}.
func ParseSelector(s string) (Selector, error) {
	if len(s) > maxSelector {
		return nil, fmt.Errorf("it is longer than %d characters", maxSelector)
	}
	if !strings.HasPrefix(s, "{") {
		return nil, errors.New("it does not begin with a brace")
	}
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s)
	if err != nil {
		return nil, err
	}
	if len(matchers) == 0 {
		return nil, errors.New("it names no label")
	}
	if len(matchers) > maxMatchers {
		return nil, fmt.Errorf("it has more than %d matchers", maxMatchers)
	}
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel || !model.LegacyValidation.IsValidLabelName(m.Name) {
			return nil, fmt.Errorf("%q is no external label", m.Name)
		}
	}
	slices.SortFunc(matchers, func(a, b *labels.Matcher) int { return cmp.Compare(a.String(), b.String()) })
	return matchers, nil
}

// String is the same for selectors of the same matchers, in whatever order they were written.
func (s Selector) String() string {
	texts := make([]string, 0, len(s))
	for _, m := range s {
		texts = append(texts, m.String())
	}
	return "{" + strings.Join(slices.Compact(texts), ",") + "}"
}

// Picks says whether the selector picks blocks of these external labels.
func (s Selector) Picks(external map[string]string) bool {
	return !slices.ContainsFunc(s, func(m *labels.Matcher) bool { return !m.Matches(external[m.Name]) })
}

// disjoint says whether it can be shown that no block is picked by both: there
// is a label that one of them allows a few values of, and none of these passes
// all that both say of the label. What it would take to compare two regular
// expressions of endless values, it does not try.
func (s Selector) disjoint(other Selector) bool {
	both := slices.Concat(s, other)
	return slices.ContainsFunc(both, func(m *labels.Matcher) bool {
		values, few := valuesOf(m)
		return few && !slices.ContainsFunc(values, func(value string) bool { return allTake(both, m.Name, value) })
	})
}

// valuesOf lists the values that a matcher takes, if they are few.
func valuesOf(m *labels.Matcher) (values []string, few bool) {
	if m.Type == labels.MatchEqual {
		return []string{m.Value}, true
	}
	if m.Type == labels.MatchRegexp {
		values = m.SetMatches()
	}
	return values, len(values) > 0
}

func allTake(matchers Selector, label, value string) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return m.Name == label && !m.Matches(value) })
}
