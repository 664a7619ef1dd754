package validate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func TestDashboards(t *testing.T) {
	const file = "teams/payments/dashboards/a.json"
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"fine", `{"title": "A", "uid": "a_B-1", "panels": [], "__inputs": [ ]}`, nil},
		{"no object", `["title"]`, []string{
			"1:1: error: the file is JSON, but no dashboard: it should be an object [dashboards/json] (in Grafana: Share, Export, Save to file)",
		}},
		{"an answer of the API", "{\"meta\": {},\n  \"dashboard\": {\"title\": \"A\", \"uid\": \"a\"}}", []string{
			`2:16: error: this is an answer of Grafana's API, with the dashboard inside [dashboards/json] (make the value of the key "dashboard" the whole file)`,
		}},
		{"nothing in it", "{}", []string{
			"1:1: error: the dashboard has no title [dashboards/json]",
			`1:1: error: the dashboard has no uid, so each delivery could make another of it [dashboards/uid] (add one that never changes, such as "uid": "payments-overview")`,
		}},
		{"values of other types", "{\n  \"title\": 1,\n  \"uid\": null\n}", []string{
			"2:12: error: the dashboard has no title [dashboards/json]",
			`3:10: error: the dashboard has no uid, so each delivery could make another of it [dashboards/uid] (add one that never changes, such as "uid": "payments-overview")`,
		}},
		{"a uid that Grafana does not take", `{"title": "ä", "uid": "a b"}`, []string{
			`1:23: error: Grafana does not take the uid "a b" [dashboards/uid] (write at most 40 letters, digits, dashes and underscores)`,
		}},
		{"a uid without an end", `{"title": "A", "uid": "` + strings.Repeat("x", 1000) + `"}`, []string{
			`1:23: error: Grafana does not take the uid "` + strings.Repeat("x", 60) + `…" [dashboards/uid] (write at most 40 letters, digits, dashes and underscores)`,
		}},
		{"the last of two keys holds", `{"title": "A", "uid": "", "uid": "a"}`, nil},
		{"exported for others", "{\"title\": \"A\", \"uid\": \"a\",\n\"__inputs\": [{\"name\": \"DS_PROMETHEUS\"}]}", []string{
			`2:13: warning: the dashboard asks for inputs, which nobody gives: its panels will find no data source [dashboards/json] (export it again without "Export for sharing externally")`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, line := range lines(check(t, repoOf(map[string]string{file: tt.text}))) {
				got = append(got, strings.TrimPrefix(line, "payments: "+file+":"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDuplicateDashboards(t *testing.T) {
	const text = `{"uid": "overview", "title": "A"}`
	files := map[string]string{
		"teams/payments/dashboards/a.json": text,
		"teams/payments/dashboards/b.json": text,
		"teams/search/dashboards/a.json":   text,
		"teams/search/dashboards/b.json":   `{"uid": "Overview", "title": "A"}`,
	}
	const hint = " (give each dashboard a uid of its own, such as one that begins with the team's name)"
	want := []string{
		`payments: teams/payments/dashboards/a.json:1:9: error: the uid "overview" stands in teams/payments/dashboards/b.json too, so Grafana would show only one of them [dashboards/uid] with search` + hint,
		`payments: teams/payments/dashboards/b.json:1:9: error: the uid "overview" stands in teams/search/dashboards/a.json too, so Grafana would show only one of them [dashboards/uid] with search` + hint,
		`search: teams/search/dashboards/a.json:1:9: error: the uid "overview" stands in teams/payments/dashboards/a.json too, so Grafana would show only one of them [dashboards/uid] with payments` + hint,
	}
	loader, v := repolayout.NewLoader(), New()
	for revision := range 3 { // the same with what is remembered, and after a change that is none of theirs
		files[ruleFile] = fmt.Sprintf("groups: [{name: g%d, rules: []}]\n", revision/2)
		repo, problems := loader.Load(repoOf(files))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if diff := cmp.Diff(want, lines(v.Repo(repo))); diff != "" {
			t.Errorf("revision %d: findings (-want +got):\n%s", revision, diff)
		}
	}
	delete(files, "teams/search/dashboards/a.json")
	delete(files, "teams/payments/dashboards/b.json")
	repo, _ := loader.Load(repoOf(files))
	if diff := cmp.Diff([]string(nil), lines(v.Repo(repo))); diff != "" {
		t.Errorf("after they have gone: findings (-want +got):\n%s", diff)
	}
}
