package ruletest

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestDormant holds runs that leave out dormant rules against runs that evaluate all.
func TestDormant(t *testing.T) {
	slept := 0
	for seed := range uint64(60) {
		g := newGenerator(seed)
		rules, tests := g.rules(), g.marshalled()
		f, problems := Parse("tests.yml", tests)
		if f == nil {
			t.Fatal(problems)
		}
		var results [2]Results
		for i := range results {
			runner := &Runner{FS: fstest.MapFS{"rules.yml": {Data: rules}}}
			runner.Run(t.Context(), nil, Options{})
			groups, _ := runner.rules.load("rules.yml")
			for _, group := range groups {
				for j := range group.rules {
					if group.rules[j].sleeps {
						slept++
					}
					group.rules[j].sleeps = group.rules[j].sleeps && i == 0
				}
			}
			results[i] = runner.Run(t.Context(), []*File{f}, Options{})
		}
		if d := cmp.Diff(results[1], results[0], cmpopts.IgnoreFields(TestResult{}, "Duration")); d != "" {
			t.Errorf("seed %d: -all +without dormant:\n%s", seed, d)
		}
	}
	if slept < 100 {
		t.Errorf("only %d rules could be dormant", slept)
	}
}

func TestSelectorsOf(t *testing.T) {
	for expr, want := range map[string]bool{
		`up`: true, `sum(rate(up[5m])) by (job) > 1`: true, `up == 0`: true, `a / on (job) b`: true, `a or b`: true, `-up`: true,
		`max_over_time(sum(up)[5m:])`: true, `topk(3, up)`: true, `clamp(up, 1, 2)`: true, `histogram_quantile(0.9, up)`: true,
		`absent(up)`: false, `absent_over_time(up[5m])`: false, `vector(1)`: false, `time()`: false, `1 + 1`: false, `scalar(up)`: false,
		`up or vector(0)`: false, `topk(NaN, up)`: false, `count_values("a", up)`: false, `label_replace(up, "a", "", "b", "(")`: false,
		`up > scalar(x)`: false, `up unless absent(b)`: false, `sort_by_label(up, "a")`: false, `up + time()`: false, `minute()`: false,
	} {
		if _, got := selectorsOf(expr); got != want {
			t.Errorf("%s: %v, want %v", expr, got, want)
		}
	}
}
