package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestRevisionAsFileSystem: a commit's folder is a file system as fs wants it,
// whose entries know git's ids, and that follows no link.
func TestRevisionAsFileSystem(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	files := map[string]string{"monitoring/watchbill.yaml": "a", "monitoring/teams/a/team.yaml": "b", "outside.yaml": "c"}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-q", "-m", "one")
	if err := os.Symlink("../outside.yaml", filepath.Join(dir, "monitoring", "link.yaml")); err != nil {
		t.Fatal(err)
	}
	git("add", "-A")
	git("commit", "-q", "-m", "two")

	repo, err := openRepository(t.Context(), filepath.Join(dir, "monitoring"))
	if err != nil {
		t.Fatal(err)
	}
	one, err := repo.at(t.Context(), "HEAD~1")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(one, "watchbill.yaml", "teams/a/team.yaml"); err != nil {
		t.Error(err)
	}
	entries, err := fs.ReadDir(one, "teams/a")
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	if got, want := entries[0].(interface{ Digest() string }).Digest(), git("rev-parse", "HEAD:monitoring/teams/a/team.yaml"); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	two, err := repo.at(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	if content, err := fs.ReadFile(two, "link.yaml"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a link gives %q, %v", content, err)
	}
	if _, err := fs.ReadFile(two, "none.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there gives %v", err)
	}
}
