package validate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// exprCase is an expression and what is to be said of it, with the columns
// within it that are marked.
type exprCase struct {
	name, expr string
	want       []string
}

// runExprCases puts each expression into a rule of its own: `alert: A` or
// `record: a`. It runs Prometheus 3.15 with a scrape interval of 30s.
func runExprCases(t *testing.T, rule string, cases []exprCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			const indent = "      "
			content := "groups:\n- name: g\n  rules:\n  - " + rule + "\n    expr: |\n" + indent + strings.ReplaceAll(tt.expr, "\n", "\n"+indent) + "\n"
			var got []string
			for _, f := range check(t, repoOf(map[string]string{ruleFile: content})) {
				if f.Check == rulesMissingRecord { // what records the series is left out here
					continue
				}
				got = append(got, fmt.Sprintf("%d:%d-%d:%d %s %s: %s | %s",
					f.Line-5, f.Column-len(indent), f.EndLine-5, f.EndColumn-len(indent), f.Severity, f.Check, f.Message, f.Hint))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings of %s (-want +got):\n%s", tt.expr, diff)
			}
		})
	}
}

func TestComparison(t *testing.T) {
	always := func(span string) []string {
		return []string{span + ` warning rules/comparison: alert "A": it always fires: no comparison, absent() or set operator leaves a series out | compare it with a threshold, such as ` + "`> 0`"}
	}
	runExprCases(t, "alert: A", []exprCase{
		{"a comparison", `up == 0`, nil},
		{"inside an aggregation", `count by (job) (up == 0)`, nil},
		{"inside a subquery", `sum_over_time((up == 0)[5m:])`, nil},
		{"on one side", `(up == 0) * on (job) group_left (owner) owners`, nil},
		{"absent", `absent(up)`, nil},
		{"absent over time", `absent_over_time(up[5m])`, nil},
		{"unless", `up unless down`, nil},
		{"and", `up and down`, nil},
		{"or of two", `up == 0 or absent(up)`, nil},
		{"a heartbeat", `vector(1)`, nil},
		{"another", `vector(1 == bool 1)`, nil},
		{"negative", `-(up == 0)`, nil},
		{"a selector", `up`, always("1:1-1:3")},
		{"over lines", "sum(\n  rate(a[5m])\n)", always("1:1-3:2")},
		{"or of one", `up == 0 or down`, always("1:1-1:16")},
		{"a ratio", `a / b`, always("1:1-1:6")},
		{"bool", `(up == bool 0)`, []string{
			`1:2-1:14 warning rules/comparison: alert "A": it always fires: with ` + "`bool` the comparison returns 0 or 1, and an alert fires on either | take `bool` out",
		}},
	})
	runExprCases(t, "record: a", []exprCase{{"a recording rule", `up`, nil}})
}

func TestRate(t *testing.T) {
	jump := func(span, outer, inner string) []string {
		return []string{span + ` warning rules/rate: record "a": ` + outer + `() of ` + inner + `() sees a reset of one counter as a jump of all | turn it round: ` + inner + `(` + outer + `(…))`}
	}
	runExprCases(t, "record: a", []exprCase{
		{"as it should be", `sum(rate(b_total[5m]))`, nil},
		{"of a recorded sum", `rate(job:b:sum[5m])`, nil},
		{"of the highest", `rate(max without (replica) (b_total)[5m:])`, nil},
		{"of the sum's change", `deriv(sum(b)[5m:])`, nil},
		{"of a sum", `1 + rate(sum(b_total)[5m:])`, jump("1:5-1:28", "rate", "sum")},
		{"of a sum by, in parentheses", `increase((sum by (job) (b_total))[1h:1m])`, jump("1:1-1:42", "increase", "sum")},
		{"of an average", `irate(avg(b_total)[5m:])`, jump("1:1-1:25", "irate", "avg")},
	})
}

func TestRange(t *testing.T) {
	short := func(span, length, what string) []string {
		return []string{span + ` warning rules/range: record "a": the range of ` + length + ` is shorter than four scrape intervals of 30s, ` + what + ` | make it 2m or more`}
	}
	runExprCases(t, "record: a", []exprCase{
		{"just enough", `rate(b[2m])`, nil},
		{"of a recorded series", `rate(b:c[1m])`, nil},
		{"another function", `max_over_time(b[1m])`, nil},
		{"calculated", `rate(b[1m + 30s])`, nil},
		{"a subquery", `rate(max(b)[1m:10s])`, nil},
		{"too short", `sum(rate(b[1m]))`, short("1:10-1:15", "1m", "so one failed scrape may leave it without a result")},
		{"no two samples", `increase(b[30s])`, short("1:10-1:16", "30s", "so it never holds the two samples that it takes")},
	})
	// The team scrapes one of its jobs more often.
	got := check(t, repoOf(map[string]string{
		ruleFile:                           "groups: [{name: g, rules: [{record: a, expr: 'rate(b[1m])'}]}]\n",
		"teams/payments/scrape/dev/a.yaml": "scrape_configs: [{job_name: a, scrape_interval: 15s}]\n",
	}))
	if diff := cmp.Diff([]string(nil), lines(got)); diff != "" {
		t.Errorf("findings of a team that scrapes more often (-want +got):\n%s", diff)
	}
}

func TestRegexp(t *testing.T) {
	runExprCases(t, "record: a", []exprCase{
		{"patterns", `b{c=~"x.*", d=~"x|y", e!~"x.y", f=~"5..", g=~"a\\.example\\.org:.*", h=~"ab.*cd", i=~"[ab.cd]+", j=~""}`, nil},
		{"a plain value", `b{c=~"x"}`, []string{
			`1:3-1:9 warning rules/regexp: record "a": the matcher c=~"x" is no pattern: it matches one value alone | write c="x"`,
		}},
		{"the same, negated, in another place", "b{d=\"1\",\n c!~'x'}", []string{
			`2:2-2:8 warning rules/regexp: record "a": the matcher c!~"x" is no pattern: it matches one value alone | write c!="x"`,
		}},
		{"everything", `b{c=~".*"}`, []string{
			`1:3-1:10 warning rules/regexp: record "a": the matcher c=~".*" leaves nothing out | take it out, or write .+ for series that have the label`,
		}},
		{"a host's name", `b{c=~"(db|web).example.org:.*"}`, []string{
			`1:3-1:31 warning rules/regexp: record "a": in the matcher c=~"(db|web).example.org:.*", the dot after "example" stands for any character | write \\. for a dot`,
		}},
		{"a quoted label", `{"b.c", "d.e"=~"x"}`, []string{
			`1:9-1:19 warning rules/regexp: record "a": the matcher "d.e"=~"x" is no pattern: it matches one value alone | write "d.e"="x"`,
		}},
	})
}

func TestSelector(t *testing.T) {
	never := func(span, first, second string) []string {
		return []string{span + ` error rules/selector: record "a": no series passes both ` + first + ` and ` + second + ` | keep one of them, or select both with =~`}
	}
	runExprCases(t, "record: a", []exprCase{
		{"possible", `b{c="x", c!="y", d=~"x|y", d!="y", e="", f!~"x.*", f=~"y|z"}`, nil},
		{"two values", `b{c="x", d="z", c="y"}`, never("1:17-1:22", `c="x"`, `c="y"`)},
		{"a value left out", `b{c="x", c!="x"}`, never("1:10-1:16", `c="x"`, `c!="x"`)},
		{"patterns that do not meet", `b{c=~"x|y", c=~"z|w"}`, never("1:13-1:21", `c=~"x|y"`, `c=~"z|w"`)},
		{"in a range", "1 +\n  rate(b{c=\"x\", c!~\"x|y\"}[5m])", never("2:17-2:25", `c="x"`, `c!~"x|y"`)},
		{"nothing", `b{c!~".*"}`, []string{
			`1:3-1:10 error rules/selector: record "a": no series passes c!~".*", which leaves every value out | write c="" for series without the label`,
		}},
	})
}

func TestVectorMatch(t *testing.T) {
	runExprCases(t, "record: a", []exprCase{
		{"the same labels", `sum by (x, y) (b) / sum by (y, x) (c)`, nil},
		{"nothing known", `b / c`, nil},
		{"on what both have", `sum by (x, y) (b) / on (x) group_left () sum by (x) (c)`, nil},
		{"on what neither has", `sum(b) / on (x) sum(c)`, nil},
		{"or", `sum by (x) (b) or sum by (y) (c)`, nil},
		{"a quantile", `histogram_quantile(0.9, sum by (le, x) (b_bucket)) / sum by (x) (c)`, nil},
		{"a number", `sum by (x) (b) > 1`, nil},
		{"on a label that nothing has", `b and on (dummy) vector(1)`, nil},
		{"labels that a selector may lack", `b{x="1"} * on (y) c`, nil},
		{"different values", `b{x="1"} / c{x="2"}`, []string{
			`1:10-1:11 error rules/vector-match: record "a": the two sides of / never match: the label x is "1" on the left and "2" on the right | match on the labels that both sides have: / on (…), or / ignoring (x)`,
		}},
		{"a value that is gone", "b{x=\"1\"}\n  and sum(c)", []string{
			`2:3-2:6 error rules/vector-match: record "a": the two sides of and never match: the label x is "1" on the left and absent on the right | match on the labels that both sides have: and on (…), or and ignoring (x)`,
		}},
		{"grouped by more on the left", `sum by (x, y) (b) / sum by (x) (c)`, []string{
			`1:19-1:20 warning rules/vector-match: record "a": the two sides of / are matched on the label y, which the right side never has | say how they match: / ignoring (y) group_left (), or group both sides by the same labels`,
		}},
		{"grouped by more on the right", `sum by (x) (b) > sum by (x, y) (c)`, []string{
			`1:16-1:17 warning rules/vector-match: record "a": the two sides of > are matched on the label y, which the left side never has | say how they match: > ignoring (y) group_right (), or group both sides by the same labels`,
		}},
		{"on a label that is gone", `sum by (x) (b) * on (y) group_left () c`, []string{
			`1:16-1:17 warning rules/vector-match: record "a": the two sides of * are matched on the label y, which the left side never has | match on the labels that both sides have: * on (…)`,
		}},
		{"unless, on a label that is gone", `b unless on (y) sum by (x) (c)`, []string{
			`1:3-1:9 warning rules/vector-match: record "a": the two sides of unless are matched on the label y, which the right side never has | match on the labels that both sides have: unless on (…)`,
		}},
	})
}

func TestAnnotationLabel(t *testing.T) {
	const hint = " (keep the label in the expression, as by (%s) does, or take it out of the text)"
	runRuleCases(t, []ruleCase{
		{"labels that are there, or may be", `groups:
- name: g
  rules:
  - alert: A
    expr: sum by (job) (up) == 0
    annotations:
      summary: '{{ $labels.job }} {{ .Labels.job }} {{ $value }} {{ $externalLabels.x }}'
      guarded: '{{ if $labels.pod }}{{ $labels.pod }}{{ end }}{{ with $labels.pod }}{{ . }}{{ end }}{{ or $labels.pod "none" }}'
  - alert: B
    expr: up == 0
    annotations: {summary: '{{ $labels.pod }}'}
`, nil},
		{"labels that are gone", `groups:
- name: g
  labels: {tier: one}
  rules:
  - alert: A
    expr: sum by (job) (up) == 0
    labels: {cluster: '{{ $labels.cluster }}', severity: info}
    annotations:
      summary: >
        Down: {{ $labels.job }}

        of {{ $labels.pod | toUpper }}.
      tier: '{{ .Labels.tier }}{{ $labels.severity }}'
  - alert: B
    expr: absent(up{job="a"})
    annotations: {summary: '{{ $labels.instance }} {{ $labels.job }}'}
`, []string{
			`7:35: warning: alert "A": the label "cluster" prints the label "cluster", which the expression never returns [rules/annotation-label] ($labels holds the labels of the expression's result, not those that the rule adds)`,
			`12:23: warning: alert "A": the annotation "summary" prints the label "pod", which the expression never returns [rules/annotation-label]` + fmt.Sprintf(hint, "pod"),
			`13:25: warning: alert "A": the annotation "tier" prints the label "tier", which the expression never returns [rules/annotation-label] ($labels holds the labels of the expression's result, not those that the rule adds)`,
			`13:43: warning: alert "A": the annotation "tier" prints the label "severity", which the expression never returns [rules/annotation-label] ($labels holds the labels of the expression's result, not those that the rule adds)`,
			`16:40: warning: alert "B": the annotation "summary" prints the label "instance", which the expression never returns [rules/annotation-label]` + fmt.Sprintf(hint, "instance"),
		}},
	})
}

// TestVersion reads rules that need a newer Prometheus, with versions from before and after.
func TestVersion(t *testing.T) {
	const content = `groups:
- name: g
  query_offset: 1m
  labels: {tier: one}
  rules:
  - alert: A
    expr: up == 0
    keep_firing_for: 5m
  - record: a
    expr: present_over_time(up[5m + 5m]) + (up offset -1m) atan2 (up @ 1) + first_over_time(up[5m])
  - record: b
    expr: sum(rate(c[5m]))
`
	tests := []struct {
		version string
		want    []string
	}{
		{"3.14.0", nil},
		{"3.13.5", []string{"10:29 a range that is calculated 3.14", "10:77 the function first_over_time() 3.14"}},
		{"2.53.0", []string{
			"2:3 labels of its group 3.0",
			"10:29 a range that is calculated 3.14", "10:77 the function first_over_time() 3.14",
		}},
		{"2.28.0", []string{
			"2:3 labels of its group 3.0", "2:3 query_offset of its group 2.53", "6:12 keep_firing_for 2.42",
			"10:11 the function present_over_time() 2.29", "10:29 a range that is calculated 3.14",
			"10:45 an offset of less than zero 2.33", "10:60 the operator atan2 2.31", "10:67 the modifier @ 2.33",
			"10:77 the function first_over_time() 3.14",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.version, func(t *testing.T) {
			var got []string
			for _, f := range check(t, repoOf(map[string]string{
				ruleFile: content, "watchbill.yaml": "components: {prometheus: {version: " + tt.version + "}}\n",
			})) {
				_, what, _ := strings.Cut(f.Message, "does not know ")
				what, since, _ := strings.Cut(what, ": it came with ")
				got = append(got, fmt.Sprintf("%d:%d %s %s", f.Line, f.Column, what, since))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExperimental(t *testing.T) {
	runExprCases(t, "record: a", []exprCase{{"a function", `sum(info(b))`, []string{
		`1:5-1:9 error rules/syntax: record "a": could not parse expression: function "info" is not enabled | it is experimental, and behind a feature flag that Watchbill does not set: do without`,
	}}})
}

func TestRecordingConflict(t *testing.T) {
	const rules = "groups: [{name: g, rules: [{record: %s, expr: up}, {record: own:%s, expr: up}]}]\n"
	files := map[string]string{
		"teams/payments/rules/a.yaml":      fmt.Sprintf(rules, "everywhere", "a"),
		"teams/payments/rules/dev/a.yaml":  fmt.Sprintf(rules, "somewhere", "b"),
		"teams/search/rules/prod/a.yaml":   fmt.Sprintf(rules, "somewhere", "c"),
		"teams/search/rules/dev/a.yaml":    fmt.Sprintf(rules, "everywhere", "d"),
		"teams/search/rules/dev/more.yaml": "groups: [{name: g, rules: [{alert: everywhere, expr: up == 0}]}]\n",
	}
	const hint = ` (let one team record it, or put the team's own name into it)`
	want := []string{
		`payments: teams/payments/rules/a.yaml:1:37: warning: record "everywhere": series of this name are recorded by search too [rules/recording-conflict] with search` + hint,
		`search: teams/search/rules/dev/a.yaml:1:37: warning: record "everywhere": series of this name are recorded by payments too [rules/recording-conflict] with payments` + hint,
	}
	if diff := cmp.Diff(want, lines(check(t, repoOf(files)))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestRecordingConflictsAreBounded gives many teams the same rules.
func TestRecordingConflictsAreBounded(t *testing.T) {
	var memories []*teamMemory
	for i := range 10 {
		m := &teamMemory{team: &repolayout.Team{Name: fmt.Sprint("team-", i)}}
		for j := range 2 * maxFindings {
			m.records = append(m.records, recordUse{name: fmt.Sprint("a:", j)})
		}
		memories = append(memories, m)
	}
	found := recordingConflicts(memories)
	if len(found) != 10*maxFindings {
		t.Errorf("%d findings, want %d for each of ten teams", len(found), maxFindings)
	}
	if want := "9 other teams (team-1, team-2, team-3, team-4, team-5, …)"; !strings.Contains(found[0].Message, want) {
		t.Errorf("the message %q does not say %q", found[0].Message, want)
	}
}
