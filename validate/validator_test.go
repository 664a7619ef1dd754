package validate

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// TestRepoRemembers goes through revisions and says which files are looked at
// again: those whose findings are not the very same slice as before.
func TestRepoRemembers(t *testing.T) {
	const broken = "groups: [{name: %s, rules: [{record: a, expr: 'up{'}]}]\n"
	const job = "scrape_configs: [{job_name: %s, x: y}]\n"
	files := map[string]string{
		"teams/payments/rules/a.yaml":  fmt.Sprintf(broken, "a"),
		"teams/payments/rules/b.yaml":  fmt.Sprintf(broken, "b"),
		"teams/payments/scrape/a.yaml": fmt.Sprintf(job, "a"),
		"teams/search/rules/a.yaml":    fmt.Sprintf(broken, "c"),
	}
	tests := []struct {
		name   string
		change map[string]string
		want   []string
	}{
		{"at first", nil, []string{
			"teams/payments/rules/a.yaml", "teams/payments/rules/b.yaml", "teams/payments/scrape/a.yaml", "teams/search/rules/a.yaml",
		}},
		{"nothing changed", nil, nil},
		{"one file", map[string]string{"teams/payments/rules/a.yaml": fmt.Sprintf(broken, "changed")}, []string{"teams/payments/rules/a.yaml"}},
		{"and back", map[string]string{"teams/payments/rules/a.yaml": fmt.Sprintf(broken, "a")}, nil},
		{"the severities", map[string]string{"watchbill.yaml": "severities: [page]\n"}, nil},
		{"the global interval", map[string]string{"watchbill.yaml": "prometheus: {scrapeInterval: 20s}\n"}, []string{
			"teams/payments/rules/a.yaml", "teams/payments/rules/b.yaml", "teams/payments/scrape/a.yaml", "teams/search/rules/a.yaml",
		}},
		{"a template", map[string]string{"alertmanager/templates/a.tmpl": `{{ define "a" }}{{ end }}`}, nil},
	}
	loader, v := repolayout.NewLoader(), New()
	seen := map[*Finding]bool{}
	for _, tt := range tests {
		maps.Copy(files, tt.change)
		repo, problems := loader.Load(repoOf(files))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", tt.name, problems)
		}
		got := v.Repo(repo)
		if diff := cmp.Diff(lines(New().Repo(repo)), lines(got)); diff != "" {
			t.Errorf("%s: other findings than without memory (-without +with):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.want, lookedAt(v, seen)); diff != "" {
			t.Errorf("%s: looked at (-want +got):\n%s", tt.name, diff)
		}
	}
}

func lookedAt(v *Validator, seen map[*Finding]bool) []string {
	paths := map[string]bool{}
	for _, known := range v.teams {
		for _, m := range known {
			for key, found := range m.files {
				if !seen[&found[0]] {
					seen[&found[0]] = true
					paths[key.path] = true
				}
			}
		}
	}
	var out []string
	for _, path := range []string{
		"teams/payments/rules/a.yaml", "teams/payments/rules/b.yaml", "teams/payments/scrape/a.yaml", "teams/search/rules/a.yaml",
	} {
		if paths[path] {
			out = append(out, path)
		}
	}
	return out
}

func TestRepoForgets(t *testing.T) {
	v := New()
	for i := range 10 {
		repo, _ := repolayout.NewLoader().Load(repoOf(map[string]string{
			ruleFile:                              fmt.Sprintf("groups: [{name: g%d, rules: []}]\n", i),
			fmt.Sprintf("teams/t%d/team.yaml", i): base["teams/search/team.yaml"],
		}))
		v.Repo(repo)
	}
	remembered := 0
	for _, known := range v.teams {
		remembered += len(known)
	}
	// Of the last two runs: search once, payments twice, and t8 and t9.
	if len(v.teams) != 4 || remembered != 5 {
		t.Errorf("%d teams are remembered, %d times in all; want 4 and 5", len(v.teams), remembered)
	}
}

// TestRepoIsStable wants the same bytes whatever the order of maps and goroutines.
func TestRepoIsStable(t *testing.T) {
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("teams/payments/rules/%d.yaml", i)] = strings.Repeat("# x\n", i) +
			"groups: [{name: '', labels: {__name__: x, '': y}, rules: [{alert: A, expr: 'up{', labels: {severity: x, team: y}, annotations: {a: '{{', b: '{{ x }}'}}]}]\n"
		files[fmt.Sprintf("teams/search/scrape/%d.yaml", i)] = "scrape_configs: [{job_name: a}, {job_name: a}]\n"
	}
	repo, _ := repolayout.NewLoader().Load(repoOf(files))
	var want bytes.Buffer
	for i := range 20 {
		var got bytes.Buffer
		if err := PrintJSON(&got, New().Repo(repo)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = got
		} else if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Fatalf("run %d gives other bytes (-first +this):\n%s", i, diff)
		}
	}
}

func TestDuplicateTeams(t *testing.T) {
	repo := &repolayout.Repo{Teams: []*repolayout.Team{{Name: "A"}, {Name: "a"}, {Name: "b"}}}
	want := []string{
		`A: teams/A/team.yaml: error: the team "A" stands beside "a": routing and labels cannot tell them apart [team/duplicate] with a (rename one of the two folders)`,
		`a: teams/a/team.yaml: error: the team "a" stands beside "A": routing and labels cannot tell them apart [team/duplicate] with A (rename one of the two folders)`,
	}
	if diff := cmp.Diff(want, lines(New().Repo(repo))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestProblems(t *testing.T) {
	got := Problems([]repolayout.Problem{
		{Pos: repolayout.Pos{File: "b", Line: 1, Column: 2}, Check: "layout/unknown-key", Message: "m", Hint: "h", Owner: "o"},
		{Pos: repolayout.Pos{File: "a"}, Check: "layout/empty-file", Message: "n", Warning: true},
	})
	want := []string{"a: warning: n [layout/empty-file]", "o: b:1:2: error: m [layout/unknown-key] (h)"}
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestSurvive(t *testing.T) {
	checkThatPanics := func() (found []Finding) {
		defer survive(&found, rulesSyntax, "payments", ruleFile)
		panic("lost")
	}
	got := checkThatPanics()
	want := []string{"payments: " + ruleFile + ": error: the parser gave up on this file: lost [rules/syntax] (this is a fault of the parser; change the file, and please report it)"}
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
