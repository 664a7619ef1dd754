package validate

import (
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchbill/watchbill/validate/routes"
)

// maxMatchers is how many matchers a selector may have that is looked at:
// each is held against the others, and looked for in the text.
const maxMatchers = 100

// impossibleSelector reports selectors whose matchers contradict each other.
func impossibleSelector(v *ruleView, n parser.Node) {
	s, ok := n.(*parser.VectorSelector)
	if !ok || len(s.LabelMatchers) > maxMatchers {
		return
	}
	for i, m := range s.LabelMatchers {
		if m.Type == labels.MatchNotRegexp && m.Value == ".*" {
			v.report(rulesSelector, Error, v.matcher(s, m), "write "+m.Name+`="" for series without the label`,
				"no series passes %s, which leaves every value out", m)
			return
		}
		if first := sameLabel(s.LabelMatchers[:i], m.Name); first != nil && contradict(s, m.Name) {
			v.report(rulesSelector, Error, v.matcher(s, m), "keep one of them, or select both with =~",
				"no series passes both %s and %s", first, m)
			return
		}
	}
}

func sameLabel(matchers []*labels.Matcher, name string) *labels.Matcher {
	for _, m := range matchers {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// contradict says whether the selector's matchers leave a label no value at all.
func contradict(s *parser.VectorSelector, name string) bool {
	return impossible(routes.LabelsOf(s).Of(name))
}

func impossible(values routes.Values) bool { return !values.Any() && len(values.Set()) == 0 }

// unquoted is a string of PromQL without its quotes, or a word as it is.
func unquoted(word string) string {
	if s, err := strconv.Unquote(word); err == nil {
		return s
	}
	if len(word) > 1 && word[0] == '\'' && word[len(word)-1] == '\'' {
		return word[1 : len(word)-1]
	}
	return word
}
