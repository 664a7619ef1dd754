package render

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// bigRepo has rules of about 780 bytes each, as a large company's would be.
func bigRepo(teams, files, rules int) *repolayout.Repo {
	repo := &repolayout.Repo{Stack: repolayout.DefaultStack()}
	for i := range teams {
		name := fmt.Sprintf("team-%03d", i)
		team := &repolayout.Team{Name: name, Spec: repolayout.TeamSpec{Routes: []repolayout.TeamRoute{
			{Severities: []string{"critical"}, Receivers: []repolayout.Receiver{{PagerDuty: &repolayout.PagerDuty{IntegrationKey: name}}}},
			{Receivers: []repolayout.Receiver{{Slack: &repolayout.Slack{Channel: "#" + name, URLKey: "slack"}}}},
		}}}
		for j := range files {
			team.Rules = append(team.Rules, bigFile(name, j, rules))
		}
		repo.Teams = append(repo.Teams, team)
	}
	return repo
}

func bigFile(team string, n, rules int) *repolayout.RuleFile {
	group := rulefmt.RuleGroup{Name: fmt.Sprintf("group-%d", n)}
	for i := range rules {
		group.Rules = append(group.Rules, rulefmt.Rule{
			Alert: fmt.Sprintf("RequestErrorsHigh%d", i), For: model.Duration(5 * time.Minute),
			Expr: fmt.Sprintf("sum by (namespace, service) (rate(http_requests_total{job=\"%s-%d\", code=~\"5..\"}[5m]))\n"+
				"  /\nsum by (namespace, service) (rate(http_requests_total{job=\"%s-%d\"}[5m])) > 0.05\n", team, i, team, i),
			Labels: map[string]string{"severity": "warning", "service": "api"},
			Annotations: map[string]string{
				"summary":     "{{ $labels.service }} answers {{ $value | humanizePercentage }} of its requests with errors",
				"description": strings.Repeat("More than five in a hundred requests have failed for five minutes. ", 4),
			},
		})
	}
	return &repolayout.RuleFile{
		File:   &repolayout.File{Path: fmt.Sprintf("teams/%s/rules/file-%d.yaml", team, n), Digest: fmt.Sprintf("%s-%d-0", team, n)},
		Groups: []repolayout.RuleGroup{{RuleGroup: group}},
	}
}

// changeOne is the repo after somebody changed one line of one file of one team.
func changeOne(repo *repolayout.Repo, team, file, version int) *repolayout.Repo {
	next, changed := *repo, *repo.Teams[team]
	next.Teams = append([]*repolayout.Team(nil), repo.Teams...)
	next.Teams[team] = &changed
	changed.Rules = append([]*repolayout.RuleFile(nil), changed.Rules...)
	rules := len(changed.Rules[file].Groups[0].Rules)
	changed.Rules[file] = bigFile(changed.Name, file, rules)
	changed.Rules[file].Digest = fmt.Sprint(changed.Name, file, version)
	changed.Rules[file].Groups[0].Rules[0].For = model.Duration(version) * model.Duration(time.Minute)
	return &next
}

var bigEnv = &repolayout.Environment{Name: "prod", Namespace: "monitoring"}

func TestOneFileCostsOneFile(t *testing.T) {
	r, repo := New(Options{}), bigRepo(20, 5, 10)
	before := mustRender(t, r, repo)
	after := mustRender(t, r, changeOne(repo, 7, 3, 2))

	had := map[*bundle.Chunk]bool{}
	for _, c := range before.Bundles[0].Chunks {
		had[c] = true
	}
	var made []*bundle.Chunk
	for _, c := range after.Bundles[0].Chunks {
		if !had[c] {
			made = append(made, c)
		}
	}
	// prometheus.yml's is made anew each time, and is the same in content.
	if len(made) != 2 || made[0].Owner+made[1].Owner != "team-007" {
		t.Fatalf("%d chunks were made, of %v", len(made), made)
	}
	if before.Bundles[1].Digest != after.Bundles[1].Digest {
		t.Error("Alertmanager's bundle changed")
	}
	was, is := filesOf(t, before), filesOf(t, after)
	for path, content := range is {
		changed := path == "rules/team-007/file-3.yaml"
		if strings.HasPrefix(path, "rules/") && sameMemory(content, was[path]) == changed {
			t.Errorf("%s: rendered anew: %v", path, !changed)
		}
		if (content == was[path]) == changed {
			t.Errorf("%s: changed: %v", path, !changed)
		}
	}
}

func sameMemory(a, b string) bool { return unsafe.StringData(a) == unsafe.StringData(b) }

func filesOf(t *testing.T, out Output) map[string]string {
	t.Helper()
	files, err := bundle.Assemble(out.Bundles[0].Ref(""), out.Bundles[0].Chunks)
	if err != nil {
		t.Fatal(err)
	}
	byPath := map[string]string{}
	for _, f := range files {
		byPath[f.Path] = f.Content
	}
	return byPath
}

func mustRender(t testing.TB, r *Renderer, repo *repolayout.Repo) Output {
	t.Helper()
	out, err := r.Environment(repo, bigEnv)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMemoryIsOfTwoRuns: a revision and the one before it are both at hand,
// because a rollback goes there and back; what is older is forgotten.
func TestMemoryIsOfTwoRuns(t *testing.T) {
	r, a := New(Options{}), bigRepo(3, 1, 1)
	b, c := changeOne(a, 0, 0, 2), changeOne(a, 0, 0, 3)
	known := func(repo *repolayout.Repo) bool { return r.memory["prod"].recall(repo.Teams[0]) != nil }
	mustRender(t, r, a)
	mustRender(t, r, b)
	if !known(a) || !known(b) {
		t.Error("the last two are not both remembered")
	}
	mustRender(t, r, c)
	if known(a) || !known(b) || !known(c) {
		t.Error("not just the last two are remembered")
	}
}

// TestMemoryIsOfOneShape: what the environment says of shards and Grafana is in
// the teams' files, so what was rendered before it changed is not taken again.
func TestMemoryIsOfOneShape(t *testing.T) {
	repo := bigRepo(2, 1, 1)
	for _, team := range repo.Teams {
		team.Scrape = []*repolayout.ScrapeFile{{File: &repolayout.File{Path: "teams/" + team.Name + "/scrape/a.yaml", Content: []byte("scrape_configs: [{job_name: a}]")}}}
		team.Dashboards = []*repolayout.File{{Path: "teams/" + team.Name + "/dashboards/a.json", Content: []byte("{}")}}
	}
	small := &repolayout.Environment{Name: "prod", Namespace: "monitoring"}
	large := &repolayout.Environment{
		Name: "prod", Namespace: "monitoring", Prometheus: repolayout.PrometheusSpec{Shards: 2},
		Query: repolayout.QuerySpec{Replicas: 1}, Grafana: repolayout.GrafanaSpec{Replicas: 1},
	}
	used := New(Options{})
	for _, env := range []*repolayout.Environment{small, large, small, large} {
		got, err := used.Environment(repo, env)
		if err != nil {
			t.Fatal(err)
		}
		want, err := New(Options{}).Environment(repo, env)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d shards: %s", env.Prometheus.Shards, diff)
		}
	}
}

// TestOneDashboardCostsOneChunk: another team's dashboards stay where they are.
func TestOneDashboardCostsOneChunk(t *testing.T) {
	r, repo := New(Options{}), bigRepo(5, 1, 1)
	env := &repolayout.Environment{Name: "prod", Namespace: "monitoring", Query: repolayout.QuerySpec{Replicas: 1}, Grafana: repolayout.GrafanaSpec{Replicas: 1}}
	for _, team := range repo.Teams {
		team.Dashboards = []*repolayout.File{{Path: "teams/" + team.Name + "/dashboards/a.json", Content: []byte("{}")}}
	}
	had := map[*bundle.Chunk]bool{}
	before, err := r.Environment(repo, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range before.Bundles[2].Chunks {
		had[c] = true
	}
	next := changeOne(repo, 3, 0, 2)
	next.Teams[3].Dashboards = []*repolayout.File{{Path: "teams/team-003/dashboards/a.json", Content: []byte(`{"title": "A"}`)}}
	after, err := r.Environment(next, env)
	if err != nil {
		t.Fatal(err)
	}
	made := ""
	for _, c := range after.Bundles[2].Chunks {
		if !had[c] {
			made += c.Owner + " "
		}
	}
	// The whole repo's, which belongs to nobody, is made anew each time, and is the same in content.
	if len(after.Bundles[2].Chunks) != len(before.Bundles[2].Chunks) || strings.TrimSpace(made) != "team-003" {
		t.Errorf("chunks were made of %q", made)
	}
}

// TestRenderIsPure: what was rendered before leaves no trace, and neither does
// the number of processors.
func TestRenderIsPure(t *testing.T) {
	repo := bigRepo(20, 5, 10)
	changed := changeOne(repo, 4, 2, 9)
	used := New(Options{})
	mustRender(t, used, repo)
	want := mustRender(t, used, changed)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	got := mustRender(t, New(Options{}), changed)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFileWithoutDigestIsRendered: no digest means that nobody knows what it is.
func TestFileWithoutDigestIsRendered(t *testing.T) {
	r, repo := New(Options{}), bigRepo(1, 1, 1)
	repo.Teams[0].Rules[0].Digest = ""
	before := mustRender(t, r, repo)
	next := changeOne(repo, 0, 0, 7)
	next.Teams[0].Rules[0].Digest = ""
	if after := mustRender(t, r, next); before.Bundles[0].Digest == after.Bundles[0].Digest {
		t.Error("the change was not rendered")
	}
}

func TestErrorsOfAllTeams(t *testing.T) {
	repo := bigRepo(3, 1, 1)
	for _, i := range []int{0, 2} {
		repo.Teams[i].Scrape = []*repolayout.ScrapeFile{{File: &repolayout.File{Path: "teams/x/scrape/a.yaml", Content: []byte("caf\xe9")}}}
	}
	_, err := New(Options{}).Environment(repo, bigEnv)
	if err == nil || !strings.Contains(err.Error(), "team-000") || !strings.Contains(err.Error(), "team-002") {
		t.Errorf("the error names not both teams: %v", err)
	}
}

// BenchmarkEnvironment is 100,000 rules in 5,000 files of 500 teams.
func BenchmarkEnvironment(b *testing.B) {
	repo := bigRepo(500, 10, 20)
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			mustRender(b, New(Options{}), repo)
		}
	})
	r := New(Options{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	out := mustRender(b, r, repo)
	runtime.GC()
	runtime.ReadMemStats(&after)
	size := 0
	for _, c := range out.Bundles[0].Chunks {
		for _, text := range c.Data {
			size += len(text)
		}
	}
	b.Logf("%d MB of text in %d chunks; %d MB held", size>>20, len(out.Bundles[0].Chunks), (after.HeapAlloc-before.HeapAlloc)>>20)
	b.Run("no change", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			mustRender(b, r, repo)
		}
	})
	b.Run("one file", func(b *testing.B) {
		b.ReportAllocs()
		version := 0
		for b.Loop() {
			version++
			mustRender(b, r, changeOne(repo, 7, 3, version))
		}
	})
}
