package validate

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/memory"
)

func TestCoverage(t *testing.T) {
	const rules = "teams/payments/rules/a.yaml"
	const alerts = `groups:
- name: g
  labels: {severity: critical}
  rules:
  - {alert: A, expr: up == 0}
  - {alert: B, expr: up == 0, labels: {severity: warning}}
  - alert: C
    expr: up == 0
  - {alert: D, expr: up == 0, labels: {severity: '{{ $labels.severity }}'}}
  - {record: e, expr: up}
`
	// A fires in it, and B is only said not to.
	const test = "rule_files: [../rules/a.yaml]\ntests:\n- input_series: [{series: up, values: 0x9}]\n  alert_rule_test:\n" +
		"  - {alertname: A, eval_time: 1m, exp_alerts: [{exp_labels: {severity: critical}}]}\n  - {alertname: X, eval_time: 1m, exp_alerts: []}\n"
	required := func(line, alert, severity string) string {
		return `payments: ` + rules + `:` + line + `: error: alert "` + alert + `" has ` + severity + `, and no test expects it to fire [tests/coverage] (add an alert_rule_test with exp_alerts to a file in teams/payments/tests/; policies.tests.requireFor in watchbill.yaml asks for one)`
	}
	c, d := required("7:12", "C", "the severity critical"), required("9:13", "D", "a severity that a template makes")
	for _, tt := range []struct {
		name, policies, rules, test string
		want                        []string
	}{
		{"not asked", "{}", alerts, "", nil},
		{"asked of nothing", "{tests: {minCoverage: 0, requireFor: []}}", alerts, "", nil},
		{"required", "{tests: {requireFor: [critical]}}", alerts, test, []string{c, d}},
		{"of another severity", "{tests: {requireFor: [info]}}", alerts, test, []string{d}},
		{"without any test", "{tests: {requireFor: [warning]}}", alerts, "", []string{required("6:13", "B", "the severity warning"), d}},
		{"a test that loads other rules", "{tests: {requireFor: [critical]}}", alerts, strings.Replace(test, "a.yaml", "none*.yaml", 1), []string{
			required("5:13", "A", "the severity critical"), c, d,
		}},
		{"a share", "{tests: {minCoverage: 26}}", alerts, test, []string{
			`payments: teams/payments/team.yaml:1:1: error: tests expect 1 of the team's 4 alerts to fire, which is 25 %; policies.tests.minCoverage is 26 [tests/coverage] (without a test: B, C, D; watchbill test --coverage says where they stand)`,
		}},
		{"the share that there is", "{tests: {minCoverage: 25}}", alerts, test, nil},
		{"of many", "{tests: {minCoverage: 1}}", strings.Replace(alerts, "  - {record: e, expr: up}\n", "  - {alert: E, expr: up == 0}\n  - {alert: F, expr: up == 0}\n  - {alert: G, expr: up == 0}\n", 1), "", []string{
			`payments: teams/payments/team.yaml:1:1: error: tests expect 0 of the team's 7 alerts to fire, which is 0 %; policies.tests.minCoverage is 1 [tests/coverage] (without a test: A, B, C, D, E and 2 more; watchbill test --coverage says where they stand)`,
		}},
		{"milder", "{tests: {requireFor: [critical]}, severity: {tests/coverage: warning}}", alerts, test, []string{
			strings.Replace(c, "error", "warning", 1), strings.Replace(d, "error", "warning", 1),
		}},
		{"off", "{tests: {requireFor: [critical], minCoverage: 100}, severity: {tests/coverage: off}}", alerts, test, nil},
		{"silenced", "{tests: {requireFor: [critical]}}", strings.Replace(alerts, "  - alert: C\n", "  # watchbill:ignore tests/coverage until=2030-01-01 soon\n  - alert: C\n", 1), test, []string{
			required("10:13", "D", "a severity that a template makes"),
		}},
		{"silenced until yesterday", "{tests: {requireFor: [critical]}}", strings.Replace(alerts, "  - alert: C\n", "  # watchbill:ignore tests/coverage until=2029-12-31 soon\n  - alert: C\n", 1), test, []string{
			required("8:12", "C", "the severity critical"), required("10:13", "D", "a severity that a template makes"),
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"watchbill.yaml": "policies: " + tt.policies + "\n", rules: tt.rules}
			if tt.test != "" {
				files["teams/payments/tests/a.yaml"] = tt.test
			}
			day := func() time.Time { return time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) }
			repo := loaded(t, files)
			var got []Finding
			for _, f := range (&Tests{Now: day}).Check(repoOf(files), repo) {
				if f.Check == testsCoverage {
					got = append(got, f)
				}
			}
			if diff := cmp.Diff(tt.want, lines(got)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			v := New()
			v.Now = day
			for _, f := range v.Repo(repo) {
				if f.Check == rulesIgnore {
					t.Errorf("said beside it: %v", f)
				}
			}
		})
	}
}

// TestCoverageRemembers: a team, its tests and the policies change one by one.
func TestCoverageRemembers(t *testing.T) {
	const alert = "groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: {severity: critical}}]}]\n"
	const test = "rule_files: [../rules/a.yaml]\ntests:\n- input_series: [{series: up, values: 0x9}]\n  alert_rule_test:\n  - {alertname: A, eval_time: 1m, exp_alerts: [{exp_labels: {severity: critical}}]}\n"
	files := map[string]string{ruleFile: alert, "teams/payments/tests/a.yaml": test}
	loader := repolayout.NewLoader()
	kept, err := memory.Open(t.TempDir(), "repo", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		file, content string
		want          int
	}{
		{"watchbill.yaml", "policies: {tests: {requireFor: [critical]}}\n", 0},
		{"teams/payments/tests/a.yaml", "tests: []\n", 1},
		{ruleFile, strings.Replace(alert, "critical", "warning", 1), 0},
		{"watchbill.yaml", "policies: {tests: {requireFor: [critical, warning], minCoverage: 1}}\n", 2},
		{ruleFile, "groups: []\n", 0},
	} {
		files[step.file] = step.content
		repo, _ := loader.Load(repoOf(files))
		for range 2 { // at first, and as it is remembered
			if got := (&Tests{Memory: kept}).Check(repoOf(files), repo); len(got) != step.want {
				t.Errorf("%s %q: %d findings, want %d: %v", step.file, step.content, len(got), step.want, lines(got))
			}
		}
	}
}
