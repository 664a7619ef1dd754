package repolayout

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/kubernetes" // registers kubernetes_sd_configs
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

func TestWriteExample(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "new")
	if err := WriteExample(dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(names(t, Example()), names(t, os.DirFS(dir))); diff != "" {
		t.Error(diff)
	}
	if _, problems := NewLoader().Load(os.DirFS(dir)); len(problems) > 0 {
		t.Error(lines(problems))
	}
	err := WriteExample(dir)
	if err == nil || !strings.Contains(err.Error(), "is not empty, it holds .schemas: name a new folder") {
		t.Errorf("over a folder that is not empty: %v", err)
	}
}

func TestWriteExampleBesideGit(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := WriteExample(dir); err != nil {
		t.Error(err)
	}
	if _, problems := NewLoader().Load(os.DirFS(dir)); len(problems) > 0 {
		t.Error(lines(problems))
	}
}

func TestWriteExampleOverAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := WriteExample(file); err == nil {
		t.Error("no error")
	}
	if got, err := os.ReadFile(file); string(got) != "precious" {
		t.Error(string(got), err)
	}
}

func names(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var out []string
	err := fs.WalkDir(fsys, ".", func(path string, _ fs.DirEntry, err error) error {
		out = append(out, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestExampleIsGoodUpstream gives the example's files to Prometheus's own readers.
func TestExampleIsGoodUpstream(t *testing.T) {
	repo, _ := NewLoader().Load(Example())
	for _, team := range repo.Teams {
		for _, f := range team.Rules {
			if _, errs := rulefmt.Parse(f.Content, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler)); len(errs) > 0 {
				t.Errorf("%s: %v", f.Path, errs)
			}
			for _, g := range f.Groups {
				checkAlerts(t, repo, f.Path, g)
			}
		}
		for _, f := range team.Scrape {
			if _, err := config.Load(string(f.Content), slog.New(slog.DiscardHandler)); err != nil {
				t.Errorf("%s: %v", f.Path, err)
			}
		}
	}
}

// TestExampleDashboards wants PromQL in every panel, over the data source that Watchbill provisions.
func TestExampleDashboards(t *testing.T) {
	repo, _ := NewLoader().Load(Example())
	promQL, queries := parser.NewParser(parser.Options{}), 0
	variables := strings.NewReplacer("$__rate_interval", "5m", "$environment", "prod")
	for _, team := range repo.Teams {
		for _, f := range team.Dashboards {
			var board struct {
				Panels []struct {
					Title   string
					Targets []struct {
						Expr       string
						Datasource struct{ UID string }
					}
				}
			}
			if err := json.Unmarshal(f.Content, &board); err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			for _, panel := range board.Panels {
				for _, target := range panel.Targets {
					queries++
					if _, err := promQL.ParseExpr(variables.Replace(target.Expr)); err != nil || target.Datasource.UID != "thanos" {
						t.Errorf("%s: %s asks %q for %s: %v", f.Path, panel.Title, target.Datasource.UID, target.Expr, err)
					}
				}
			}
		}
	}
	if queries < 8 {
		t.Errorf("%d queries were looked at", queries)
	}
}

// checkAlerts wants of every alert what an alert to imitate has.
func checkAlerts(t *testing.T, repo *Repo, file string, g RuleGroup) {
	t.Helper()
	for _, r := range g.Rules {
		if r.Alert == "" {
			continue
		}
		if r.Annotations["summary"] == "" || !strings.Contains(strings.Join(repo.Stack.Severities, " "), r.Labels["severity"]) {
			t.Errorf("%s: %s lacks a summary or a severity", file, r.Alert)
		}
	}
}

// TestExampleRuleTests runs the example's rule unit tests with promtool.
func TestExampleRuleTests(t *testing.T) {
	promtool := os.Getenv("WATCHBILL_PROMTOOL")
	if promtool == "" {
		t.Skip("WATCHBILL_PROMTOOL is not set: `make test` builds the real promtool and runs this test with it")
	}
	repo, _ := NewLoader().Load(Example())
	for _, team := range repo.Teams {
		for _, f := range team.Tests {
			if out, err := exec.Command(promtool, "test", "rules", "example/"+f.Path).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", f.Path, err, out)
			}
		}
	}
}
