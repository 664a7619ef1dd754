package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"

	"github.com/watchbill/watchbill/reconcile/build"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

// TestAction runs the scripts of the GitHub Action as a runner does.
func TestAction(t *testing.T) {
	action, err := filepath.Abs("../../deploy/action")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/action",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
			env.Setenv("ACTION", action)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": exitCode, "commit": commit},
	})
}

// TestActionDefinition wants that every input reaches a script, and that none
// is put into one: what a pull request names must not be read by a shell.
func TestActionDefinition(t *testing.T) {
	var action struct {
		Inputs  map[string]struct{ Description, Default string }
		Outputs map[string]struct{ Value string }
		Runs    struct {
			Using string
			Steps []struct {
				ID, If, Shell, Run string
				Env                map[string]string
			}
		}
	}
	readYAML(t, "../../deploy/action/action.yml", &action)
	if action.Runs.Using != "composite" || len(action.Runs.Steps) != 2 {
		t.Fatalf("%+v", action.Runs)
	}
	used := map[string]bool{}
	for _, step := range action.Runs.Steps {
		script := regexp.MustCompile(`^bash "\$GITHUB_ACTION_PATH/(\w+\.sh)"$`).FindStringSubmatch(step.Run)
		if script == nil || step.Shell != "bash" {
			t.Fatalf("step %+v", step)
		}
		content, err := os.ReadFile(filepath.Join("../../deploy/action", script[1]))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range step.Env {
			if !strings.Contains(string(content), name) {
				t.Errorf("%s does not use %s", script[1], name)
			}
			input := regexp.MustCompile(`^\$\{\{ inputs\.([\w-]+) \}\}$`).FindStringSubmatch(value)
			if input == nil {
				t.Errorf("%s is %q", name, value)
				continue
			}
			used[input[1]] = true
		}
	}
	page, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, input := range action.Inputs {
		row := fmt.Sprintf("| `%s` | |", name)
		if input.Default != "" {
			row = fmt.Sprintf("| `%s` | `%s` |", name, input.Default)
		}
		if !used[name] || input.Description == "" || !strings.Contains(string(page), row) {
			t.Errorf("input %s: used %v, described by %q, wanted %q in docs/ci.md", name, used[name], input.Description, row)
		}
	}
	if len(used) != len(action.Inputs) {
		t.Errorf("inputs %v are used of %v", used, action.Inputs)
	}
}

// TestPreCommitHooks wants a hook to run for every file that is looked at.
func TestPreCommitHooks(t *testing.T) {
	var hooks []struct {
		ID, Name, Entry, Language, Files string
		PassFilenames                    *bool `yaml:"pass_filenames"`
	}
	readYAML(t, "../../.pre-commit-hooks.yaml", &hooks)
	var ids []string
	for _, h := range hooks {
		ids = append(ids, h.ID+" "+h.Language)
		args := strings.Fields(h.Entry)
		cmd, rest, err := newRoot(streams{}).Find(args[1:])
		if err != nil || args[0] != "watchbill" || cmd.Name() != "validate" || len(rest) > 0 || h.PassFilenames == nil || *h.PassFilenames {
			t.Errorf("%+v: %v", h, err)
		}
		files := regexp.MustCompile(h.Files)
		looked, err := build.Files(repolayout.Example())
		if err != nil {
			t.Fatal(err)
		}
		if len(looked) < 10 {
			t.Fatalf("the example has only %v", looked)
		}
		for _, file := range looked {
			if !files.MatchString(file) || !files.MatchString("a/b/"+file) {
				t.Errorf("%s: does not run for %s", h.ID, file)
			}
		}
		for _, other := range []string{"README.md", "main.go", "not-watchbill.yaml", "src/watchbill.yaml.go"} {
			if files.MatchString(other) {
				t.Errorf("%s: runs for %s", h.ID, other)
			}
		}
	}
	if diff := cmp.Diff([]string{"watchbill-validate system", "watchbill-validate-go golang"}, ids); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestColor writes to a real terminal, and to what is none.
func TestColor(t *testing.T) {
	repo := filepath.Join(t.TempDir(), "empty")
	if err := os.Mkdir(repo, 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, noColor, term string
		want                bool
	}{
		{"a terminal", "", "xterm", true},
		{"NO_COLOR", "1", "xterm", false},
		{"a terminal that cannot", "", "dumb", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColor)
			t.Setenv("TERM", tt.term)
			shown := onTerminal(t, func(terminal *os.File) {
				if code := run(t.Context(), []string{"validate", repo}, streams{nil, terminal, terminal}); code != exitFound {
					t.Errorf("exit code %d", code)
				}
			})
			if got := strings.Contains(shown, "\x1b["); got != tt.want || !strings.Contains(shown, "error") {
				t.Errorf("colour %v, want %v: %q", got, tt.want, shown)
			}
		})
	}
	t.Setenv("TERM", "xterm")
	var out bytes.Buffer
	if run(t.Context(), []string{"validate", repo}, streams{nil, &out, &out}); strings.Contains(out.String(), "\x1b[") {
		t.Errorf("no terminal, and colour: %q", out.String())
	}
}

// onTerminal returns what a function writes to a terminal.
func onTerminal(t *testing.T, write func(*os.File)) string {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer control.Close()
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan string)
	go func() {
		var all bytes.Buffer
		_, _ = all.ReadFrom(control) // it ends with an error when the other side is closed
		shown <- all.String()
	}()
	write(terminal)
	terminal.Close()
	return <-shown
}

func TestShownFolder(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{
		".": "", "./": "", "repo": "repo", "./a/../repo/": "repo", "../other": "../other", "/elsewhere/x": "/elsewhere/x",
		here: "", filepath.Join(here, "a", "b"): "a/b", filepath.Dir(here): filepath.ToSlash(filepath.Dir(here)),
	} {
		if got := shownFolder(folder); got != want {
			t.Errorf("%s is shown as %q, want %q", folder, got, want)
		}
	}
}

func TestConcerned(t *testing.T) {
	at := func(file string, line int, message string) validate.Finding {
		return validate.Finding{Check: "a/b", Severity: validate.Error, Pos: repolayout.Pos{File: file, Line: line}, Message: message}
	}
	before := []validate.Finding{
		at("same.yaml", 1, "also in changed.yaml, line 7"), at("same.yaml", 2, "twice"), at("changed.yaml", 1, "old"), at("same.yaml", 9, "mended"),
	}
	now := []validate.Finding{
		at("changed.yaml", 5, "old"), at("new.yaml", 1, "new"), at("same.yaml", 1, "also in changed.yaml, line 9"),
		at("same.yaml", 2, "twice"), at("same.yaml", 3, "twice"), at("same.yaml", 4, "caused"), at("", 0, "of the repo"),
	}
	var got []string
	kept := build.Concerned(before, now, map[string]bool{"changed.yaml": true, "new.yaml": true})
	for _, f := range kept {
		got = append(got, f.String())
	}
	want := []string{
		"changed.yaml:5:0: error: old [a/b]", "new.yaml:1:0: error: new [a/b]",
		"same.yaml:3:0: error: twice [a/b]", "same.yaml:4:0: error: caused [a/b]", "error: of the repo [a/b]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left := without(now, kept); len(left) != 2 || left[0].Message != now[2].Message || left[1].Line != 2 {
		t.Errorf("left out: %v", left)
	}
}

// TestLosesRecord: only a change that takes a record out of its file has both revisions read once more.
func TestLosesRecord(t *testing.T) {
	file := func(rules string) string { return "groups:\n- name: g\n  rules:\n" + rules }
	const a, b = "  - {record: a, expr: up}\n", "  - {record: b, expr: up}\n"
	for _, tt := range []struct {
		name, before, after string
		want                bool
	}{
		{"the same", file(a + b), file(a + b), false},
		{"in another order and group", file(a + b), file(b) + "- name: h\n  rules:\n" + a, false},
		{"another expression", file(a), file("  - {record: a, expr: down}\n"), false},
		{"one more", file(a), file(a + b), false},
		{"one less", file(a + b), file(b), true},
		{"renamed", file(a), file(b), true},
		{"made an alert", file(a), file("  - {alert: a, expr: up}\n"), true},
		{"the file is gone", file(a), "", true},
		{"an alert that speaks of a record", file("  - {alert: record, expr: up}\n"), file(a), false},
		{"no YAML now", file(a), "groups: [", true},
	} {
		if got := losesRecord([]byte(tt.before), []byte(tt.after)); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}
