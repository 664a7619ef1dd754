package ruletest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// promtool is the real program, with which verdicts are compared.
func promtool(t *testing.T) string {
	t.Helper()
	program := os.Getenv("WATCHBILL_PROMTOOL")
	if program == "" {
		t.Skip("WATCHBILL_PROMTOOL is not set: `make test` builds the real promtool and runs this test with it")
	}
	return program
}

// moduleDir is where the sources of a module lie.
func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("go list -m %s: %v", module, err)
	}
	return strings.TrimSpace(string(out))
}

// verdicts are promtool's, by file: it says SUCCESS or FAILED of one after the other.
func verdicts(t *testing.T, dir string, files []string, flags ...string) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), promtool(t), append(append([]string{"test", "rules"}, flags...), files...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimRight(line, "\n"); line == "  SUCCESS" || line == "  FAILED:" {
			if len(found) == len(files) {
				t.Fatalf("promtool said more than a verdict a file:\n%s", out)
			}
			found[files[len(found)]] = line == "  SUCCESS"
		}
	}
	if len(found) != len(files) {
		t.Fatalf("promtool gave %d verdicts on %d files:\n%s", len(found), len(files), out)
	}
	return found
}

// ours is our verdict on one file, and the reason for a bad one.
func ours(t *testing.T, runner *Runner, file string, run *regexp.Regexp) (bool, string) {
	t.Helper()
	content, err := fs.ReadFile(runner.FS, file)
	if err != nil {
		t.Fatal(err)
	}
	f, problems := Parse(file, content)
	if f == nil {
		return false, fmt.Sprint(problems)
	}
	results := runner.Run(t.Context(), []*File{f}, Options{Run: run})
	why := fmt.Sprint(results.Files[0].Problems)
	for _, test := range results.Files[0].Tests {
		for _, failure := range test.Failures {
			why += fmt.Sprintf("\n%s: %s\n%s\n%s", test.Name, failure.Message, strings.Join(failure.Diff, "\n"), failure.Hint)
		}
	}
	return results.Passed(), why
}

// TestUpstream holds our verdict on every test file of our dependencies' sources
// against promtool's, also with names to run.
func TestUpstream(t *testing.T) {
	deliberate := differences(t)
	for module, folder := range map[string]string{
		"github.com/prometheus/prometheus": "cmd/promtool/testdata",
	} {
		root := moduleDir(t, module)
		files, err := filepath.Glob(filepath.Join(root, folder, "*.yml"))
		if err != nil || len(files) < 40 {
			t.Fatalf("%d files: %v", len(files), err)
		}
		runner := &Runner{FS: os.DirFS(root)}
		for _, file := range files {
			name := path.Join(folder, filepath.Base(file))
			t.Run(name, func(t *testing.T) {
				want := verdicts(t, root, []string{name})[name]
				got, why := ours(t, runner, name, nil)
				compareVerdicts(t, deliberate, name, want, got, why)
			})
		}
		for _, run := range []string{"correct", "wrong", "^correct$|none"} {
			name := path.Join(folder, "rules_run.yml")
			t.Run("run "+run, func(t *testing.T) {
				want := verdicts(t, root, []string{name}, "--run="+run)[name]
				got, why := ours(t, runner, name, regexp.MustCompile(run))
				compareVerdicts(t, deliberate, name+" "+run, want, got, why)
			})
		}
	}
}

// TestThanos holds our verdict on the tests of Thanos's own alerts against promtool's.
func TestThanos(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/thanos-io/thanos")
	cmd.Dir = "../../test/programs/thanos"
	out, err := cmd.Output()
	root := filepath.Join(strings.TrimSpace(string(out)), "examples", "alerts")
	if err != nil || !filepath.IsAbs(root) {
		t.Skipf("the sources of Thanos are not there: %v", err)
	}
	want := verdicts(t, root, []string{"tests.yaml"})["tests.yaml"]
	got, why := ours(t, &Runner{FS: os.DirFS(root)}, "tests.yaml", nil)
	compareVerdicts(t, differences(t), "examples/alerts/tests.yaml", want, got, why)
}

func compareVerdicts(t *testing.T, deliberate map[string]string, name string, want, got bool, why string) {
	t.Helper()
	if reason, ok := deliberate[name]; ok {
		if want == got {
			t.Errorf("testdata/differences.txt lists %s (%s), but there is no difference", name, reason)
		}
		return
	}
	if want != got {
		t.Errorf("promtool passes: %v, we pass: %v\n%s", want, got, why)
	}
}

// differences are the files on which we differ from promtool on purpose, each with the reason.
func differences(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		name, reason, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			t.Fatalf("differences.txt: %q has no reason", line)
		}
		found[name] = reason
	}
	return found
}
