package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/watchbill/watchbill/validate"
)

// choose picks findings to show in full where there are more than limit: errors
// before warnings, and of each check about equally many, so that a fault that
// stands in a thousand files hides no other. The order stays.
func choose(findings []validate.Finding, limit int) []validate.Finding {
	if limit <= 0 || len(findings) <= limit {
		return findings
	}
	picked := make([]bool, len(findings))
	left := limit
	for _, severity := range []validate.Severity{validate.Error, validate.Warning} {
		left -= pick(findings, severity, left, picked)
	}
	shown := make([]validate.Finding, 0, limit)
	for i, f := range findings {
		if picked[i] {
			shown = append(shown, f)
		}
	}
	return shown
}

// pick marks up to n findings of a severity, one of each check in turn.
func pick(findings []validate.Finding, severity validate.Severity, n int, picked []bool) int {
	byCheck := map[string][]int{}
	total := 0
	for i, f := range findings {
		if f.Severity == severity {
			byCheck[f.Check] = append(byCheck[f.Check], i)
			total++
		}
	}
	n = min(n, total)
	checks := slices.Sorted(maps.Keys(byCheck))
	for done := 0; done < n; {
		for _, check := range checks {
			if places := byCheck[check]; len(places) > 0 && done < n {
				picked[places[0]] = true
				byCheck[check] = places[1:]
				done++
			}
		}
	}
	return n
}

// left says what is not shown, by check.
func (p *textPrinter) left(findings, shown []validate.Finding) {
	if len(shown) == len(findings) {
		return
	}
	type tally struct {
		check    string
		severity validate.Severity
		n, shown int
		files    map[string]bool
	}
	tallies := map[string]*tally{}
	for _, f := range findings {
		t := tallies[string(f.Severity)+f.Check]
		if t == nil {
			t = &tally{check: f.Check, severity: f.Severity, files: map[string]bool{}}
			tallies[string(f.Severity)+f.Check] = t
		}
		t.n++
		t.files[f.File] = true
	}
	for _, f := range shown {
		tallies[string(f.Severity)+f.Check].shown++
	}
	sorted := slices.SortedFunc(maps.Values(tallies), func(a, b *tally) int {
		return cmp.Or(cmp.Compare(a.severity, b.severity), cmp.Compare(b.n, a.n), cmp.Compare(a.check, b.check))
	})
	fmt.Fprintf(&p.out, "\n%d of %d findings are shown; --all shows the rest:\n", len(shown), len(findings))
	for _, t := range sorted {
		fmt.Fprintf(&p.out, "  %s %s in %s, %d shown [%s]\n", p.paint(severityColors[t.severity], fmt.Sprintf("%6d", t.n)),
			word(t.n, string(t.severity)), count(len(t.files), "file"), t.shown, printable(t.check))
	}
}

func word(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}
