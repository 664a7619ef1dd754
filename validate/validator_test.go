package validate

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// TestRepoRemembers counts what is looked at again when something changes.
func TestRepoRemembers(t *testing.T) {
	files := map[string]string{
		"teams/payments/rules/a.yaml":  "groups: [{name: g, rules: [{record: a, expr: up}]}]\n",
		"teams/payments/rules/b.yaml":  "groups: [{name: g, rules: [{record: b, expr: 'up{'}]}]\n",
		"teams/payments/scrape/a.yaml": "scrape_configs: [{job_name: a}]\n",
		"teams/search/rules/a.yaml":    "groups: [{name: g, rules: [{alert: A, expr: up, labels: {severity: warning}}]}]\n",
		"teams/search/scrape/a.yaml":   "scrape_configs: [{job_name: b}]\n",
	}
	loader, v := repolayout.NewLoader(), New()
	step := func(name string, change map[string]string, want ...string) {
		t.Helper()
		maps.Copy(files, change)
		repo, problems := loader.Load(repoOf(files))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", name, problems)
		}
		got := v.Repo(repo)
		if diff := cmp.Diff(lines(New().Repo(repo)), lines(got)); diff != "" {
			t.Errorf("%s: other findings than without memory (-without +with):\n%s", name, diff)
		}
		var looked []string
		for _, m := range v.teams["payments"] {
			if m.run == v.run {
				for _, f := range m.team.Rules {
					if m.looked[ruleFileKey(f)] {
						looked = append(looked, f.Path)
					}
				}
			}
		}
		if diff := cmp.Diff(want, looked); diff != "" {
			t.Errorf("%s: looked at (-want +got):\n%s", name, diff)
		}
	}
	_ = step
}
