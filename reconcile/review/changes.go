package review

import (
	"maps"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// verb says what becomes of a thing.
type verb string

const (
	added   verb = "added"
	changed verb = "changed"
	removed verb = "removed"
	moved   verb = "moved"
)

// environmentChange is what the merge changes in one environment.
type environmentChange struct {
	name        string
	verb        verb // of the environment itself
	blocked     bool // nothing is rendered of one of the revisions
	quarantined []string
	objects     []textChange
	files       []textChange
	rules       []ruleChange
}

// textChange is an object or a file that differs.
type textChange struct {
	verb        verb
	name        string
	diff        string
	plus, minus int
	large       bool // too large to be compared line by line
}

// Texts of more bytes or lines are not compared line by line: that takes time
// by the square of what differs.
const (
	maxDiffed      = 512 << 10
	maxDiffedLines = 10_000
)

// compare fills in what changes in each environment.
func (j *job) compare(rep *report, before, after *side) {
	names := slices.Collect(maps.Keys(before.environments))
	names = slices.AppendSeq(names, maps.Keys(after.environments))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		c := compareEnvironment(before.environments[name], after.environments[name])
		c.name = name
		if !c.empty() {
			rep.environments = append(rep.environments, c)
		}
	}
}

func compareEnvironment(b, a *environment) environmentChange {
	c := environmentChange{verb: changed}
	switch {
	case b == nil:
		b, c.verb = &environment{}, added
	case a == nil:
		a, c.verb = &environment{}, removed
	}
	c.quarantined = newStrings(b.quarantined, a.quarantined)
	if c.blocked = b.blocked || a.blocked; c.blocked {
		return c
	}
	c.objects = compareTexts(b.objects, a.objects)
	c.files = compareTexts(b.files, a.files)
	c.rules = compareRules(b.files, a.files, c.files)
	return c
}

func newStrings(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(s string) bool { return slices.Contains(before, s) })
}

func (c *environmentChange) empty() bool {
	return c.verb == changed && !c.blocked && len(c.quarantined)+len(c.objects)+len(c.files) == 0
}

func compareTexts(before, after map[string]string) []textChange {
	names := slices.Collect(maps.Keys(before))
	names = slices.AppendSeq(names, maps.Keys(after))
	slices.Sort(names)
	var out []textChange
	for _, name := range slices.Compact(names) {
		b, had := before[name]
		a, has := after[name]
		if had == has && a == b {
			continue
		}
		c := textChange{verb: changed, name: name}
		switch {
		case !had:
			c.verb = added
		case !has:
			c.verb = removed
		}
		c.compare(b, a)
		out = append(out, c)
	}
	return out
}

func (c *textChange) compare(before, after string) {
	if max(len(before), len(after)) > maxDiffed || max(strings.Count(before, "\n"), strings.Count(after, "\n")) > maxDiffedLines {
		c.large = true
		return
	}
	diff := difflib.UnifiedDiff{A: lines(before), B: lines(after), Context: 3}
	text, err := difflib.GetUnifiedDiffString(diff)
	if err != nil {
		c.large = true // writing to memory does not fail
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "+"):
			c.plus++
		case strings.HasPrefix(line, "-"):
			c.minus++
		}
	}
	c.diff = strings.TrimRight(text, "\n")
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return difflib.SplitLines(strings.TrimRight(text, "\n"))
}

// ages are the settings that say how long samples are kept, as they differ.
func ages(b, a *repolayout.Environment) []string {
	var out []string
	differs := func(what string, before, after repolayout.Duration) {
		if before != after {
			out = append(out, what+" "+orForEver(before)+" → "+orForEver(after))
		}
	}
	differs("on the volumes", b.Prometheus.Retention, a.Prometheus.Retention)
	differs("raw", b.Retention.Raw, a.Retention.Raw)
	differs("5m", b.Retention.FiveMinutes, a.Retention.FiveMinutes)
	differs("1h", b.Retention.OneHour, a.Retention.OneHour)
	differs("deleted after", b.Retention.DeleteDelay, a.Retention.DeleteDelay)
	if b.Retention.MaxBytes != a.Retention.MaxBytes {
		out = append(out, "at most "+orNoLimit(b.Retention.MaxBytes)+" → "+orNoLimit(a.Retention.MaxBytes))
	}
	if !slices.Equal(b.Retention.Rules, a.Retention.Rules) {
		out = append(out, "rules by selector")
	}
	return out
}

func orForEver(d repolayout.Duration) string {
	if d == "" || d == "0s" {
		return "for ever"
	}
	return string(d)
}

func orNoLimit(size string) string {
	if size == "" {
		return "any size"
	}
	return size
}
