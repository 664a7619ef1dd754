package validate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// oracleProgram is where a real program lies.
func oracleProgram(t *testing.T, variable string) string {
	t.Helper()
	program := os.Getenv(variable)
	if program == "" {
		t.Skipf("%s is not set: `make test` builds the real program and runs this test with it", variable)
	}
	return program
}

// ask puts all files before a program in one call, and returns all that it says.
func ask(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}

// fileHead is how promtool and amtool begin what they say of a file.
var fileHead = regexp.MustCompile(`(?m)^Checking '?([^'\n]+?)'?(?:  (?:SUCCESS|FAILED).*)?$`)

// verdicts are what a check command says of each file: what it says of one goes
// on until the next. paths are in the files' order.
func verdicts(t *testing.T, files []corpusFile, paths []string, program string, args ...string) map[string]bool {
	t.Helper()
	out := ask(t, program, append(args, paths...)...)
	heads := fileHead.FindAllStringSubmatchIndex(out, -1)
	if len(heads) != len(files) {
		t.Fatalf("%s speaks of %d files, not %d:\n%s", filepath.Base(program), len(heads), len(files), out)
	}
	accept := map[string]bool{}
	for i, head := range heads {
		if got := out[head[2]:head[3]]; got != paths[i] {
			t.Fatalf("file %d is %s, not %s", i, got, paths[i])
		}
		end := len(out)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		said := out[head[0]:end]
		failed := strings.Contains(said, "FAILED")
		if !failed && !strings.Contains(said, "SUCCESS") {
			t.Fatalf("no verdict: %s", said)
		}
		accept[files[i].name] = !failed
	}
	return accept
}

func pathsOf(files []corpusFile) (paths []string) {
	for _, f := range files {
		paths = append(paths, f.path)
	}
	return paths
}

// writeAll writes a file for each of the corpus, made from it.
func writeAll(t *testing.T, files []corpusFile, text func(f corpusFile) string) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i, f := range files {
		path := filepath.Join(dir, fmt.Sprintf("%d.yml", i))
		if err := os.WriteFile(path, []byte(text(f)), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func checkRules(t *testing.T, files []corpusFile) map[string]bool {
	return verdicts(t, files, pathsOf(files), oracleProgram(t, "WATCHBILL_PROMTOOL"), "check", "rules", "--lint=none")
}

var testVerdict = regexp.MustCompile(`(?m)^  (SUCCESS|FAILED:)$`)

// testRules takes the verdicts in their order: this command names no files.
func testRules(t *testing.T, files []corpusFile) map[string]bool {
	out := ask(t, oracleProgram(t, "WATCHBILL_PROMTOOL"), append([]string{"test", "rules"}, pathsOf(files)...)...)
	found := testVerdict.FindAllStringSubmatch(out, -1)
	if len(found) != len(files) {
		t.Fatalf("promtool gives %d verdicts on %d files:\n%s", len(found), len(files), out)
	}
	accept := map[string]bool{}
	for i, f := range files {
		accept[f.name] = found[i][1] == "SUCCESS"
	}
	return accept
}

// checkPrometheus judges without the files that a configuration names, as we do:
// they are in the pod, or are judged by themselves.
func checkPrometheus(t *testing.T, files []corpusFile) map[string]bool {
	return verdicts(t, files, pathsOf(files), oracleProgram(t, "WATCHBILL_PROMTOOL"), "check", "config", "--syntax-only", "--lint=none")
}

func checkScrape(t *testing.T, files []corpusFile) map[string]bool {
	paths := writeAll(t, files, func(f corpusFile) string { return f.content })
	return verdicts(t, files, paths, oracleProgram(t, "WATCHBILL_PROMTOOL"), "check", "config", "--syntax-only", "--lint=none")
}

func checkAlertmanager(t *testing.T, files []corpusFile) map[string]bool {
	paths := writeAll(t, files, func(f corpusFile) string { return f.content })
	return verdicts(t, files, paths, oracleProgram(t, "WATCHBILL_AMTOOL"), "check-config")
}

func checkTemplates(t *testing.T, files []corpusFile) map[string]bool {
	paths := writeAll(t, files, func(f corpusFile) string {
		return fmt.Sprintf("route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: [%q]\n", f.path)
	})
	return verdicts(t, files, paths, oracleProgram(t, "WATCHBILL_AMTOOL"), "check-config")
}

// takeAll is for what no program judges: upstream calls its own files good.
func takeAll(_ *testing.T, files []corpusFile) map[string]bool {
	accept := map[string]bool{}
	for _, f := range files {
		accept[f.name] = true
	}
	return accept
}

// ourTest puts a test file and the rule files that it names into a team's
// folders. Those of its rules' errors count that promtool knows too.
func ourTest(f corpusFile) []string {
	const folder = "teams/payments/tests/"
	var doc struct {
		RuleFiles []string `yaml:"rule_files"`
	}
	_ = yaml.Unmarshal([]byte(f.content), &doc) // what is wrong with it is the checks' to say
	files := map[string]string{}
	test := f.content
	for _, name := range doc.RuleFiles {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(f.path), name))
		if err != nil {
			continue
		}
		files["teams/payments/rules/"+name] = string(content)
		entry := regexp.MustCompile(`(?m)^(\s*-\s+["']?)` + regexp.QuoteMeta(name))
		test = entry.ReplaceAllString(test, "${1}../rules/"+name)
	}
	files[folder+"a.yaml"] = test
	fsys := repoOf(files)
	repo, problems := repolayout.NewLoader().Load(fsys)
	v := New()
	v.OnlySyntax = true
	return refusals(append(v.Repo(repo), new(Tests).Check(fsys, repo)...), problems)
}
