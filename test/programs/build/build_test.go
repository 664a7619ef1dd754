//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// module lays out a small module in an empty folder and makes that the working directory.
func module(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"m/go.mod":             "module example.org/m\n\ngo 1.26.0\n",
		"m/go.sum":             "",
		"m/cmd/x/main.go":      "package main\n\nimport _ \"example.org/m/inner\"\n\nfunc main() {}\n",
		"m/cmd/x/main_test.go": "package main\n",
		"m/inner/inner.go":     "package inner\n\nimport \"embed\"\n\n//go:embed files all:one.txt\nvar _ embed.FS\n",
		"m/inner/files/a/b":    "b",
		"m/inner/one.txt":      "1",
		"m/inner/two.txt":      "2",
		"m/inner/on_plan9.go":  "package inner\n",
		"m/other/other.go":     "package other\n",
	} {
		write(t, name, text)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

var ours = program{name: "x", dir: "m", pkg: "./cmd/x", ours: true}

func TestSources(t *testing.T) {
	module(t)
	got, err := sources(ours)
	want := []string{"m/cmd/x/main.go", "m/inner/files/a/b", "m/inner/inner.go", "m/inner/one.txt"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("sources %q, %v; want %q", got, err, want)
	}
}

func TestDigest(t *testing.T) {
	for file, changes := range map[string]bool{
		"m/go.mod":             true,
		"m/go.sum":             true,
		"m/inner/inner.go":     true,
		"m/inner/files/a/b":    true,
		"m/cmd/x/main_test.go": false,
		"m/inner/two.txt":      false,
		"m/other/other.go":     false,
	} {
		t.Run(file, func(t *testing.T) {
			module(t)
			before, err := digest(ours)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			write(t, file, string(text)+"\n// changed\n")
			after, err := digest(ours)
			if err != nil || (before != after) != changes {
				t.Errorf("digest %s, then %s, %v", before, after, err)
			}
		})
	}
}

func TestBuildOnceAndAgainAfterAChange(t *testing.T) {
	module(t)
	c := cache{t.TempDir()}
	build := func() (string, string) {
		var said bytes.Buffer
		path, err := c.path(ours, &said)
		if err != nil {
			t.Fatalf("%v\n%s", err, said.String())
		}
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
		return path, said.String()
	}
	first, said := build()
	if !strings.Contains(said, "built x in") {
		t.Errorf("said %q", said)
	}
	if again, said := build(); again != first || said != "" {
		t.Errorf("%s is built again as %s: %q", first, again, said)
	}
	write(t, "m/inner/one.txt", "changed")
	if changed, _ := build(); changed == first {
		t.Error("a change is not seen")
	}
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	module(t)
	write(t, "m/cmd/x/main.go", "package main\n\nfunc main() { no }\n")
	c := cache{t.TempDir()}
	var said bytes.Buffer
	if _, err := c.path(ours, &said); err == nil || !strings.Contains(said.String(), "undefined: no") {
		t.Errorf("error %v, said %q", err, said.String())
	}
	if left, _ := filepath.Glob(filepath.Join(c.dir, "*x*")); len(left) != 1 { // Glob's star takes hidden ones too: the lock
		t.Errorf("left: %q", left)
	}
}

func TestPrune(t *testing.T) {
	c := cache{t.TempDir()}
	names := []string{"x-1111111111111111", "x-2222222222222222", "x-3333333333333333", "x-4444444444444444", "x-y-1111111111111111", "x-other"}
	for age, name := range names {
		dir := filepath.Join(c.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-time.Duration(age) * time.Hour)
		if err := os.Chtimes(dir, then, then); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.prune("x"); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		_, err := os.Stat(filepath.Join(c.dir, name))
		if gone := os.IsNotExist(err); gone != (name == "x-4444444444444444") {
			t.Errorf("%s: gone %v", name, gone)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Chdir("../../..")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for want, names := range map[string][]string{
		"name what to build": nil,
		`called "nonsense"`:  {"nonsense"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(names, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", names, code, &stdout, &stderr)
		}
	}
}

// The versions that the table gives programs to show must be those that their go.mod requires.
func TestVersions(t *testing.T) {
	t.Chdir("../../..")
	for dir, want := range map[string][2]string{
		"test/programs/prometheus":   {"github.com/prometheus/prometheus v0.315.0", "version.Version=3.15.0"},
		"test/programs/alertmanager": {"github.com/prometheus/alertmanager v0.31.1", "version.Version=0.31.1"},
		"test/cluster":               {"k8s.io/kubernetes v" + kubernetes, "gitVersion=v" + kubernetes},
	} {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil || !strings.Contains(string(text), want[0]) {
			t.Errorf("%s: %v, does not require %s", dir, err, want[0])
		}
		for _, p := range programs {
			if p.dir == dir && !strings.Contains(strings.Join(p.args, " "), want[1]) {
				t.Errorf("%s: %q lacks %s", p.name, p.args, want[1])
			}
		}
	}
}
