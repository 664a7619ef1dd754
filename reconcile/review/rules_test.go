package review

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ruleFile is a rendered file; each group is its name and rules "Alert label expr for".
func ruleFile(groups ...[]string) string {
	var b strings.Builder
	b.WriteString("groups:\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "- name: %s\n  labels: {tier: one}\n  rules:\n", g[0])
		for _, r := range g[1:] {
			f := strings.Fields(r)
			fmt.Fprintf(&b, "  - alert: %s\n    labels: {severity: %s}\n    expr: %s\n    for: %s\n", f[0], f[1], f[2], f[3])
		}
	}
	return b.String()
}

func TestCompareRules(t *testing.T) {
	const file, other = rulesFolder + "a/x.yaml", rulesFolder + "a/y.yaml"
	for _, tc := range []struct {
		name          string
		before, after map[string]string
		want          []string
	}{
		{
			name:   "the same in another order",
			before: map[string]string{file: ruleFile([]string{"g", "A warning up 1m", "B warning up 1m"})},
			after:  map[string]string{file: ruleFile([]string{"g", "B warning up 1m", "A warning up 1m"})},
		},
		{
			name:   "parts",
			before: map[string]string{file: ruleFile([]string{"g", "A warning up 1m", "B warning up 1m"})},
			after:  map[string]string{file: ruleFile([]string{"g", "A critical up 5m", "B warning down 1m"})},
			want:   []string{"- alert `A` changed, group `g`: for 1m → 5m, severity warning → critical\n", "- alert `B` changed, group `g`: expr\n"},
		},
		{
			name:   "one of two of a name goes",
			before: map[string]string{file: ruleFile([]string{"g", "A warning up 1m", "A critical up 1m"})},
			after:  map[string]string{file: ruleFile([]string{"g", "A critical up 1m"})},
			want:   []string{"- alert `A` removed, group `g`\n"},
		},
		{
			name:   "to another group",
			before: map[string]string{file: ruleFile([]string{"g", "A warning up 1m"})},
			after:  map[string]string{file: ruleFile([]string{"h", "A warning up 2m"})},
			want:   []string{"- alert `A` moved from group g to group `h`: for 1m → 2m\n"},
		},
		{
			name:   "to another file",
			before: map[string]string{file: ruleFile([]string{"g", "A warning up 1m"})},
			after:  map[string]string{other: ruleFile([]string{"g", "A warning up 1m"})},
			want:   []string{"- alert `A` moved from rules/a/x.yaml, group g to group `g`\n"},
		},
		{
			name:   "to another team is no move",
			before: map[string]string{file: ruleFile([]string{"g", "A warning up 1m"})},
			after:  map[string]string{rulesFolder + "b/x.yaml": ruleFile([]string{"g", "A warning up 1m"})},
			want:   []string{"- alert `A` added, group `g`\n", "- alert `A` removed, group `g`\n"},
		},
		{
			name:   "a recording rule",
			before: map[string]string{},
			after:  map[string]string{file: "groups: [{name: g, rules: [{record: a:b, expr: up}]}]"},
			want:   []string{"- recording rule `a:b` added, group `g`\n"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, c := range compareRules(tc.before, tc.after, compareTexts(tc.before, tc.after)) {
				got = append(got, c.line())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLargeTextIsNotCompared(t *testing.T) {
	got := compareTexts(map[string]string{"a": strings.Repeat("x\n", maxDiffedLines+1)}, map[string]string{"a": "y"})
	if len(got) != 1 || !got[0].large || got[0].diff != "" {
		t.Errorf("%d changes", len(got))
	}
}
