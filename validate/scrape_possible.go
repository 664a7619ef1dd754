package validate

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
)

// maxPossible is how many values of a label are told apart.
const maxPossible = 64

// possible is what is known of a label's value where relabelling is looked at
// without its targets: one of a few values, or any that passes some tests. A
// label that is not there has the value "", as in Prometheus.
type possible struct {
	values   []string // sorted; those that there can be, unless any is set
	any      bool
	nonEmpty bool // of any: it is not ""
	tests    []possibleTest
}

// possibleTest is a regexp that is known to match any of the values, or none.
type possibleTest struct {
	regex relabel.Regexp
	match bool
}

// exactly is one of these values.
func exactly(values ...string) possible {
	values = slices.Clone(values)
	slices.Sort(values)
	if values = slices.Compact(values); len(values) > maxPossible {
		return possible{any: true, nonEmpty: !slices.Contains(values, "")}
	}
	return possible{values: values}
}

func (p possible) isEmpty() bool { return !p.any && len(p.values) == 1 && p.values[0] == "" }

func (p possible) mayBeEmpty() bool {
	if !p.any {
		return slices.Contains(p.values, "")
	}
	return !p.nonEmpty && p.passes("")
}

func (p possible) passes(value string) bool {
	for _, t := range p.tests {
		if t.regex.MatchString(value) != t.match {
			return false
		}
	}
	return value != "" || !p.nonEmpty
}

// or is what is possible where either may hold.
func (p possible) or(o possible) possible {
	if p.any || o.any {
		return possible{any: true, nonEmpty: !p.mayBeEmpty() && !o.mayBeEmpty()}
	}
	return exactly(slices.Concat(p.values, o.values)...)
}

// narrowed is what is left of the values that the regexp matches, or else does not.
func (p possible) narrowed(regex relabel.Regexp, match bool) (left possible, none bool) {
	if p.any && match {
		if set := finite(regex); set != nil {
			left = exactly(slices.DeleteFunc(set, func(v string) bool { return !p.passes(v) })...)
			return left, !left.any && len(left.values) == 0
		}
	}
	if !p.any {
		left = exactly(slices.DeleteFunc(slices.Clone(p.values), func(v string) bool { return regex.MatchString(v) != match })...)
		return left, len(left.values) == 0
	}
	if !match && matchesAllBut(regex, p.nonEmpty) {
		return p, true
	}
	if !match && matchesAllBut(regex, true) {
		return exactly(""), false
	}
	p.nonEmpty = p.nonEmpty || regex.MatchString("") != match
	p.tests = append(slices.Clip(p.tests), possibleTest{regex, match})
	return p, false
}

// decided says whether a test of this very regexp has been passed before.
func (p possible) decided(regex relabel.Regexp) (match, known bool) {
	for _, t := range p.tests {
		if t.regex.String() == regex.String() {
			return t.match, true
		}
	}
	return false, false
}

// finite are all strings that a regexp matches, where they are few.
func finite(regex relabel.Regexp) []string {
	m, err := labels.NewFastRegexMatcher(regex.String())
	if err != nil {
		return nil
	}
	set := slices.Clone(m.SetMatches())
	set = slices.DeleteFunc(set, func(v string) bool { return !regex.MatchString(v) })
	if len(set) == 0 || len(set) > maxPossible {
		return nil
	}
	return set
}
