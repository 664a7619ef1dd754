package build

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/memory"
	"github.com/watchbill/watchbill/validate/routes"
)

func TestChangedFiles(t *testing.T) {
	files := func(contents map[string]string) fs.FS {
		out := fstest.MapFS{}
		for path, content := range contents {
			out[path] = &fstest.MapFile{Data: []byte(content)}
		}
		return memory.NewFolder(out, nil, nil)
	}
	then := files(map[string]string{"a/same.yaml": "x\n", "a/lines.yaml": "x\ny\n", "a/other.yaml": "x\n", "gone.tmpl": "x", "README.md": "x", ".git/a.yaml": "x"})
	now := files(map[string]string{"a/same.yaml": "x\n", "a/lines.yaml": "x\r\ny\r\n", "a/other.yaml": "y\n", "b/new.json": "x", "README.md": "y", ".git/a.yaml": "y"})
	got, err := ChangedFiles(then, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a/other.yaml", "b/new.json", "gone.tmpl"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConcerned(t *testing.T) {
	finding := func(file, message string) validate.Finding {
		return validate.Finding{Check: "rules/duplicate", Severity: validate.Warning, Pos: repolayout.Pos{File: file}, Message: message}
	}
	before := []validate.Finding{finding("a.yaml", "as in b.yaml:7"), finding("c.yaml", "old"), finding("d.yaml", "twice")}
	now := []validate.Finding{
		finding("a.yaml", "as in b.yaml:9"), // moved with the other file
		finding("b.yaml", "old, in a changed file"),
		finding("c.yaml", "new"),
		finding("d.yaml", "twice"), finding("d.yaml", "twice"),
	}
	got := Concerned(before, now, map[string]bool{"b.yaml": true})
	want := []validate.Finding{now[1], now[2], now[4]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCoverage(t *testing.T) {
	fsys := repo(t, map[string]string{
		"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": goodRule, "teams/extra/rules/b.yaml": goodRule,
		"teams/extra/tests/a.yaml": "rule_files: [../rules/a.yaml]\ntests:\n- alert_rule_test: [{alertname: Good, eval_time: 1m, exp_alerts: [{}]}]\n",
	})
	loaded, _ := New(render.Options{}).Load(fsys)
	for _, c := range Coverage(fsys, loaded) {
		if c.Team == "extra" && (c.Alerts != 2 || c.AlertsTested != 1 || len(c.Untested) != 1 || c.Untested[0].File != "teams/extra/rules/b.yaml") {
			t.Errorf("%+v", c)
		}
	}
}

// TestRouter: the routes of both revisions of a change, and what differs.
func TestRouter(t *testing.T) {
	router := NewRouter(New(render.Options{}))
	var outcomes [2][]routes.AlertOutcome
	for i, changes := range []map[string]string{
		{"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": goodRule},
		{"teams/extra/team.yaml": teamSpec + "      - slack: {channel: y, urlKey: y}\n", "teams/extra/rules/a.yaml": goodRule},
	} {
		loaded, errors := router.Load(repo(t, changes))
		if len(errors) > 0 {
			t.Fatal(errors)
		}
		all, err := router.Routing(loaded, "")
		if err != nil || len(all) != 2 {
			t.Fatalf("%d environments, %v", len(all), err)
		}
		outcomes[i] = router.Outcomes(all...)
		if _, err := router.Routing(loaded, "nowhere"); err == nil {
			t.Error("there is no such environment")
		}
	}
	got := map[string]int{}
	for _, c := range routes.Diff(outcomes[0], outcomes[1]).Changes {
		got[c.Team+" "+c.Alert]++
	}
	if diff := cmp.Diff(map[string]int{"extra Good": 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if loaded, errors := router.Load(repo(t, map[string]string{"watchbill.yaml": "componentz: {}\n"})); loaded != nil || len(errors) == 0 {
		t.Error("a repo with errors is routed")
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"watchbill.yaml", ".git/config.yaml", "teams/a/rules/.x.yaml", "teams/a/rules/b.yml", "teams/a/notes.txt"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	repo := os.DirFS(dir)
	got, err := Files(repo)
	if diff := cmp.Diff([]string{"teams/a/rules/b.yml", "watchbill.yaml"}, got); diff != "" || err != nil {
		t.Errorf("(-want +got), %v:\n%s", err, diff)
	}
}
