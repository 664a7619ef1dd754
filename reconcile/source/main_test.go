package source

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/watchbill/watchbill/test/gitserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// origin is a bare repository behind a real git server, and a working copy that
// pushes to it by path.
type origin struct {
	t      *testing.T
	root   string // served folder
	bare   string
	work   string
	server *gitserver.Server
	url    string
	commit int
}

func newOrigin(t *testing.T, users map[string]string) *origin {
	t.Helper()
	root := t.TempDir()
	o := &origin{t: t, root: root, bare: filepath.Join(root, "repo.git"), work: filepath.Join(t.TempDir(), "work")}
	if err := gitserver.Init(t.Context(), o.bare, "main"); err != nil {
		t.Fatal(err)
	}
	var err error
	if o.server, err = gitserver.New(gitserver.Options{Root: root, Users: users}); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(o.server)
	t.Cleanup(web.Close)
	o.url = web.URL + "/repo.git"
	run(t, ".", "git", "init", "-q", "-b", "main", o.work)
	o.git("remote", "add", "origin", o.bare)
	return o
}

func (o *origin) git(args ...string) string {
	o.t.Helper()
	return run(o.t, o.work, "git", args...)
}

// push commits the files (an empty content removes) and pushes; it returns the commit.
func (o *origin) push(files map[string]string) string {
	o.t.Helper()
	for name, content := range files {
		write(o.t, filepath.Join(o.work, name), content)
	}
	return o.pushAll()
}

func (o *origin) pushAll(args ...string) string {
	o.t.Helper()
	o.commit++
	o.git("add", "-A")
	o.git("commit", "-q", "--allow-empty", "-m", fmt.Sprintf("change %d", o.commit))
	o.git(append([]string{"push", "-q", "origin", "HEAD:main"}, args...)...)
	return o.git("rev-parse", "HEAD")
}

// commits makes one commit of each set of files straight in the bare repository,
// much faster than a working copy does, and returns their ids. The branch ends
// at the last.
func (o *origin) commits(sets ...map[string]string) []string {
	o.t.Helper()
	var in bytes.Buffer
	for i, files := range sets {
		fmt.Fprintf(&in, "commit refs/heads/main\nmark :%d\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n", i+1, 1_700_000_000+i)
		for name, content := range files {
			fmt.Fprintf(&in, "M 644 inline %s\ndata %d\n%s\n", name, len(content), content)
		}
	}
	marks := filepath.Join(o.t.TempDir(), "marks")
	cmd := exec.CommandContext(o.t.Context(), "git", "fast-import", "--quiet", "--force", "--export-marks="+marks)
	cmd.Dir, cmd.Stdin = o.bare, &in
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("git fast-import: %v\n%s", err, out)
	}
	b, err := os.ReadFile(marks)
	if err != nil {
		o.t.Fatal(err)
	}
	ids := make([]string, len(sets))
	for line := range strings.Lines(string(b)) {
		var n int
		var id string
		if _, err := fmt.Sscanf(line, ":%d %s", &n, &id); err != nil {
			o.t.Fatal(err)
		}
		ids[n-1] = id
	}
	return ids
}

// pointTo moves the branch of the bare repository.
func (o *origin) pointTo(commit string) {
	o.t.Helper()
	overwrite(o.t, filepath.Join(o.bare, "refs/heads/main"), commit+"\n")
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if content == "" {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=An Author", "GIT_AUTHOR_EMAIL=author@example.com",
		"GIT_COMMITTER_NAME=A Committer", "GIT_COMMITTER_EMAIL=committer@example.com",
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=protocol.file.allow", "GIT_CONFIG_VALUE_0=always",
		"GIT_CONFIG_KEY_1=gc.auto", "GIT_CONFIG_VALUE_1=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (o *origin) options(t *testing.T) Options {
	t.Helper()
	return Options{URL: o.url, Branch: "main", Dir: filepath.Join(t.TempDir(), "clone"), Log: slog.New(slog.DiscardHandler)}
}

func open(t *testing.T, opts Options) *Source {
	t.Helper()
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reopen is a restart of the daemon.
func reopen(t *testing.T, s *Source) *Source {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, s.opts)
}

func fetch(t *testing.T, s *Source) Revision {
	t.Helper()
	rev, err := s.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func read(t *testing.T, rev Revision, name string) string {
	t.Helper()
	b, err := rev.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// logs catches what a source logs.
func logs() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}
