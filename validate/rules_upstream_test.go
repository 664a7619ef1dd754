package validate

import (
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

// moduleDir is where the go command keeps a module that dir needs.
func moduleDir(t *testing.T, dir, module string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil || len(out) < 2 {
		t.Skipf("%s is not to be found: %v", module, err)
	}
	return strings.TrimSpace(string(out))
}

// own are the errors that this repo's order raises over files that are good
// elsewhere: names, severities and teams.
var own = []string{rulesDuplicate, rulesSeverity, rulesTeamLabel, rulesDocuments}

// TestUpstreamRules wants no error over the rule files of upstream that upstream accepts.
func TestUpstreamRules(t *testing.T) {
	files := 0
	for _, root := range []string{
		moduleDir(t, ".", "github.com/prometheus/prometheus"),
		moduleDir(t, ".", "github.com/prometheus/alertmanager"),
		moduleDir(t, "../test/programs/thanos", "github.com/thanos-io/thanos"),
	} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if ext := filepath.Ext(path); err != nil || d.IsDir() || ext != ".yml" && ext != ".yaml" && ext != ".rules" {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(content), "groups:") {
				return err
			}
			groups, errs := rulefmt.Parse(content, false, model.UTF8Validation, promQL, slog.New(slog.DiscardHandler))
			if len(errs) > 0 || groups == nil || len(groups.Groups) == 0 {
				return nil
			}
			files++
			for _, f := range Blocking(check(t, repoOf(map[string]string{ruleFile: string(content)}))) {
				if !slices.Contains(own, f.Check) {
					t.Errorf("%s: %v", path, f)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 10 {
		t.Errorf("only %d rule files were found", files)
	}
}

// evaluation is how upstream's tests of PromQL evaluate an expression.
var evaluation = regexp.MustCompile(`^eval(?:_ordered|_warn|_info)? (?:instant at \S+|range from \S+ to \S+ step \S+) (.*)$`)

// TestUpstreamExpressions wants that nothing which has a result in upstream's
// tests is called impossible. Absence of what cannot be has a result, too.
func TestUpstreamExpressions(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(moduleDir(t, ".", "github.com/prometheus/prometheus"), "promql/promqltest/testdata/*.test"))
	if err != nil {
		t.Fatal(err)
	}
	expressions := 0
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(content), "\n")
		for i, line := range lines {
			m := evaluation.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil || strings.HasPrefix(m[1], "absent") || !hasResult(lines[i+1:]) {
				continue
			}
			expressions++
			found := check(t, repoOf(map[string]string{ruleFile: "groups:\n- name: g\n  rules:\n  - record: a\n    expr: |\n      " + m[1] + "\n"}))
			for _, f := range found {
				if f.Check == rulesSelector || f.Check == rulesVectorMatch {
					t.Errorf("%s:%d: %s: %v", filepath.Base(path), i+1, m[1], f)
				}
			}
		}
	}
	if expressions < 500 {
		t.Errorf("only %d expressions were found", expressions)
	}
}

// hasResult says whether samples are expected in the indented lines after an evaluation.
func hasResult(lines []string) bool {
	for _, line := range lines {
		text := strings.TrimSpace(line)
		if text == "" || line[0] != ' ' && line[0] != '\t' {
			return false
		}
		if !strings.HasPrefix(text, "expect") && !strings.HasPrefix(text, "#") {
			return true
		}
	}
	return false
}
