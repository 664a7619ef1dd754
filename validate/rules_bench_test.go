package validate

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// bigRepo is teams of ten files of 20 rules each, as large as rules are in
// practice: 780 bytes.
func bigRepo(teams int) fstest.MapFS {
	files := map[string]string{}
	for team := range teams {
		dir := fmt.Sprintf("teams/team-%03d/", team)
		files[dir+"team.yaml"] = base["teams/search/team.yaml"]
		files[dir+"scrape/jobs.yaml"] = fmt.Sprintf("scrape_configs:\n- job_name: team-%03d\n  kubernetes_sd_configs: [{role: pod}]\n", team)
		for file := range 10 {
			files[fmt.Sprintf("%srules/file-%d.yaml", dir, file)] = bigFile(team, file)
		}
	}
	return repoOf(files)
}

func bigFile(team, file int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "groups:\n- name: errors-%d\n  rules:\n", file)
	for i := range 20 {
		fmt.Fprintf(&out, `  - alert: HighErrorRate%d
    expr: |
      sum by (service, namespace) (rate(http_requests_total{code=~"5..", job="team-%d"}[5m]))
        / sum by (service, namespace) (rate(http_requests_total{job="team-%d-%d"}[5m])) > 0.05
    for: 10m
    labels:
      severity: critical
      tier: backend
    annotations:
      summary: 'High error rate of {{ $labels.service }}'
      description: 'The error rate of {{ $labels.service }} in {{ $labels.namespace }} is {{ $value | humanizePercentage }} over the last five minutes.'
      runbook_url: https://runbooks.example.org/HighErrorRate
      dashboard: 'https://grafana.example.org/d/abc?var-service={{ $labels.service }}'
`, file*20+i, team, team, file)
	}
	return out.String()
}

// BenchmarkRules compares the checks of 4,000 rules in 200 files, by one core,
// with what promtool does for them.
func BenchmarkRules(b *testing.B) {
	repo, problems := repolayout.NewLoader().Load(bigRepo(20))
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	b.Run("rulefmt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, t := range repo.Teams {
				for _, f := range t.Rules {
					if _, errs := rulefmt.Parse(f.Content, false, model.UTF8Validation, promQL, slog.New(slog.DiscardHandler)); errs != nil {
						b.Fatal(errs)
					}
				}
			}
		}
	})
	b.Run("validate", func(b *testing.B) {
		b.ReportAllocs()
		rules := newContext(repo.Stack, nil, new(templateMemory).check(nil)).rules
		for b.Loop() {
			for _, t := range repo.Teams {
				for _, f := range t.Rules {
					if found := checkRuleFile(t.Name, f, rules); len(found) > 0 {
						b.Fatal(found)
					}
				}
			}
		}
	})
}

// BenchmarkRepo is a run over 500 teams: 100,000 rules in 5,000 files.
func BenchmarkRepo(b *testing.B) {
	fsys := bigRepo(500)
	loader := repolayout.NewLoader()
	repo, problems := loader.Load(fsys)
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if found := New().Repo(repo); len(found) > 0 {
				b.Fatal(found)
			}
		}
	})
	v := New()
	v.Repo(repo)
	b.Run("no change", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.Repo(repo)
		}
	})
	b.Run("one line", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			b.StopTimer()
			i++
			path := "teams/team-007/rules/file-3.yaml"
			fsys[path] = &fstest.MapFile{Data: fmt.Appendf(nil, "%s# %d\n", bigFile(7, 3), i)}
			repo, _ := loader.Load(fsys)
			b.StartTimer()
			v.Repo(repo)
		}
	})
}
