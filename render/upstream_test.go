package render_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/rulefmt"
	_ "github.com/prometheus/prometheus/plugins" // every kind of service discovery
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

var silent = slog.New(slog.DiscardHandler)

// write puts a bundle's files onto the disk, as an agent does.
func write(t *testing.T, files []bundle.File) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		file := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(f.Content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestPrometheusReadsItAll: upstream accepts every file and, by the globs of
// prometheus.yml, finds every file that there is.
func TestPrometheusReadsItAll(t *testing.T) {
	t.Setenv("POD_NAME", "prometheus-1")
	for _, c := range cases(t) {
		for _, file := range configs(c) {
			t.Run(c.name+"/"+file, func(t *testing.T) { readPrometheus(t, c, file) })
		}
	}
}

// configs are the configurations in Prometheus's bundle: one, or one for each shard.
func configs(c rendered) []string {
	var out []string
	for _, f := range c.files[bundle.Prometheus] {
		if strings.HasSuffix(f.Path, ".yml") {
			out = append(out, f.Path)
		}
	}
	return out
}

func readPrometheus(t *testing.T, c rendered, file string) {
	dir := write(t, c.files[bundle.Prometheus])
	cfg, err := config.LoadFile(filepath.Join(dir, file), false, silent)
	if err != nil {
		t.Fatal(err)
	}
	scrapes, err := cfg.GetScrapeConfigs()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(scrapes), jobs(c.repo, c.env); got != want {
		t.Errorf("Prometheus finds %d jobs, the repo has %d", got, want)
	}
	rules := map[string]int{}
	for _, file := range glob(t, cfg.RuleFiles) {
		groups, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), silent)
		if len(errs) > 0 {
			t.Fatalf("%s: %v", file, errs)
		}
		for _, g := range groups.Groups {
			rules[strings.Split(strings.TrimPrefix(file, dir), "/")[2]] += len(g.Rules)
			for _, r := range g.Rules {
				if team := filepath.Base(filepath.Dir(strings.Replace(file, "/"+c.env.Name+"/", "/", 1))); r.Alert != "" && r.Labels["team"] != team {
					t.Errorf("%s: alert %s has the team %q", file, r.Alert, r.Labels["team"])
				}
			}
		}
	}
	if diff := cmp.Diff(rulesOf(c.repo, c.env), rules); diff != "" {
		t.Errorf("rules by team: %s", diff)
	}
	if files := configs(c); len(files) != max(1, int(c.env.Prometheus.Shards)) {
		t.Errorf("the bundle has the configurations %v", files)
	} else if got := cfg.GlobalConfig.ExternalLabels.Get("shard"); len(files) > 1 && got != fmt.Sprint(shardOf(file)) || len(files) == 1 && got != "" {
		t.Errorf("label shard is %q", got)
	}
	if got := cfg.GlobalConfig.ExternalLabels.Get("replica"); got != "prometheus-1" {
		t.Errorf("label replica is %q", got)
	}
	for name, want := range c.env.Labels {
		if got := cfg.GlobalConfig.ExternalLabels.Get(name); got != want {
			t.Errorf("label %s is %q, the environment says %q", name, got, want)
		}
	}
}

func shardOf(file string) (shard int) {
	_, _ = fmt.Sscanf(file, "prometheus-shard-%d.yml", &shard) // the first one's says no number
	return shard
}

func glob(t *testing.T, patterns []string) []string {
	t.Helper()
	var out []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	return out
}

func jobs(repo *repolayout.Repo, env *repolayout.Environment) int {
	n := 0
	for _, team := range repo.Teams {
		for _, f := range team.Scrape {
			if f.Environment == "" || f.Environment == env.Name {
				n += len(f.Jobs)
			}
		}
	}
	return n
}

func rulesOf(repo *repolayout.Repo, env *repolayout.Environment) map[string]int {
	out := map[string]int{}
	for _, team := range repo.Teams {
		for _, f := range team.Rules {
			if f.Environment != "" && f.Environment != env.Name {
				continue
			}
			for _, g := range f.Groups {
				out[team.Name] += len(g.Rules)
			}
		}
	}
	return out
}

// TestEveryAlertIsRouted: each alert of each team and severity reaches on-call
// once, and beside it the receiver that the team's own routes come to.
func TestEveryAlertIsRouted(t *testing.T) {
	flags, err := featurecontrol.NewFlags(silent, "")
	if err != nil {
		t.Fatal(err)
	}
	compat.InitFromFlags(silent, flags)
	for _, c := range cases(t) {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, c.files[bundle.Alertmanager])
			cfg, err := amconfig.LoadFile(filepath.Join(dir, "alertmanager.yml"))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := len(glob(t, cfg.Templates)), len(c.repo.Templates); got != want {
				t.Errorf("Alertmanager finds %d templates, the repo has %d", got, want)
			}
			route := dispatch.NewRoute(cfg.Route, nil)
			severities := append([]string{"", "unheard-of"}, c.repo.Stack.Severities...)
			for _, severity := range severities {
				for _, team := range c.repo.Teams {
					want := []string{"on-call-alerts"}
					if name := receiverOf(team, severity); name != "" {
						want = append(want, name)
					}
					if diff := cmp.Diff(want, receivers(route, team.Name, severity)); diff != "" {
						t.Errorf("%s, %q: %s", team.Name, severity, diff)
					}
				}
				if diff := cmp.Diff([]string{"on-call-alerts"}, receivers(route, "", severity)); diff != "" {
					t.Errorf("an alert without a team, %q: %s", severity, diff)
				}
			}
		})
	}
}

func receivers(route *dispatch.Route, team, severity string) []string {
	labels := model.LabelSet{"alertname": "Some"}
	if team != "" {
		labels["team"] = model.LabelValue(team)
	}
	if severity != "" {
		labels["severity"] = model.LabelValue(severity)
	}
	var out []string
	for _, r := range route.Match(labels) {
		out = append(out, r.RouteOpts.Receiver)
	}
	return out
}

// receiverOf is the receiver of the first of a team's routes that takes the severity.
func receiverOf(team *repolayout.Team, severity string) string {
	for _, r := range team.Spec.Routes {
		switch {
		case len(r.Severities) == 0:
			return team.Name + "/default"
		case slices.Contains(r.Severities, severity):
			return team.Name + "/" + strings.Join(r.Severities, "-")
		}
	}
	return ""
}
