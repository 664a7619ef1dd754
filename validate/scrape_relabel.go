package validate

import (
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/relabel"
)

// apply does to the labels what a relabelling rule does. It says whether the
// rule drops them whatever their values are, and is right where it says yes.
func (l *abstractLabels) apply(c *relabel.Config) (dropped bool) {
	names := sourceNames(c)
	from := l.values(names, c.Separator)
	switch c.Action {
	case relabel.Keep, relabel.Drop:
		return l.test(c, names, from)
	case relabel.KeepEqual, relabel.DropEqual:
		return l.compare(c, names, from)
	case relabel.Replace:
		l.replace(c, from)
	case relabel.Lowercase, relabel.Uppercase:
		l.set(c.TargetLabel, from.with(caseOf(c.Action)))
	case relabel.HashMod:
		l.set(c.TargetLabel, remainders(c.Modulus))
	case relabel.LabelMap:
		l.rename(c)
	case relabel.LabelDrop:
		l.drop(c.Regex.MatchString)
	case relabel.LabelKeep:
		l.drop(func(name string) bool { return !c.Regex.MatchString(name) })
	}
	return false
}

func sourceNames(c *relabel.Config) []string {
	names := make([]string, len(c.SourceLabels))
	for i, name := range c.SourceLabels {
		names[i] = string(name)
	}
	return names
}

func (l *abstractLabels) set(name string, p possible) { l.named[name] = p }

// test is keep and drop. What is let through has passed the test from then on.
func (l *abstractLabels) test(c *relabel.Config, names []string, from joined) (dropped bool) {
	keep := c.Action == relabel.Keep
	if keep && !from.mayMatch(c.Regex) || !keep && from.mustMatch(c.Regex) {
		return true
	}
	if len(names) != 1 {
		return false
	}
	left, none := from.parts[0].narrowed(c.Regex, keep)
	if !none {
		l.set(names[0], left)
	}
	return none
}

// compare is keepequal and dropequal.
func (l *abstractLabels) compare(c *relabel.Config, names []string, from joined) (dropped bool) {
	drop := c.Action == relabel.DropEqual
	if len(names) == 1 && names[0] == c.TargetLabel {
		return drop
	}
	to := l.of(c.TargetLabel)
	if !from.finite || to.any {
		return false
	}
	equal, unequal := false, false
	for _, a := range from.values {
		for _, b := range to.values {
			equal, unequal = equal || a == b, unequal || a != b
		}
	}
	return drop && !unequal || !drop && !equal
}

// replace sets the label for each text that there can be, or for any text.
func (l *abstractLabels) replace(c *relabel.Config, from joined) {
	if !from.mayMatch(c.Regex) {
		return
	}
	if strings.Contains(c.TargetLabel, "$") {
		l.spoil(literalPrefix(c.TargetLabel))
		return
	}
	if !c.NameValidationScheme.IsValidLabelName(c.TargetLabel) {
		return
	}
	result, always := replaced(c, from), from.mustMatch(c.Regex)
	if !always {
		result = result.or(l.of(c.TargetLabel))
	}
	l.set(c.TargetLabel, result)
}

func replaced(c *relabel.Config, from joined) possible {
	switch {
	case !strings.Contains(c.Replacement, "$"):
		return exactly(c.Replacement)
	case from.finite:
		var results []string
		for _, v := range from.values {
			if at := c.Regex.FindStringSubmatchIndex(v); at != nil {
				results = append(results, string(c.Regex.ExpandString(nil, c.Replacement, v, at)))
			}
		}
		return exactly(results...)
	case len(from.parts) == 1 && c.Regex.String() == "(.*)" && (c.Replacement == "$1" || c.Replacement == "${1}"):
		return from.parts[0]
	}
	return possible{any: true}
}

// with is what becomes of the text where each of its characters is changed.
func (j joined) with(change func(string) string) possible {
	if j.finite {
		var results []string
		for _, v := range j.values {
			results = append(results, change(v))
		}
		return exactly(results...)
	}
	return possible{any: true}
}

func caseOf(action relabel.Action) func(string) string {
	if action == relabel.Lowercase {
		return strings.ToLower
	}
	return strings.ToUpper
}

func remainders(modulus uint64) possible {
	if modulus > maxPossible {
		return possible{any: true, nonEmpty: true}
	}
	var all []string
	for i := range modulus {
		all = append(all, strconv.FormatUint(i, 10))
	}
	return exactly(all...)
}

// isMeta says whether a label is one that service discovery sets and relabelling takes away.
func isMeta(name string) bool { return strings.HasPrefix(name, model.MetaLabelPrefix) }
