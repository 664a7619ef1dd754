package build

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// repo is the example with these files put in place; empty content removes one.
func repo(t *testing.T, changes map[string]string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	example := repolayout.Example()
	err := fs.WalkDir(example, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(example, path)
		out[path] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range changes {
		if content == "" {
			delete(out, path)
			continue
		}
		out[path] = &fstest.MapFile{Data: []byte(content)}
	}
	return out
}

const (
	teamSpec = "owner: x\nroutes:\n  - receivers:\n      - slack: {channel: x, urlKey: x}\n"
	goodRule = "groups:\n  - name: g\n    rules:\n      - alert: Good\n        expr: up == 0\n"
	badRule  = "groups:\n  - name: g\n    rules:\n      - alert: Bad\n        expr: up ==\n"
	job      = "scrape_configs:\n  - job_name: twice\n    static_configs: [{targets: [localhost:1]}]\n"
)

func live(revision string, fsys fs.FS) LastGoodFunc {
	return func(team string) (*LastGood, error) {
		_, err := fs.Stat(fsys, "teams/"+team)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return &LastGood{Revision: revision, FS: fsys}, err
	}
}

func never(string) (*LastGood, error) { return nil, nil }

// paths are the files of Prometheus's bundle.
func files(t *testing.T, r *Result, component string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, b := range r.Output.Bundles {
		if b.Component != component {
			continue
		}
		files, err := bundle.Assemble(b.Ref(""), b.Chunks)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			out[f.Path] = f.Content
		}
	}
	return out
}

func TestExampleIsGoodEverywhere(t *testing.T) {
	if found := New(render.Options{}).Check(repolayout.Example()); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
	for _, env := range []string{"dev", "prod"} {
		r, err := New(render.Options{AgentImage: "watchbill"}).Build(repolayout.Example(), env, never)
		if err != nil || len(r.Blocked) > 0 {
			t.Fatalf("%s: %v, %v", env, err, r.Blocked)
		}
		if len(files(t, r, bundle.Prometheus)) == 0 || len(files(t, r, bundle.Alertmanager)) == 0 {
			t.Errorf("%s: a bundle is empty", env)
		}
		if len(r.Rules) < 3 {
			t.Errorf("%s: rules of three teams at least, got %v", env, r.Rules)
		}
	}
}

// TestCheckRunsTests: a failing unit test is found by Check, and keeps nothing from going live.
func TestCheckRunsTests(t *testing.T) {
	revision := repo(t, map[string]string{
		"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": goodRule,
		"teams/extra/tests/a.yaml": "rule_files: [../rules/a.yaml]\ntests:\n- alert_rule_test: [{alertname: Good, eval_time: 1m, exp_alerts: [{}]}]\n",
	})
	b := New(render.Options{AgentImage: "watchbill"})
	found := b.Check(revision)
	if len(found) != 1 || found[0].Check != "tests/failed" || found[0].Owner != "extra" {
		t.Errorf("findings: %v", found)
	}
	r, err := b.Build(revision, "prod", never)
	if err != nil || len(r.Blocked)+len(r.Quarantined) > 0 {
		t.Errorf("build: %v, %v, %v", err, r.Blocked, r.Quarantined)
	}
}

func TestQuarantine(t *testing.T) {
	for _, tc := range []struct {
		name    string
		live    map[string]string // the revision that is live
		head    map[string]string // the newest one
		want    map[string]string // quarantined team: revision that stands in
		alert   string            // stands in team extra's rules afterwards
		blocked string            // or a word of the error that blocks
	}{
		{
			name:  "a broken team's last good files stand in",
			live:  map[string]string{"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": goodRule},
			head:  map[string]string{"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": badRule},
			want:  map[string]string{"extra": "r1"},
			alert: "Good",
		},
		{
			name: "a broken team that was never live is left out",
			head: map[string]string{"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": badRule},
			want: map[string]string{"extra": ""},
		},
		{
			name:  "a broken team.yaml",
			live:  map[string]string{"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": goodRule},
			head:  map[string]string{"teams/extra/team.yaml": "owner: [", "teams/extra/rules/a.yaml": goodRule},
			want:  map[string]string{"extra": "r1"},
			alert: "Good",
		},
		{
			name: "of two teams with one job name, the one that changed",
			live: map[string]string{
				"teams/extra/team.yaml": teamSpec, "teams/extra/scrape/a.yaml": job,
				"teams/other/team.yaml": teamSpec,
			},
			head: map[string]string{
				"teams/extra/team.yaml": teamSpec, "teams/extra/scrape/a.yaml": job,
				"teams/other/team.yaml": teamSpec, "teams/other/scrape/b.yaml": job,
			},
			want: map[string]string{"other": "r1"},
		},
		{
			name: "of two new teams with one job name, both",
			head: map[string]string{
				"teams/extra/team.yaml": teamSpec, "teams/extra/scrape/a.yaml": job,
				"teams/other/team.yaml": teamSpec, "teams/other/scrape/b.yaml": job,
			},
			want: map[string]string{"extra": "", "other": ""},
		},
		{
			name: "a team whose new routes miss one of its alerts",
			live: map[string]string{"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": goodRule},
			head: map[string]string{
				"teams/extra/team.yaml":    strings.Replace(teamSpec, "  - receivers", "  - severities: [critical]\n    receivers", 1),
				"teams/extra/rules/a.yaml": goodRule,
			},
			want:  map[string]string{"extra": "r1"},
			alert: "Good",
		},
		{
			name: "a warning on the routes is no reason",
			head: map[string]string{
				"teams/extra/team.yaml":    teamSpec + "  - severities: [critical]\n    receivers: [{slack: {channel: x, urlKey: x}}]\n",
				"teams/extra/rules/a.yaml": goodRule,
			},
			want:  map[string]string{},
			alert: "Good",
		},
		{
			name:    "what is the whole repo's blocks",
			head:    map[string]string{"watchbill.yaml": "componentz: {}\n"},
			blocked: "componentz",
		},
		{
			name:    "a missing environment blocks",
			head:    map[string]string{"environments/prod.yaml": ""},
			blocked: "prod",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := New(render.Options{AgentImage: "watchbill"})
			r, err := b.Build(repo(t, tc.head), "prod", live("r1", repo(t, tc.live)))
			if err != nil {
				t.Fatal(err)
			}
			if tc.blocked != "" {
				if len(r.Blocked) == 0 || !strings.Contains(r.Blocked[0].String(), tc.blocked) {
					t.Errorf("blocked: %v", r.Blocked)
				}
				return
			}
			got := map[string]string{}
			for _, q := range r.Quarantined {
				got[q.Team] = q.Revision
				if len(q.Findings) == 0 {
					t.Errorf("team %s: no finding says why", q.Team)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatalf("quarantined: %s\nfindings: %v", diff, r.Findings)
			}
			rules := files(t, r, bundle.Prometheus)["rules/extra/a.yaml"]
			if tc.alert != "" && !strings.Contains(rules, tc.alert) {
				t.Errorf("rules of the team: %q", rules)
			}
			if strings.Contains(rules, "Bad") {
				t.Error("the broken rule is live")
			}
		})
	}
}

func TestLastGoodThatCannotBeReadIsAnError(t *testing.T) {
	head := repo(t, map[string]string{"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": badRule})
	unknown := func(string) (*LastGood, error) { return nil, fs.ErrNotExist }
	if _, err := New(render.Options{}).Build(head, "prod", unknown); err == nil {
		t.Error("the team's rules would have been dropped")
	}
}

func TestOneChangeMakesOneChunk(t *testing.T) {
	b := New(render.Options{AgentImage: "watchbill"})
	before, err := b.Build(repo(t, map[string]string{"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": goodRule}), "prod", never)
	if err != nil {
		t.Fatal(err)
	}
	after, err := b.Build(repo(t, map[string]string{
		"teams/extra/team.yaml": teamSpec, "teams/extra/rules/a.yaml": strings.Replace(goodRule, "== 0", "== 1", 1),
	}), "prod", never)
	if err != nil {
		t.Fatal(err)
	}
	if n := newChunks(before, after, bundle.Prometheus); n != 1 {
		t.Errorf("%d new chunks for Prometheus, want 1", n)
	}
	if n := newChunks(before, after, bundle.Alertmanager); n != 0 {
		t.Errorf("%d new chunks for Alertmanager, want 0", n)
	}
}

func newChunks(before, after *Result, component string) int {
	had := map[string]bool{}
	n := 0
	for _, r := range []*Result{before, after} {
		for _, b := range r.Output.Bundles {
			for _, c := range b.Chunks {
				if b.Component == component && r == before {
					had[c.Digest] = true
				} else if b.Component == component && !had[c.Digest] {
					n++
				}
			}
		}
	}
	return n
}
