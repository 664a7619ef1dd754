package ruletest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRun holds what is said about the tests of testdata/run/*.txtar against
// what stands there under "want".
func TestRun(t *testing.T) {
	paths, err := filepath.Glob("testdata/run/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			root, want := fstest.MapFS{}, 0
			for i, f := range archive.Files {
				root[f.Name] = &fstest.MapFile{Data: f.Data}
				if f.Name == "want" {
					want = i
				}
			}
			got := told(t, root)
			if *update {
				archive.Files[want].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(archive.Files[want].Data), got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestRunVerdicts holds our verdict on the files of testdata/run against promtool's.
func TestRunVerdicts(t *testing.T) {
	promtool(t)
	deliberate := differences(t)
	paths, err := filepath.Glob("testdata/run/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		name := "run/" + strings.TrimSuffix(filepath.Base(path), ".txtar")
		if strings.HasPrefix(name, "run/bomb-") {
			if deliberate[name] == "" {
				t.Errorf("testdata/differences.txt does not list %s", name)
			}
			continue
		}
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for _, f := range archive.Files {
			if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(name, func(t *testing.T) {
			want := verdicts(t, dir, []string{"tests.yml"})["tests.yml"]
			got, why := ours(t, &Runner{FS: os.DirFS(dir)}, "tests.yml", nil)
			compareVerdicts(t, deliberate, name, want, got, why)
		})
	}
}

// told is all that is said about tests.yml, as text.
func told(t *testing.T, root fstest.MapFS) string {
	t.Helper()
	var b strings.Builder
	say := func(p Position, format string, args ...any) {
		fmt.Fprintf(&b, "%d:%d: %s\n", p.Line, p.Column, fmt.Sprintf(format, args...))
	}
	hint := func(hint string) {
		if hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", hint)
		}
	}
	problems := func(problems []Problem) {
		for _, p := range problems {
			say(p.Position, "%s: %s", map[bool]string{true: "warning", false: "error"}[p.Warning], p.Message)
			hint(p.Hint)
		}
	}
	f, found := Parse("tests.yml", root["tests.yml"].Data)
	problems(found)
	if f == nil {
		return b.String()
	}
	results := (&Runner{FS: root}).Run(t.Context(), []*File{f}, Options{})
	problems(results.Files[0].Problems)
	for _, test := range results.Files[0].Tests {
		say(test.Position, "%s: passed %v, %d asserted", test.Name, test.Passed, test.Asserted)
		for _, failure := range test.Failures {
			say(failure.Position, "%s: %s", failure.Kind, failure.Message)
			for _, line := range failure.Diff {
				b.WriteString("    " + line + "\n")
			}
			hint(failure.Hint)
		}
	}
	return b.String()
}
