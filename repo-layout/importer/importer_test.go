package importer

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

var update = flag.Bool("update", false, "write the golden files anew")

var options = Options{Environment: "prod", Namespace: "monitoring", TeamLabel: "team", Team: "no-team"}

// TestGolden imports in/ of each archive and wants out/, the notes and the keys.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := txtar.Format(archive)
			archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return !strings.HasPrefix(f.Name, "in/") })
			var sources []Source
			for _, f := range archive.Files {
				sources = append(sources, Source{strings.TrimPrefix(f.Name, "in/"), f.Data})
			}
			result, err := Import(sources, options)
			if err != nil {
				t.Fatal(err)
			}
			wantWhole(t, result)
			archive.Files = append(archive.Files, outcome(result)...)
			got := txtar.Format(archive)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// wantWhole wants a result that loads, has every rule that was read, and holds no secret.
func wantWhole(t *testing.T, result *Result) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, content := range result.Files {
		fsys[name] = &fstest.MapFile{Data: content}
	}
	repo, problems := repolayout.NewLoader().Load(fsys)
	if len(problems) > 0 {
		t.Errorf("the result does not load: %+v", problems)
	}
	if _, differences := CompareRules(result.Groups, repo); len(differences) > 0 {
		t.Errorf("rules differ: %+v", differences)
	}
	for _, f := range outcome(result) {
		if bytes.Contains(f.Data, []byte("planted")) {
			t.Errorf("%s holds a secret:\n%s", f.Name, f.Data)
		}
	}
}

// outcome is a result as files to compare.
func outcome(result *Result) []txtar.File {
	var notes, keys strings.Builder
	for _, n := range result.Notes {
		fmt.Fprintf(&notes, "%s:%d: %s: %s\n", n.File, n.Line, n.Kind, n.Message)
	}
	for _, s := range result.Secrets {
		fmt.Fprintf(&keys, "%s: %s, %s:%d\n", s.Key, s.From, s.File, s.Line)
	}
	out := []txtar.File{{Name: "notes", Data: []byte(notes.String())}, {Name: "keys", Data: []byte(keys.String())}}
	for _, name := range slices.Sorted(maps.Keys(result.Files)) {
		if !strings.HasPrefix(name, ".schemas/") {
			out = append(out, txtar.File{Name: "out/" + name, Data: result.Files[name]})
		}
	}
	return append(out, txtar.File{Name: "asked", Data: result.Alertmanager})
}

// TestUpstream imports the examples that come with the modules.
func TestUpstream(t *testing.T) {
	for _, tc := range []struct{ module, file, note string }{
		{"github.com/prometheus/alertmanager", "examples/ha/alertmanager.yml", `inhibit rule`},
		{"github.com/prometheus/alertmanager", "doc/examples/simple.yml", `the route to "team-X-mails" asks for service`},
		{"github.com/prometheus/prometheus", "config/testdata/conf.good.yml", `section remote_write`},
	} {
		t.Run(tc.file, func(t *testing.T) {
			dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", tc.module).Output()
			if err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), tc.file))
			if err != nil {
				t.Fatal(err)
			}
			result, err := Import([]Source{{tc.file, content}}, options)
			if err != nil {
				t.Fatal(err)
			}
			wantWhole(t, result)
			if !slices.ContainsFunc(result.Notes, func(n Note) bool { return strings.Contains(n.Message, tc.note) && n.Line > 0 }) {
				t.Errorf("no note says %q with its line: %+v", tc.note, result.Notes)
			}
			for name, file := range result.Files {
				if bytes.Contains(file, []byte("mysecret")) || bytes.Contains(file, []byte("<team-X-key>")) {
					t.Errorf("%s holds a secret", name)
				}
			}
		})
	}
}

// TestCompareRules wants each way to tell rules apart to be seen.
func TestCompareRules(t *testing.T) {
	const text = "groups:\n- name: g\n  rules:\n  - {record: r, expr: a}\n  - {alert: A, expr: b, for: 1m, labels: {team: no-team, x: y}, annotations: {s: t}}\n"
	result, err := Import([]Source{{"rules.yaml", []byte(text)}}, options)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"same":       {"", ""},
		"expression": {"expr: b", "expr: c"},
		"for":        {"for: 1m", "for: 2m"},
		"label":      {"x: y", "x: z"},
		"annotation": {"s: t", "s: u"},
		"interval":   {"name: g", "name: g\n  interval: 1m"},
		"group":      {"name: g", "name: h"},
		"gone":       {"  - {record: r, expr: a}\n", ""},
		"added":      {"  - {record: r, expr: a}\n", "  - {record: r, expr: a}\n  - {record: s, expr: a}\n"},
		"order":      {"  - {record: r, expr: a}\n  - {alert: A", "  - {record: q, expr: a}\n  - {alert: A"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{"teams/no-team/rules/rules.yaml": {Data: []byte(strings.Replace(text, edit[0], edit[1], 1))}}
			repo, _ := repolayout.NewLoader().Load(fsys)
			same, differences := CompareRules(result.Groups, repo)
			if (len(differences) == 0) != (name == "same") {
				t.Errorf("%d are the same, differences: %+v", same, differences)
			}
		})
	}
}

// TestCompareOrder wants rules of a group in their order.
func TestCompareOrder(t *testing.T) {
	result, err := Import([]Source{{"rules.yaml", []byte("groups:\n- name: g\n  rules:\n  - {record: r, expr: a}\n  - {record: s, expr: r}\n")}}, options)
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{"teams/no-team/rules/rules.yaml": {Data: []byte("groups:\n- name: g\n  rules:\n  - {record: s, expr: r}\n  - {record: r, expr: a}\n")}}
	repo, _ := repolayout.NewLoader().Load(fsys)
	if _, differences := CompareRules(result.Groups, repo); len(differences) == 0 {
		t.Error("two rules that changed places were not seen")
	}
}

// TestBounds wants texts that grow when they are read to be refused.
func TestBounds(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, text := range map[string]string{
		"aliases": bomb,
		"itself":  "a: &a [*a]\n",
		"nested":  strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"large":   "groups:\n" + strings.Repeat("#\n", MaxFile),
		"nul":     "groups: \x00",
	} {
		result, err := Import([]Source{{"x.yaml", []byte(text)}}, options)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(result.Notes, func(n Note) bool { return strings.HasPrefix(n.Message, "the file was not read") }) {
			t.Errorf("%s: it was read: %+v", name, result.Notes)
		}
	}
}

// TestBoundsWithin wants the files within one file to be bounded together.
func TestBoundsWithin(t *testing.T) {
	inner := "    a: &a [" + strings.Repeat("x,", 300) + "]\n    b: &b [" + strings.Repeat("*a,", 300) + "]\n    groups: [*b]\n"
	text := "kind: ConfigMap\ndata:\n"
	for i := range 20 {
		text += fmt.Sprintf("  f%d.yml: |\n%s", i, inner)
	}
	result, err := Import([]Source{{"x.yaml", []byte(text)}}, options)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(result.Notes); n > 5 {
		t.Errorf("%d files were read: %+v", n, result.Notes)
	}
}

// TestOptions wants names that Kubernetes takes.
func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{Environment: "Prod", Namespace: "a", Team: "b"}, {Environment: "prod", Namespace: "", Team: "b"}, {Environment: "prod", Namespace: "a", Team: "../b"},
	} {
		if _, err := Import(nil, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// FuzzImport wants no panic, and no secret in what comes out.
func FuzzImport(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range cases {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, in := range archive.Files {
			if strings.HasPrefix(in.Name, "in/") {
				f.Add(in.Data)
			}
		}
	}
	secrets, err := txtar.ParseFile("testdata/secrets.txtar")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(data, []byte("planted")) {
			data = bytes.ReplaceAll(data, []byte("planted"), []byte("pl_nted"))
		}
		result, err := Import([]Source{{"fuzz.yaml", data}, {"alertmanager.yml", secrets.Files[0].Data}}, options)
		if err != nil {
			t.Fatal(err)
		}
		for _, out := range outcome(result) {
			if bytes.Contains(out.Data, []byte("planted")) {
				t.Errorf("%s holds a secret:\n%s", out.Name, out.Data)
			}
		}
	})
}
