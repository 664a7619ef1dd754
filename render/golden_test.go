package render_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

var update = flag.Bool("update", false, "write the golden files anew")

var options = render.Options{AgentImage: "registry.example.com/watchbill:v0.1.0", DaemonNamespace: "watchbill"}

// rendered is one environment of a test's repo, with its bundles' files as an agent reads them.
type rendered struct {
	name   string
	repo   *repolayout.Repo
	env    *repolayout.Environment
	output render.Output
	files  map[string][]bundle.File // by component
}

// cases are every environment of the repos that the tests of this package look at.
func cases(t *testing.T) []rendered {
	t.Helper()
	var out []rendered
	for name, repo := range map[string]*repolayout.Repo{"small": load(t, unpack(t, "small")), "example": load(t, repolayout.Example())} {
		for _, env := range repo.Environments {
			out = append(out, renderCase(t, name+"."+env.Name, repo, env))
		}
	}
	slices.SortFunc(out, func(a, b rendered) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return out
}

func renderCase(t *testing.T, name string, repo *repolayout.Repo, env *repolayout.Environment) rendered {
	t.Helper()
	output, err := render.New(options).Environment(repo, env)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out := rendered{name: name, repo: repo, env: env, output: output, files: map[string][]bundle.File{}}
	for _, b := range output.Bundles {
		files, err := bundle.Assemble(b.Ref(""), b.Chunks)
		if err != nil {
			t.Fatalf("%s: assemble the bundle of %s: %v", name, b.Component, err)
		}
		out.files[b.Component] = files
	}
	return out
}

func unpack(t *testing.T, name string) fs.FS {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	return os.DirFS(dir)
}

func load(t *testing.T, fsys fs.FS) *repolayout.Repo {
	t.Helper()
	repo, problems := repolayout.NewLoader().Load(fsys)
	for _, p := range problems {
		t.Fatalf("%s:%d: %s", p.File, p.Line, p.Message)
	}
	return repo
}

func TestGolden(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.name, func(t *testing.T) {
			got := txtar.Format(archiveOf(t, c))
			file := filepath.Join("testdata", c.name+".golden.txtar")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; go test -update writes it", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (go test -update takes it over):\n%s", file, diff)
			}
		})
	}
}

func archiveOf(t *testing.T, c rendered) *txtar.Archive {
	t.Helper()
	archive := &txtar.Archive{Comment: []byte("Rendered from " + c.name + "; go test ./render -update writes it anew.\n")}
	for _, b := range c.output.Bundles {
		for _, f := range c.files[b.Component] {
			archive.Files = append(archive.Files, txtar.File{Name: b.Component + "/" + f.Path, Data: []byte(f.Content)})
		}
	}
	var objects bytes.Buffer
	for _, o := range c.output.Objects {
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		objects.WriteString("---\n")
		objects.Write(text)
	}
	archive.Files = append(archive.Files, txtar.File{Name: "objects.yaml", Data: objects.Bytes()})
	for _, j := range c.output.Jobs {
		text, err := yaml.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		archive.Files = append(archive.Files, txtar.File{Name: "jobs/" + j.Kind + ".yaml", Data: text})
	}
	return archive
}
