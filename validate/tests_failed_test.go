package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const (
	testedRule = "groups: [{name: g, rules: [{alert: A, expr: 'up == 0'}]}]\n"
	passing    = "rule_files: [../rules/a.yaml]\ntests:\n- name: quiet\n  input_series: [{series: up, values: 1x9}]\n  alert_rule_test:\n  - {alertname: A, eval_time: 5m, exp_alerts: []}\n"
)

// TestTests holds what is found in tests, and where.
func TestTests(t *testing.T) {
	const test = "teams/payments/tests/a.yaml"
	for _, tt := range []struct {
		name, rules, test string
		want              []string
	}{
		{"passes", testedRule, passing, nil},
		{"fails", "groups: [{name: g, rules: [{alert: A, expr: 'up == 1'}]}]\n", passing, []string{
			`payments: ` + test + `:6:5: error: test "quiet": alert "A" at 5m: expected none, 1 fires [tests/failed] (watchbill test shows what is expected and what there is)`,
		}},
		{"no such key", testedRule, "tets: []\n", []string{
			`payments: ` + test + `:1:1: error: unknown key "tets" [tests/failed] (did you mean "tests"?)`,
		}},
		{"no such rule file", testedRule, "rule_files: [none.yaml]\ntests: []\n", []string{
			`payments: ` + test + `:1:14: warning: rule_files: no file matches "none.yaml" [tests/failed] (paths are relative to the folder of the test file)`,
		}},
		{"rules that another check reports", "groups: [{name: g, rules: [{alert: A, expr: 'up =='}]}]\n", passing, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := repoOf(map[string]string{"teams/payments/rules/a.yaml": tt.rules, test: tt.test})
			repo, _ := repolayout.NewLoader().Load(fsys)
			if diff := cmp.Diff(tt.want, lines(new(Tests).Check(fsys, repo))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTestsRemember: only tests whose own file or rule file is another are run again.
func TestTestsRemember(t *testing.T) {
	files := map[string]string{}
	for _, team := range []string{"payments", "search"} {
		files["teams/"+team+"/rules/a.yaml"], files["teams/"+team+"/tests/a.yaml"] = testedRule, passing
	}
	var tests Tests
	look := func() (fresh, findings int) {
		fsys := repoOf(files)
		repo, _ := repolayout.NewLoader().Load(fsys)
		before := tests.known
		findings = len(tests.Check(fsys, repo))
		for key := range tests.known {
			if _, ok := before[key]; !ok {
				fresh++
			}
		}
		return fresh, findings
	}
	for _, step := range []struct {
		name, file, content string
		want                [2]int // files run, findings
	}{
		{"at first", "", "", [2]int{2, 0}},
		{"nothing new", "", "", [2]int{0, 0}},
		{"a rule", "teams/payments/rules/a.yaml", "groups: [{name: g, rules: [{alert: A, expr: 'up == 1'}]}]\n", [2]int{1, 1}},
		{"still failing", "", "", [2]int{0, 1}},
		{"a test", "teams/search/tests/a.yaml", passing + "- name: another\n", [2]int{1, 1}},
		{"no test", "teams/payments/tests/a.yaml", "tests: []\n", [2]int{1, 0}},
	} {
		if step.file != "" {
			files[step.file] = step.content
		}
		fresh, findings := look()
		if got := [2]int{fresh, findings}; got != step.want {
			t.Errorf("%s: files run and findings %v, want %v", step.name, got, step.want)
		}
	}
}
