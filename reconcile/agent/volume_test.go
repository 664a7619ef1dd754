package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/watchbill/watchbill/render/bundle"
)

func newVolume(t *testing.T) *volume {
	t.Helper()
	v, err := openVolume(t.TempDir(), prometheusKind.stamp)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *volume) deliver(t *testing.T, b bundle.Bundle) error {
	t.Helper()
	for _, c := range b.Chunks {
		if _, err := v.writeChunk(c); err != nil {
			return err
		}
	}
	if missing, err := v.missing(b.Ref("").Chunks); err != nil || len(missing) > 0 {
		t.Fatalf("missing after writing: %v, %v", missing, err)
	}
	return v.build(b.Ref(""))
}

// TestLargeFile: a file that is cut over several chunks comes out whole.
func TestLargeFile(t *testing.T) {
	v := newVolume(t)
	large := strings.Repeat("a line of a rule file that is larger than a chunk\n", 60_000)
	b := bundle.New(bundle.Prometheus, cut(t, "", bundle.File{Path: "rules/x/large.yaml", Content: large}))
	if len(b.Chunks) < 3 {
		t.Fatalf("%d chunks", len(b.Chunks))
	}
	if err := v.deliver(t, b); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(v.path(b.Digest, "rules/x/large.yaml"))
	if err != nil || string(got) != large {
		t.Errorf("%d bytes of %d, %v", len(got), len(large), err)
	}
	if err := v.settle(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEvilChunks: chunks whose digest is right and whose content is not to be written.
func TestEvilChunks(t *testing.T) {
	for name, data := range map[string]map[string]string{
		"a path out of the folder": {"files.json": `[{"path":"../x","key":"a"}]`, "a": ""},
		"an absolute path":         {"files.json": `[{"path":"/etc/passwd","key":"a"}]`, "a": ""},
		"a key out of the folder":  {"files.json": `[{"path":"x","key":"../a"}]`, "../a": ""},
		"a key that is a folder":   {"files.json": `[{"path":"x","key":".."}]`, "..": ""},
		"our own marker":           {"files.json": `[{"path":"bundle.rules.yaml","key":"a"}]`, "a": "groups: []"},
		"our own reference":        {"files.json": `[{"path":".bundle.json","key":"a"}]`, "a": ""},
		"a file under a file":      {"files.json": `[{"path":"x","key":"a"},{"path":"x/y","key":"a"}]`, "a": ""},
		"a path twice":             {"files.json": `[{"path":"x","key":"a"},{"path":"x","key":"a"}]`, "a": ""},
		"no manifest":              {"a": ""},
	} {
		v := newVolume(t)
		c := &bundle.Chunk{Digest: bundle.DataDigest(data), Data: data}
		b := bundle.New(bundle.Prometheus, []*bundle.Chunk{c})
		if err := v.deliver(t, b); err == nil {
			t.Errorf("%s: written", name)
		}
		checkClean(t, v.dir)
		if _, err := os.Lstat(v.path(b.Digest)); err == nil {
			t.Errorf("%s: there is a folder", name)
		}
	}
}

func TestPrune(t *testing.T) {
	v := newVolume(t)
	var all []bundle.Bundle
	for _, version := range []string{"1", "2", "3", "4", "5"} {
		b := testBundle(t, bundle.Prometheus, version)
		if err := v.deliver(t, b); err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	if err := v.link(current, all[0].Digest); err != nil {
		t.Fatal(err)
	}
	if err := v.link(proven, all[1].Digest); err != nil {
		t.Fatal(err)
	}
	write(t, v.path("something"), "else's file")
	if err := v.prune(all[2].Digest); err != nil {
		t.Fatal(err)
	}
	left := v.digests()
	if len(left) != 4 { // current, proven, the kept one and a spare
		t.Errorf("%d bundles are left", len(left))
	}
	for _, b := range all[:3] {
		if v.bundles[b.Digest].ref.Digest == "" {
			t.Errorf("bundle %s has gone", b.Digest)
		}
		checkFolder(t, v.path(b.Digest), b)
	}
	chunks, err := os.ReadDir(v.path(chunksDir))
	if err != nil || len(chunks) != 16 {
		t.Errorf("%d chunks are left, want those of four bundles; %v", len(chunks), err)
	}
}

// TestReplaceInUse: a folder of the name is there already.
func TestReplaceInUse(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"old", "new"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "file"), name)
	}
	if err := replace(filepath.Join(dir, "new"), filepath.Join(dir, "old")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "old/file")); err != nil || string(got) != "new" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzIsKey(f *testing.F) {
	f.Add("rules_payments_a.yaml")
	f.Add("..")
	f.Add("a/../..")
	f.Fuzz(func(t *testing.T, key string) {
		if isKey(key) && (filepath.Base(key) != key || key == "." || key == ".." || key == "") {
			t.Errorf("%q would leave the folder", key)
		}
	})
}
