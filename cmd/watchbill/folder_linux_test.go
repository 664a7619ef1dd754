package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFolder(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	for _, file := range []string{"b/2.yaml", "b/1.yaml", "a.yaml"} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(outside, "secret"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"inside": "b", "out": outside} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := openFolder([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{".": {"a.yaml", "b", "inside", "out"}, "b": {"1.yaml", "2.yaml"}, "inside": {"1.yaml", "2.yaml"}} {
		var got []string
		entries, err := fs.ReadDir(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err != nil || info.Name() != e.Name() {
				t.Errorf("%s: %v", e.Name(), err)
			}
			got = append(got, e.Name())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, name := range []string{"out", "out/secret", "..", "/etc", "a.yaml", "none"} {
		if entries, err := fs.ReadDir(folder, name); err == nil {
			t.Errorf("%s is listed: %v", name, entries)
		}
	}
}
