package review

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/memory"
)

// example is the example repo with these files put in place; of a file that is
// there, "old => new" replaces a part, and empty content removes it.
func example(t testing.TB, changes map[string]string) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	from := repolayout.Example()
	err := fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, path)
		out[path] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range changes {
		if old, now, replaces := strings.Cut(content, " => "); replaces {
			before := string(out[path].Data)
			if !strings.Contains(before, old) {
				t.Fatalf("%s: %q is not there", path, old)
			}
			content = strings.Replace(before, old, now, 1)
		}
		if delete(out, path); content != "" {
			out[path] = &fstest.MapFile{Data: []byte(content)}
		}
	}
	return memory.NewFolder(out, nil, nil) // whose entries know their digests, as a revision's do
}

// recorder is a forge that keeps what it is told, and counts what it would have
// written: only what is not shown already.
type recorder struct {
	mu       sync.Mutex
	pulls    map[int]forge.Pull
	statuses map[string]forge.Status
	checks   map[string]forge.Check
	comments map[int]string
	heard    []string // each write
	asked    int
	fail     func(what string) error
}

func newRecorder(pulls ...forge.Pull) *recorder {
	f := &recorder{
		pulls: map[int]forge.Pull{}, statuses: map[string]forge.Status{},
		checks: map[string]forge.Check{}, comments: map[int]string{},
	}
	f.set(pulls...)
	return f
}

func (f *recorder) set(pulls ...forge.Pull) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range pulls {
		f.pulls[p.Number] = p
	}
}

func (f *recorder) call(what string) error {
	f.asked++
	if f.fail != nil {
		return f.fail(what)
	}
	return nil
}

func (f *recorder) Pulls(context.Context, string) ([]forge.Pull, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var open []forge.Pull
	for _, p := range f.pulls {
		if p.Open {
			open = append(open, p)
		}
	}
	return open, f.call("pulls")
}

func (f *recorder) Pull(_ context.Context, number int) (forge.Pull, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call(fmt.Sprint("pull ", number)); err != nil {
		return forge.Pull{}, err
	}
	p, ok := f.pulls[number]
	if !ok {
		return p, errors.New("404")
	}
	return p, nil
}

func (f *recorder) Report(_ context.Context, s forge.Status) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("status"); err != nil {
		return err
	}
	if f.statuses[s.Commit] != s {
		f.statuses[s.Commit] = s
		f.heard = append(f.heard, fmt.Sprintf("status %s %s", s.Commit, s.State))
	}
	return nil
}

func (f *recorder) Comment(_ context.Context, c forge.Comment) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("comment"); err != nil {
		return err
	}
	if f.comments[c.Pull] != c.Body {
		f.comments[c.Pull] = c.Body
		f.heard = append(f.heard, fmt.Sprintf("comment %d", c.Pull))
	}
	return nil
}

func (f *recorder) Check(_ context.Context, c forge.Check) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("check"); err != nil {
		return err
	}
	if !cmp.Equal(f.checks[c.Commit], c) {
		f.checks[c.Commit] = c
		f.heard = append(f.heard, fmt.Sprintf("check %s %s", c.Commit, c.State))
	}
	return nil
}

func (f *recorder) Deploy(context.Context, forge.Deployment) error { return forge.ErrUnsupported }

// log is what was written so far.
func (f *recorder) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.heard...)
}

// world is a repo, a forge and the reviewer between them.
type world struct {
	*Reviewer
	forge *recorder
	mu    sync.Mutex
	main  revision
	refs  map[string]revision
	fails error // of the remote
}

// newWorld has one pull request, number 7, that makes these changes to main.
func newWorld(t testing.TB, main, change map[string]string) *world {
	t.Helper()
	p := forge.Pull{Number: 7, Title: "A change", Base: "main", Head: "head-1", MergeRef: "refs/pull/7/merge", Open: true}
	w := &world{forge: newRecorder(p), refs: map[string]revision{}}
	w.main = revision{commit: "main-1", fs: example(t, main)}
	all := map[string]string{}
	for _, changes := range []map[string]string{main, change} {
		for path, content := range changes {
			all[path] = content
		}
	}
	w.refs[p.MergeRef] = revision{commit: "merge-1", parents: []string{"main-1", "head-1"}, fs: example(t, all)}
	w.Reviewer = New(Options{
		Forge: w.forge, Branch: "main", ExternalURL: "https://watchbill.example.org",
		Render: render.Options{AgentImage: "watchbill"}, Log: slog.New(slog.DiscardHandler),
	})
	w.base = func(context.Context) (revision, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.main, w.fails
	}
	w.merge = func(_ context.Context, ref string) (revision, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		rev, ok := w.refs[ref]
		if !ok {
			return rev, errors.New("no such ref")
		}
		return rev, w.fails
	}
	return w
}

// once does what there is to do now.
func (w *world) once(t testing.TB) {
	t.Helper()
	w.takeWakes()
	w.listPulls(t.Context())
	for k := w.pick(w.opts.Now()); k != nil; k = w.pick(w.opts.Now()) {
		w.look(t.Context(), k)
	}
	w.deliver(t.Context())
}
