package build

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/memory"
)

// variants are what a file of the changing repo may hold; "" is no such file.
var variants = map[string][]string{
	"watchbill.yaml": {
		"onCall: {receivers: [{webhook: {urlKey: on-call}}]}\n",
		"onCall: {receivers: [{webhook: {urlKey: on-call}}]}\nseverities: [page, critical, info]\n",
		"onCall: {receivers: [{webhook: {urlKey: on-call}}]}\npolicies: {rules: {alertName: '[a-z].*', requiredAnnotations: [summary]}}\n",
		"onCall: {receivers: [{webhook: {urlKey: on-call}}]}\npolicies: {severity: {rules/duplicate: off, rules/recording-conflict: error}}\n",
		"onCall: {receivers: [{webhook: {urlKey: on-call}}]}\npolicies: {tests: {minCoverage: 50}}\n",
		"prometheus: {scrapeInterval: 2m}\n",
		"componentz: {}\n",
	},
	"environments/prod.yaml":        {"namespace: a\n", "namespace: a\nlabels: {env: prod}\n"},
	"environments/dev.yaml":         {"", "namespace: b\n"},
	"alertmanager/templates/a.tmpl": {"", "{{ define \"x\" }}{{ .Status }}{{ end }}\n", "{{ define \"x\" }}{{ .Nothing }}{{ end }}\n"},
	"patches/a.yaml":                {"", "", "kind: Nothing\nmetadata: {name: a}\n"},
	"teams/one/team.yaml":           {teamSpec, teamSpec, strings.Replace(teamSpec, "  - receivers", "  - severities: [critical]\n    receivers", 1), "# moved down\n" + teamSpec, "owner: [", ""},
	"teams/two/team.yaml":           {teamSpec, teamSpec + "  - receivers: [{slack: {channel: y, urlKey: y}}]\n", strings.Replace(teamSpec, "channel: x", "channel: x, title: '{{ template \"x\" . }}'", 1)},
	"teams/one/rules/a.yaml":        {goodRule, badRule, "", strings.ReplaceAll(goodRule, "Good", "Fine"), goodRule + "      - alert: Good\n        expr: up == 0\n"},
	"teams/one/rules/b.yaml":        {"", goodRule, recording, "# watchbill:ignore rules/rate it is so\n" + recording, "groups: []\n---\ngroups: []\n"},
	"teams/two/rules/a.yaml":        {recording, goodRule, strings.Replace(goodRule, "up == 0", "up", 1), strings.Replace(goodRule, "up == 0", "job:up:sum > job:down:sum", 1)},
	"teams/two/rules/dev/a.yaml":    {"", "", recording},
	"teams/one/scrape/a.yaml":       {"", job, strings.Replace(job, "twice", "once", 1), strings.Replace(job, "job_name: twice", "job_name: twice\n    scrape_interval: 5m", 1)},
	"teams/two/scrape/b.yaml":       {"", job},
	"teams/one/dashboards/a.json":   {"", `{"uid": "same", "title": "a"}`, `{"uid": "other", "title": "a"}`, `[]`},
	"teams/two/dashboards/a.json":   {"", `{"uid": "same", "title": "b", "panels": []}`},
	"teams/one/tests/a.yaml": {
		"", "rule_files: [../rules/*.yaml]\ntests:\n- alert_rule_test: [{alertname: Good, eval_time: 1m, exp_alerts: []}]\n",
		"rule_files: [../rules/a.yaml]\ntests:\n- alert_rule_test: [{alertname: Good, eval_time: 1m, exp_alerts: [{}]}]\n",
		"rule_files: [../../two/rules/*.yaml]\ntests: [{promql_expr_test: [{expr: 'job:up:sum', eval_time: 1m}]}]\n", "tests: {\n",
	},
}

const recording = "groups:\n  - name: r\n    rules:\n      - record: job:up:sum\n        expr: sum by (job) (up)\n      - record: job:up:rate\n        expr: rate(sum(up)[5m:])\n"

// TestMemoryChangesNoAnswer changes a repo at random, time and again, and asks a
// new builder with the memory of all those before and one without.
func TestMemoryChangesNoAnswer(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	random := rand.New(rand.NewPCG(7, 7))
	for name, contents := range variants {
		write(t, dir, name, contents[0])
	}
	said := map[string]bool{}
	for step := range 300 {
		what := ""
		for range random.IntN(3) {
			what += change(t, dir, random)
		}
		want := New(render.Options{}).Check(os.DirFS(dir))
		got := checkWith(t, cache, dir, time.Date(2026, 11, 22+step/25, 0, 0, 0, 0, time.UTC))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("step %d, after%s: with a memory it says (+) other than without (-):\n%s", step, what, diff)
		}
		syntax, err := validate.Select([]string{"rules/syntax", "rules/documents", "rules/duplicate"})
		if err != nil {
			t.Fatal(err)
		}
		b := New(render.Options{})
		b.Only(syntax)
		wanted := slices.DeleteFunc(syntax.Of(want), func(f validate.Finding) bool { return f.Check == repolayout.BadPatch })
		if diff := cmp.Diff(wanted, b.Check(os.DirFS(dir)), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("step %d, after%s: only the syntax (+), and that of all (-):\n%s", step, what, diff)
		}
		for _, f := range want {
			said[f.Check] = true
		}
	}
	for _, check := range []string{"rules/syntax", "rules/duplicate", "rules/recording-conflict", "scrape/duplicate-job", "dashboards/uid", "tests/failed", "routing/proof"} {
		if !said[check] {
			t.Errorf("no step had %s to find", check)
		}
	}
}

func checkWith(t *testing.T, cache, dir string, now time.Time) []validate.Finding {
	t.Helper()
	m, err := memory.Open(cache, dir, now)
	if err != nil {
		t.Fatal(err)
	}
	folder := memory.NewFolder(os.DirFS(dir), m, nil)
	b := New(render.Options{})
	b.Remember(m)
	findings := b.Check(folder)
	folder.Keep()
	if err := m.Save(); err != nil {
		t.Fatal(err)
	}
	return findings
}

// change gives one file another content, or renames a team and back.
func change(t *testing.T, dir string, random *rand.Rand) string {
	t.Helper()
	names := make([]string, 0, len(variants))
	for name := range variants {
		names = append(names, name)
	}
	slices.Sort(names)
	if random.IntN(12) == 0 {
		from, to := filepath.Join(dir, "teams/two"), filepath.Join(dir, "teams/Two")
		if _, err := os.Stat(to); err == nil {
			from, to = to, from
		}
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
		return " renaming two"
	}
	name := names[random.IntN(len(names))]
	if _, err := os.Stat(filepath.Join(dir, "teams/Two")); err == nil && strings.HasPrefix(name, "teams/two/") {
		name = strings.Replace(name, "two", "Two", 1)
	}
	contents := variants[strings.Replace(name, "Two", "two", 1)]
	content := contents[min(random.IntN(len(contents)), random.IntN(len(contents)))] // mostly good ones
	write(t, dir, name, content)
	return " writing " + name
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if content == "" {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKnownTeamsAreNotRead is what the memory is for.
func TestKnownTeamsAreNotRead(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	if err := repolayout.WriteExample(dir); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
	if found := checkWith(t, cache, dir, time.Now()); len(found) > 0 {
		t.Fatal(found)
	}
	m, err := memory.Open(cache, dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b := New(render.Options{})
	b.Remember(m)
	repo, _ := b.loadToCheck(memory.NewFolder(os.DirFS(dir), m, nil))
	for _, team := range repo.Teams {
		for _, f := range team.Rules {
			if f.Groups != nil {
				t.Errorf("%s was parsed", f.Path)
			}
		}
		if whole := team.Whole(); whole.Digest != team.Digest || len(whole.Rules) != len(team.Rules) || len(whole.Rules) > 0 && whole.Rules[0].Groups == nil {
			t.Errorf("team %s is not whole, or another", team.Name)
		}
	}
}
