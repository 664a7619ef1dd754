package repolayout

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// someRepo is a repo of some teams with some rule files each.
func someRepo(teams, files, rules int) map[string]string {
	out := map[string]string{"watchbill.yaml": "components: {}\n", "environments/prod.yaml": "namespace: m\n"}
	for t := range teams {
		dir := fmt.Sprintf("teams/team-%03d", t)
		out[dir+"/team.yaml"] = "owner: a\nroutes:\n- severities: [critical, warning]\n  receivers:\n  - slack: {channel: \"#a\", urlKey: a}\n- receivers:\n  - webhook: {urlKey: a}\n"
		for f := range files {
			out[fmt.Sprintf("%s/rules/file-%02d.yaml", dir, f)] = ruleText(t, f, rules)
		}
	}
	return out
}

func ruleText(team, file, rules int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "groups:\n- name: group-%d-%d\n  rules:\n", team, file)
	for r := range rules {
		fmt.Fprintf(&b, `  - alert: Alert%d
    expr: |
      sum by (job) (rate(http_requests_total{job="team-%d", code=~"5..", handler="/api/v%d"}[5m]))
        / sum by (job) (rate(http_requests_total{job="team-%d", handler="/api/v%d"}[5m])) > 0.0%d
    for: 10m
    labels:
      severity: warning
      tier: backend
    annotations:
      summary: "{{ $labels.job }} answers too many requests with errors."
      description: "{{ $value | humanizePercentage }} of the requests to {{ $labels.job }} fail; the budget allows far fewer."
      runbook_url: https://runbooks.example.org/team-%d/alert-%d
`, r, team, file, team, file, r%9+1, team, r)
	}
	return b.String()
}

func with(files map[string]string, name, content string) map[string]string {
	out := maps.Clone(files)
	out[name] = content
	return out
}

func TestLoaderReadsOnlyWhatChanged(t *testing.T) {
	files := someRepo(3, 2, 1)
	files["teams/team-002/rules/file-01.yaml"] = "groups: {" // a broken file is remembered too
	l := NewLoader()

	first := newDigestFS(files)
	before, problems := l.Load(first)
	if got := len(first.opened()); got != 2+3*3 {
		t.Errorf("the first load opened %d files", got)
	}
	if len(problems) != 1 {
		t.Fatal(lines(problems))
	}

	same := newDigestFS(files)
	again, problemsAgain := l.Load(same)
	if got := same.opened(); len(got) > 0 {
		t.Errorf("a load without a change opened %v", got)
	}
	if diff := cmp.Diff(problems, problemsAgain); diff != "" {
		t.Error(diff)
	}
	for i := range before.Teams {
		if before.Teams[i] != again.Teams[i] {
			t.Errorf("%s is another pointer", before.Teams[i].Name)
		}
	}

	const changed = "teams/team-001/rules/file-00.yaml"
	next := newDigestFS(with(files, changed, ruleText(1, 0, 2)))
	after, _ := l.Load(next)
	if diff := cmp.Diff([]string{changed}, next.opened()); diff != "" {
		t.Errorf("a change of one file opened: %s", diff)
	}
	for i, want := range []bool{true, false, true} {
		if got := after.Teams[i] == before.Teams[i]; got != want {
			t.Errorf("%s: same pointer is %t", after.Teams[i].Name, got)
		}
	}
	if after.Teams[1].Rules[1] != before.Teams[1].Rules[1] || len(after.Teams[1].Rules[0].Groups[0].Rules) != 2 {
		t.Error("the changed team does not share its other file, or has not the new one")
	}
	if after.Environments[0] != before.Environments[0] {
		t.Error("the environment was read again")
	}
}

func TestLoaderForgets(t *testing.T) {
	l := NewLoader()
	for i := range 10 {
		l.Load(newDigestFS(with(someRepo(2, 2, 1), "teams/team-001/rules/file-00.yaml", ruleText(1, 0, i))))
	}
	// The last two loads share all but one file.
	if len(l.cache.files) != 2+2*3+1 || len(l.cache.teams) != 3 {
		t.Errorf("it remembers %d files and %d teams", len(l.cache.files), len(l.cache.teams))
	}
	// A team that never changes keeps its files at hand.
	fsys := newDigestFS(with(someRepo(2, 2, 1), "teams/team-000/rules/file-00.yaml", "groups: []"))
	l.Load(fsys)
	want := []string{"teams/team-000/rules/file-00.yaml", "teams/team-001/rules/file-00.yaml"}
	if diff := cmp.Diff(want, fsys.opened()); diff != "" {
		t.Error(diff)
	}
}

func TestLoadTeamFromAnotherRevision(t *testing.T) {
	files := someRepo(2, 2, 1)
	l := NewLoader()
	good, _ := l.Load(newDigestFS(files))
	lastGood := newDigestFS(files)
	for range 5 {
		repo, problems := l.Load(newDigestFS(with(files, "teams/team-001/rules/file-00.yaml", "groups: {")))
		if len(problems) != 1 || problems[0].Owner != "team-001" {
			t.Fatal(lines(problems))
		}
		team, problems := l.LoadTeam(lastGood, "team-001")
		if team != good.Team("team-001") || len(problems) > 0 {
			t.Error("the last good team is not the one of before", lines(problems))
		}
		repo = repo.WithTeams([]*Team{team, repo.Team("team-000")})
		if repo.Team("team-001") != team || repo.Teams[0].Name != "team-000" {
			t.Error("the teams were not put in place")
		}
	}
	if got := lastGood.opened(); len(got) > 0 {
		t.Errorf("it read %v again", got)
	}
	team, problems := l.LoadTeam(lastGood, "nobody")
	want := []string{"teams/nobody:0:0: layout/missing-file @nobody: there is no such folder"}
	if diff := cmp.Diff(want, lines(problems)); diff != "" || team != nil {
		t.Error(diff)
	}
}

func TestLoaderTriesAgainWhatItCouldNotRead(t *testing.T) {
	const broken = "teams/team-000/rules/file-00.yaml"
	l := NewLoader()
	fsys := newDigestFS(someRepo(1, 2, 1))
	fsys.fail[broken] = errors.New("the disk is away")
	repo, problems := l.Load(fsys)
	want := []string{broken + ":0:0: layout/unreadable @team-000: the file could not be read: the disk is away"}
	if diff := cmp.Diff(want, lines(problems)); diff != "" || len(repo.Teams[0].Rules) != 1 {
		t.Error(diff)
	}
	delete(fsys.fail, broken)
	repo, problems = l.Load(fsys)
	if len(problems) > 0 || len(repo.Teams[0].Rules) != 2 {
		t.Error(lines(problems), len(repo.Teams[0].Rules))
	}
}

func TestLoaderWithoutDigests(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, Example()); err != nil {
		t.Fatal(err)
	}
	l := NewLoader()
	before, problems := l.Load(os.DirFS(dir))
	if len(problems) > 0 {
		t.Fatal(lines(problems))
	}
	again, _ := l.Load(os.DirFS(dir))
	embedded, _ := l.Load(Example())
	for i := range before.Teams {
		if before.Teams[i] != again.Teams[i] || before.Teams[i] != embedded.Teams[i] {
			t.Errorf("%s is another pointer", before.Teams[i].Name)
		}
	}
	// A stray file changes no file that is read, but what is said of the team.
	if err := os.WriteFile(filepath.Join(dir, "teams/payments/rules/a.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "teams/payments/rules/b.yaml")); err != nil {
		t.Fatal(err)
	}
	stray, problems := l.Load(os.DirFS(dir))
	want := []string{
		"teams/payments/rules/a.txt:0:0: layout/unexpected-file @payments: the layout has no place for this file | known here: *.yaml",
		"teams/payments/rules/b.yaml:0:0: layout/symlink @payments: symlinks are not followed | put the file itself here",
	}
	if diff := cmp.Diff(want, lines(problems)); diff != "" {
		t.Error(diff)
	}
	if stray.Team("payments").Digest == before.Team("payments").Digest || stray.Team("platform") != before.Team("platform") {
		t.Error("the digests do not say which team changed")
	}
}

func TestChecksAreListed(t *testing.T) {
	known := map[string]bool{}
	last := ""
	for _, c := range Checks() {
		if c.ID <= last || c.Title == "" {
			t.Errorf("%s is out of order or has no title", c.ID)
		}
		known[c.ID], last = true, c.ID
	}
	for _, id := range usedChecks(t) {
		if !known[id] {
			t.Errorf("%s is not listed", id)
		}
	}
}

// usedChecks are the ids in the source.
func usedChecks(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("checks.go")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for part := range strings.SplitSeq(string(source), `"`) {
		if strings.HasPrefix(part, "layout/") {
			ids = append(ids, part)
		}
	}
	return ids
}

func BenchmarkLoad(b *testing.B) {
	for _, size := range []struct{ teams, files, rules int }{{4, 3, 5}, {500, 10, 20}} {
		files := someRepo(size.teams, size.files, size.rules)
		fsys := newDigestFS(files)
		changed := newDigestFS(with(files, "teams/team-001/rules/file-00.yaml", ruleText(1, 0, 3)))
		name := fmt.Sprintf("%d-teams", size.teams)
		b.Run(name+"/cold", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				NewLoader().Load(fsys)
			}
		})
		b.Run(name+"/no-change", func(b *testing.B) {
			l := NewLoader()
			l.Load(fsys)
			b.ReportAllocs()
			for b.Loop() {
				l.Load(fsys)
			}
		})
		b.Run(name+"/one-file", func(b *testing.B) {
			l := NewLoader()
			l.Load(fsys)
			for i := 0; b.Loop(); i++ {
				if i%2 == 0 {
					l.Load(changed)
				} else {
					l.Load(fsys)
				}
			}
		})
	}
}
