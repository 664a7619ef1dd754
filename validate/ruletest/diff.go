package ruletest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// alertFailure says how what fires is not what is expected.
func (r *testRun) alertFailure(t *AlertTest, expected, got []alert) Failure {
	f := Failure{
		Kind: KindAlert, Position: t.Position, Subject: t.Alertname, EvalTime: t.EvalTime,
		Message: fmt.Sprintf("alert %q at %s: %s", t.Alertname, short(t.EvalTime), counts("alert", "fires", "fire", len(expected), len(got))),
		Hint:    r.alertHint(t, len(expected), len(got)),
	}
	f.Expected, f.Got = shown(expected, alert.String), shown(got, alert.String)
	f.Diff = diffOf(expected, got, differ[alert]{
		equal: alert.equal, text: alert.String,
		distance: func(a, b alert) int {
			return len(changes(a.labels, b.labels)) + len(changes(a.annotations, b.annotations))
		},
		explain: func(a, b alert) []string {
			return append(explained("label", a.labels, b.labels), explained("annotation", a.annotations, b.annotations)...)
		},
	})
	return f
}

// alertHint says what the test cannot see: no such alert, or one that is pending.
func (r *testRun) alertHint(t *AlertTest, expected, got int) string {
	var names []string
	for _, g := range r.groups {
		for i := range g.rules {
			if g.rules[i].alert != "" {
				names = append(names, g.rules[i].alert)
			}
		}
	}
	if !slices.Contains(names, t.Alertname) {
		hint := fmt.Sprintf("no alert of the rule_files is called %q", t.Alertname)
		if near := nearest(t.Alertname, names); near != "" {
			hint += fmt.Sprintf("; did you mean %q?", near)
		}
		return hint
	}
	if got >= expected {
		return ""
	}
	hint := ""
	r.eachAlert(t.Alertname, func(rule *rule, a *active) {
		if !a.firing && hint == "" {
			hint = fmt.Sprintf("the alert is pending since %s, and its for is %s",
				short(a.activeAt.Sub(r.test.start())), short(rule.hold))
		}
	})
	return hint
}

// exprFailure says how what an expression gives is not what is expected.
func (r *testRun) exprFailure(f Failure, expected, got []resultSample) Failure {
	f.Message = fmt.Sprintf("expression at %s: %s", short(f.EvalTime), counts("sample", "comes", "come", len(expected), len(got)))
	f.Expected, f.Got = shown(expected, resultSample.String), shown(got, resultSample.String)
	for _, s := range expected {
		if s.value != s.value {
			f.Hint = "NaN equals nothing, not even NaN; test for it with the expression X != X"
		}
	}
	if f.Hint == "" && !r.file.FuzzyCompare && onlyBesides(expected, got) {
		f.Hint = "the values differ by the last bit alone: fuzzy_compare: true lets that pass"
	}
	f.Diff = diffOf(expected, got, differ[resultSample]{
		equal:    func(a, b resultSample) bool { return a.equal(b, r.file.FuzzyCompare) },
		text:     resultSample.String,
		distance: func(a, b resultSample) int { return len(changes(a.labels, b.labels)) },
		explain: func(a, b resultSample) []string {
			lines := explained("label", a.labels, b.labels)
			if a.histogram == b.histogram && a.value != b.value {
				lines = append(lines, fmt.Sprintf("  value: expected %v, got %v", a.value, b.value))
			}
			return lines
		},
	})
	return f
}

func onlyBesides(expected, got []resultSample) bool {
	return slices.EqualFunc(expected, got, func(a, b resultSample) bool { return a.equal(b, true) })
}

// counts words how many were expected and came: "expected 2 alerts, 1 fires".
func counts(noun, one, many string, expected, got int) string {
	plural := noun
	if expected != 1 {
		plural += "s"
	}
	switch {
	case expected == got && got == 1:
		return fmt.Sprintf("another %s %s than expected", noun, one)
	case expected == got:
		return fmt.Sprintf("other %s %s than expected", plural, many)
	case got == 0:
		return fmt.Sprintf("expected %d %s, none %s", expected, plural, one)
	case expected == 0 && got == 1:
		return fmt.Sprintf("expected none, 1 %s", one)
	case expected == 0:
		return fmt.Sprintf("expected none, %d %s", got, many)
	case got == 1:
		return fmt.Sprintf("expected %d %s, 1 %s", expected, plural, one)
	}
	return fmt.Sprintf("expected %d %s, %d %s", expected, plural, got, many)
}

// differ is what diffOf has to know of what it compares.
type differ[T any] struct {
	equal    func(a, b T) bool
	text     func(T) string
	distance func(a, b T) int // 0 if both are the same thing
	explain  func(a, b T) []string
}

// maxDiff bounds what is compared each with each, and shown.
const maxDiff = 100

// diffOf pairs what is expected with what is there, the most alike first, and
// says of each pair what differs, and of the rest that it is missing or too much.
func diffOf[T any](expected, got []T, d differ[T]) []string {
	expected, got = without(expected, got, d.equal), without(got, expected, d.equal)
	left := len(expected) + len(got)
	expected, got = expected[:min(len(expected), maxDiff)], slices.Clone(got[:min(len(got), maxDiff)])
	left -= len(expected) + len(got)
	var lines []string
	for _, e := range expected {
		lines = append(lines, "- "+shorten(d.text(e)))
		best := -1
		for i, g := range got {
			if best < 0 || d.distance(e, g) < d.distance(e, got[best]) {
				best = i
			}
		}
		if best >= 0 {
			lines = append(lines, "+ "+shorten(d.text(got[best])))
			lines = append(lines, d.explain(e, got[best])...)
			got = slices.Delete(got, best, best+1)
		}
	}
	for _, g := range got {
		lines = append(lines, "+ "+shorten(d.text(g)))
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", left))
	}
	return lines
}

// shown is the text of each, as far as a person would look.
func shown[T any](all []T, text func(T) string) []string {
	var lines []string
	for _, one := range all[:min(len(all), maxDiff)] {
		lines = append(lines, shorten(text(one)))
	}
	return lines
}

// without is a without what it has in common with b, counted.
func without[T any](a, b []T, equal func(a, b T) bool) []T {
	if len(a) > 10*maxDiff || len(b) > 10*maxDiff {
		return a
	}
	used := make([]bool, len(b))
	var rest []T
next:
	for _, x := range a {
		for i, y := range b {
			if !used[i] && equal(x, y) {
				used[i] = true
				continue next
			}
		}
		rest = append(rest, x)
	}
	return rest
}

// changes are the names whose values differ.
func changes(a, b labels.Labels) []string {
	var names []string
	a.Range(func(l labels.Label) {
		if b.Get(l.Name) != l.Value {
			names = append(names, l.Name)
		}
	})
	b.Range(func(l labels.Label) {
		if !a.Has(l.Name) {
			names = append(names, l.Name)
		}
	})
	slices.Sort(names)
	return names
}

func explained(what string, a, b labels.Labels) []string {
	var lines []string
	for _, name := range changes(a, b) {
		value := func(l labels.Labels) string {
			if !l.Has(name) {
				return "none"
			}
			return fmt.Sprintf("%q", shorten(l.Get(name)))
		}
		lines = append(lines, fmt.Sprintf("  %s %s: expected %s, got %s", what, name, value(a), value(b)))
	}
	return lines
}

// shorten keeps what is shown readable.
func shorten(text string) string {
	const most = 2000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func short(d time.Duration) string { return model.Duration(d).String() }
