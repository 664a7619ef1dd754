package gitserver

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, users map[string]string) (*Server, string) {
	t.Helper()
	return serveWith(t, Options{Users: users})
}

func serveWith(t *testing.T, opts Options) (*Server, string) {
	t.Helper()
	root := t.TempDir()
	if err := Init(t.Context(), filepath.Join(root, "team", "repo.git"), "main"); err != nil {
		t.Fatal(err)
	}
	opts.Root = root
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web.URL + "/team/repo.git"
}

func git(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := git(t, dir, args...)
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

// A push of some megabytes comes in chunks, which CGI does not know.
func TestPushAndClone(t *testing.T) {
	s, url := serve(t, nil)
	work := t.TempDir()
	mustGit(t, work, "clone", "-q", url, "a")
	big := make([]byte, 3<<20)
	x := uint32(1)
	for i := range big {
		x = x*1664525 + 1013904223
		big[i] = byte(x >> 24)
	}
	if err := os.WriteFile(filepath.Join(work, "a", "big"), big, 0o600); err != nil {
		t.Fatal(err)
	}
	a := filepath.Join(work, "a")
	mustGit(t, a, "add", "-A")
	mustGit(t, a, "commit", "-q", "-m", "x")
	mustGit(t, a, "push", "-q", "origin", "HEAD:main")
	mustGit(t, work, "clone", "-q", url, "b")
	if diff := cmp.Diff(mustGit(t, a, "rev-parse", "HEAD"), mustGit(t, filepath.Join(work, "b"), "rev-parse", "HEAD")); diff != "" {
		t.Error(diff)
	}
	if s.Requests() < 6 {
		t.Errorf("%d requests", s.Requests())
	}
	if out, err := git(t, work, "clone", "-q", url+"x", "c"); err == nil {
		t.Errorf("cloned what is not there: %s", out)
	}
}

func TestUsers(t *testing.T) {
	_, url := serve(t, map[string]string{"bot": "pass"})
	for user, ok := range map[string]bool{"": false, "bot:wrong@": false, "other:pass@": false, "bot:pass@": true, "bot:@": false} {
		out, err := git(t, ".", "ls-remote", strings.Replace(url, "http://", "http://"+user, 1))
		if (err == nil) != ok {
			t.Errorf("as %q: %v, %s", user, err, out)
		}
	}
}

func TestAllow(t *testing.T) {
	today := "first"
	_, url := serveWith(t, Options{Users: map[string]string{"bot": "pass"}, Allow: func(name, password string) bool {
		return name == "bot" && password == today
	}})
	for _, today = range []string{"first", "second"} {
		for user, ok := range map[string]bool{"": false, "bot:pass@": false, "bot:first@": today == "first", "bot:second@": today == "second"} {
			out, err := git(t, ".", "ls-remote", strings.Replace(url, "http://", "http://"+user, 1))
			if (err == nil) != ok {
				t.Errorf("as %q while %s is right: %v, %s", user, today, err, out)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	s, url := serve(t, nil)
	for name, f := range map[string]*Fault{
		"status": {Status: 503, Body: "not now"},
		"cut":    {CutAfter: 10},
	} {
		s.SetFault(f)
		if out, err := git(t, ".", "ls-remote", url); err == nil {
			t.Errorf("%s: %s", name, out)
		}
	}
	s.SetFault(&Fault{Status: 500, Match: PackRequests})
	mustGit(t, ".", "-c", "protocol.version=0", "ls-remote", "-q", url)

	s.SetFault(&Fault{Delay: 100 * time.Millisecond})
	start := time.Now()
	mustGit(t, ".", "ls-remote", "-q", url)
	if time.Since(start) < 100*time.Millisecond {
		t.Error("not delayed")
	}

	s.SetFault(&Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/git-upload-pack", strings.NewReader("0000"))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := http.DefaultClient.Do(req); err == nil {
		_ = answer.Body.Close()
		t.Error("answered")
	} else if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("answered: %v", err)
	}
	s.SetFault(nil)
	mustGit(t, ".", "ls-remote", "-q", url)
}

func TestReadUsers(t *testing.T) {
	tests := map[string]struct {
		want map[string]string
		says string
	}{
		"# people\n\na:b\nc:d:e\n": {want: map[string]string{"a": "b", "c": "d:e"}},
		"a:b\nnonsense":            {says: ":2: want name:password"},
		":x":                       {says: ":1: want"},
		"a:":                       {says: ":1: want"},
		"# nobody\n":               {says: "names none"},
	}
	for content, test := range tests {
		path := filepath.Join(t.TempDir(), "users")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadUsers(path)
		if diff := cmp.Diff(test.want, got); diff != "" || (err != nil) != (test.says != "") {
			t.Errorf("%q: %v\n%s", content, err, diff)
		}
		if err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := ReadUsers("/nonexistent"); err == nil {
		t.Error("a missing file is taken")
	}
	if _, err := New(Options{Root: "/nonexistent"}); err == nil {
		t.Error("a missing folder is taken")
	}
}
