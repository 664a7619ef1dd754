package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchbill/watchbill/test/gitserver"
)

func TestFetchFollowsTheBranch(t *testing.T) {
	o := newOrigin(t, nil)
	first := o.push(map[string]string{"watchbill.yaml": "one\n", "teams/payments/team.yaml": "owner: x\n"})
	s := open(t, o.options(t))

	rev := fetch(t, s)
	if rev.Commit != first || rev.Previous != "" || rev.Forced {
		t.Errorf("first fetch: %+v", rev)
	}
	if rev.Message != "change 1" || rev.Author != "An Author <author@example.com>" || time.Since(rev.Time) > time.Minute {
		t.Errorf("first fetch: %+v", rev)
	}
	second := o.push(map[string]string{"watchbill.yaml": "two\n"})
	next := fetch(t, s)
	if next.Commit != second || next.Previous != first || next.Forced {
		t.Errorf("second fetch: %+v", next)
	}
	if got := read(t, next, "watchbill.yaml"); got != "two\n" {
		t.Errorf("second revision reads %q", got)
	}
	if got := read(t, rev, "watchbill.yaml"); got != "one\n" {
		t.Errorf("first revision, kept, reads %q", got)
	}
	old, err := s.At(first)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, old, "watchbill.yaml"); got != "one\n" {
		t.Errorf("first revision, found again, reads %q", got)
	}
}

func TestUnchangedFetchIsOneRequest(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{"a": "a"})
	s := open(t, o.options(t))
	fetch(t, s)
	before := o.server.Requests()
	rev := fetch(t, s)
	if n := o.server.Requests() - before; n != 1 {
		t.Errorf("unchanged fetch took %d requests", n)
	}
	if rev.Previous != "" || rev.Forced {
		t.Errorf("unchanged fetch: %+v", rev)
	}
	// A restart begins where the last one ended, without a download.
	s = reopen(t, s)
	before = o.server.Requests()
	if again := fetch(t, s); again.Commit != rev.Commit || again.Previous != "" {
		t.Errorf("after a restart: %+v", again)
	}
	if n := o.server.Requests() - before; n != 1 {
		t.Errorf("fetch after a restart took %d requests", n)
	}
}

func TestForcePushIsFollowedAndReported(t *testing.T) {
	o := newOrigin(t, nil)
	base := o.push(map[string]string{"a": "1"})
	o.push(map[string]string{"a": "2"})
	lost := o.push(map[string]string{"a": "3"})
	s := open(t, o.options(t))
	fetch(t, s)

	o.git("reset", "-q", "--hard", base)
	forced := o.push2force(map[string]string{"a": "other"})
	rev := fetch(t, s)
	if rev.Commit != forced || !rev.Forced || rev.Previous != lost {
		t.Errorf("after a force-push: %+v", rev)
	}
	// Whoever fetches next must hear of it too.
	if again := fetch(t, s); !again.Forced || again.Previous != lost {
		t.Errorf("after a force-push, again: %+v", again)
	}
	// What was pushed away is still there for a rollback.
	if old, err := s.At(lost); err != nil || read(t, old, "a") != "3" {
		t.Errorf("the lost revision: %v", err)
	}
	// Back to an ancestor: no objects are needed, but it is forced all the same.
	o.git("reset", "-q", "--hard", base)
	o.git("push", "-q", "--force", "origin", "HEAD:main")
	s = reopen(t, s)
	before := o.server.Requests()
	if rev := fetch(t, s); rev.Commit != base || !rev.Forced || rev.Previous != forced {
		t.Errorf("after a reset: %+v", rev)
	}
	if n := o.server.Requests() - before; n != 1 {
		t.Errorf("going back took %d requests", n)
	}
	// Forward again along history is not forced.
	o.git("push", "-q", "origin", forced+":main")
	if rev := fetch(t, s); rev.Commit != forced || rev.Forced {
		t.Errorf("forward again: %+v", rev)
	}
}

func (o *origin) push2force(files map[string]string) string {
	o.t.Helper()
	for name, content := range files {
		write(o.t, filepath.Join(o.work, name), content)
	}
	return o.pushAll("--force")
}

func TestMergedBranchIsNotForced(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{"a": "1"})
	s := open(t, o.options(t))
	o.git("checkout", "-q", "-b", "feature")
	write(t, filepath.Join(o.work, "b"), "b")
	o.git("add", "-A")
	o.git("commit", "-q", "-m", "on a branch")
	o.git("checkout", "-q", "main")
	main := o.push(map[string]string{"a": "2"})
	fetch(t, s)
	o.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
	o.git("push", "-q", "origin", "HEAD:main")
	rev := fetch(t, s)
	if rev.Forced || rev.Previous != main || read(t, rev, "b") != "b" || read(t, rev, "a") != "2" {
		t.Errorf("after a merge: %+v", rev)
	}
}

// What the remote may do wrong, and that what was fetched stays readable.
func TestRemoteFaults(t *testing.T) {
	tests := []struct {
		name      string
		users     map[string]string
		spoil     func(*testing.T, *origin)
		kind      error
		transient bool
		says      string
	}{
		{name: "branch deleted", kind: ErrBranch, says: "the remote has other", spoil: func(t *testing.T, o *origin) {
			o.git("push", "-q", "origin", "HEAD:other")
			run(t, o.bare, "git", "update-ref", "-d", "refs/heads/main")
		}},
		{name: "emptied", kind: ErrEmpty, says: "push a first commit", spoil: func(t *testing.T, o *origin) {
			run(t, o.bare, "git", "update-ref", "-d", "refs/heads/main")
		}},
		{name: "repository removed", kind: ErrRepository, says: "may read the repository", spoil: func(t *testing.T, o *origin) {
			if err := os.RemoveAll(o.bare); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "credential refused", kind: ErrCredential, says: "may read", spoil: func(_ *testing.T, o *origin) {
			o.server.SetFault(&gitserver.Fault{Status: 401, Body: "no"})
		}},
		{name: "credential forbidden", kind: ErrCredential, says: "may read", spoil: func(_ *testing.T, o *origin) {
			o.server.SetFault(&gitserver.Fault{Status: 403, Body: "no"})
		}},
		{name: "server error", kind: ErrServer, transient: true, says: "status code: 503", spoil: func(_ *testing.T, o *origin) {
			o.server.SetFault(&gitserver.Fault{Status: 503})
		}},
		{name: "too many requests", kind: ErrServer, transient: true, says: "status code: 429", spoil: func(_ *testing.T, o *origin) {
			o.server.SetFault(&gitserver.Fault{Status: 429})
		}},
		{name: "a web page", kind: ErrProtocol, transient: true, says: "git clone", spoil: func(_ *testing.T, o *origin) {
			o.server.SetFault(&gitserver.Fault{Status: 200, Body: "<html>please log in"})
		}},
		{name: "silence", kind: ErrTimeout, transient: true, says: "in time", spoil: func(_ *testing.T, o *origin) {
			o.server.SetFault(&gitserver.Fault{Hang: true})
		}},
		{name: "silence in the pack", kind: ErrTimeout, transient: true, says: "in time", spoil: func(_ *testing.T, o *origin) {
			o.push(map[string]string{"a": "2"})
			o.server.SetFault(&gitserver.Fault{Hang: true, Match: gitserver.PackRequests})
		}},
		{name: "references cut off", kind: ErrUnreachable, transient: true, says: "network policies", spoil: func(_ *testing.T, o *origin) {
			o.server.SetFault(&gitserver.Fault{CutAfter: 40})
		}},
		{name: "pack cut off", kind: ErrUnreachable, transient: true, says: "", spoil: func(_ *testing.T, o *origin) {
			o.push(map[string]string{"a": "2"})
			o.server.SetFault(&gitserver.Fault{CutAfter: 100, Match: gitserver.PackRequests})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := newOrigin(t, test.users)
			o.push(map[string]string{"a": "1"})
			opts := o.options(t)
			opts.Timeout = 2 * time.Second
			s := open(t, opts)
			rev := fetch(t, s)

			test.spoil(t, o)
			_, err := s.Fetch(t.Context())
			if !errors.Is(err, test.kind) || Transient(err) != test.transient {
				t.Errorf("kind %v, transient %v: %v", kindOf(err), Transient(err), err)
			}
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "fetching branch main of http://") {
				t.Errorf("error says: %v", err)
			}
			if got := read(t, rev, "a"); got != "1" {
				t.Errorf("the revision from before reads %q", got)
			}
			if left, _ := filepath.Glob(filepath.Join(s.clone.packDir(), temporary+"*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			// It recovers by itself once the remote does, whatever happened.
			o.server.SetFault(nil)
			if errors.Is(test.kind, ErrRepository) {
				return
			}
			o.git("push", "-q", "--force", "origin", "HEAD:main")
			if rev := fetch(t, s); rev.Commit != o.git("rev-parse", "HEAD") {
				t.Errorf("after the fault: %+v", rev)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	o := newOrigin(t, nil)
	opts := o.options(t)
	opts.URL = "http://127.0.0.1:1/repo.git"
	_, err := open(t, opts).Fetch(t.Context())
	if !errors.Is(err, ErrUnreachable) || !Transient(err) {
		t.Errorf("nobody listens: %v", err)
	}
	opts = o.options(t)
	opts.URL = "https://" + strings.TrimPrefix(o.url, "http://")
	if _, err := open(t, opts).Fetch(t.Context()); err == nil {
		t.Error("TLS against a plain server went well")
	}
}

func TestCancelled(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{"a": "1"})
	o.server.SetFault(&gitserver.Fault{Hang: true})
	s := open(t, o.options(t))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	_, err := s.Fetch(ctx)
	if !errors.Is(err, context.Canceled) || Transient(err) || time.Since(start) > 5*time.Second {
		t.Errorf("cancelled fetch, after %v: %v", time.Since(start), err)
	}
}

func TestLimits(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{"big": strings.Repeat("x", 3<<20), "small": "s"})
	opts := o.options(t)
	opts.MaxObjectBytes = 2 << 20
	_, err := open(t, opts).Fetch(t.Context())
	if !errors.Is(err, ErrSize) || Transient(err) {
		t.Errorf("an object over the limit: %v", err)
	}
	opts = o.options(t)
	opts.MaxBytes = 200
	if _, err = open(t, opts).Fetch(t.Context()); !errors.Is(err, ErrSize) {
		t.Errorf("a pack over the limit: %v", err)
	}
	opts = o.options(t)
	opts.MaxFileBytes = 1 << 20
	rev := fetch(t, open(t, opts))
	if info, err := rev.FS.Stat("big"); err != nil || info.Size() != 3<<20 {
		t.Errorf("size of a large file: %v, %v", info, err)
	}
	if _, err := rev.FS.ReadFile("big"); !errors.Is(err, ErrFileSize) {
		t.Errorf("reading a large file: %v", err)
	}
	if got := read(t, rev, "small"); got != "s" {
		t.Errorf("the small file beside it reads %q", got)
	}
}

// A few bytes of a pack can say "copy 16 MiB of the base, a hundred times".
func TestDeltaBombIsRefused(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{"f": strings.Repeat("abcdefgh", 1<<18)})
	o.push(map[string]string{"f": strings.Repeat("abcdefgh", 1<<18) + strings.Repeat("abcdefgh", 1<<18)})
	run(t, o.bare, "git", "repack", "-q", "-a", "-d", "-f", "--depth=50")
	opts := o.options(t)
	opts.MaxObjectBytes = 3 << 20
	if _, err := open(t, opts).Fetch(t.Context()); !errors.Is(err, ErrSize) {
		t.Errorf("an object that a delta makes too large: %v", err)
	}
}

func TestAtWithoutTheCommit(t *testing.T) {
	o := newOrigin(t, nil)
	rev := fetch(t, open(t, o.withFile(t)))
	_ = rev
	s := open(t, o.withFile(t))
	rev = fetch(t, s)
	root, err := rev.FS.Stat(".")
	if err != nil {
		t.Fatal(err)
	}
	tree := root.(interface{ Digest() string }).Digest()
	for _, commit := range []string{strings.Repeat("0", 40), strings.Repeat("1", 40), tree, "main", rev.Commit[:10], ""} {
		if _, err := s.At(commit); !errors.Is(err, ErrCommit) || Transient(err) {
			t.Errorf("At(%q): %v", commit, err)
		}
	}
}

func (o *origin) withFile(t *testing.T) Options {
	o.push(map[string]string{fmt.Sprintf("f%d", o.commit): "x"})
	return o.options(t)
}

func TestClosedSource(t *testing.T) {
	o := newOrigin(t, nil)
	o.push(map[string]string{"a": "1"})
	s := open(t, o.options(t))
	rev := fetch(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var path *fs.PathError
	if _, err := rev.FS.ReadFile("a"); !errors.As(err, &path) {
		t.Errorf("reading after Close: %v", err)
	}
}
