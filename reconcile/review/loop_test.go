package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// start runs the reviewer until the test is over.
func (w *world) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func (w *world) set(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// answered is one whole answer to a head.
func answered(head string, state forge.State) []string {
	return []string{fmt.Sprintf("status %s %s", head, state), fmt.Sprintf("check %s %s", head, state), "comment 7"}
}

// TestMonth: a month of polls without a change writes once, and after a restart not at all.
func TestMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		change := map[string]string{"teams/on-call/rules/alertmanager.yaml": "for: 2m => for: 5m"}
		w := newWorld(t, nil, change)
		w.opts.Live.Firing = slow(0)
		w.start(t)
		time.Sleep(30 * 24 * time.Hour)
		want := answered("head-1", forge.Success)
		if diff := cmp.Diff(want, w.forge.log()); diff != "" {
			t.Errorf("writes of a month (-want +got):\n%s", diff)
		}
		if polls := 30 * 24 * 60; w.forge.asked > polls+10 || w.forge.asked < polls-10 {
			t.Errorf("%d calls in %d polls", w.forge.asked, polls)
		}
		next := newWorld(t, nil, change)
		next.forge = w.forge
		next.opts.Forge = w.forge
		next.opts.Live.Firing = slow(2 * pendingAfter) // the answer is not taken back while it is made again
		next.start(t)
		time.Sleep(time.Hour)
		if diff := cmp.Diff(want, w.forge.log()); diff != "" {
			t.Errorf("writes after a restart (-want +got):\n%s", diff)
		}
	})
}

func slow(d time.Duration) func(context.Context, string) ([]LiveAlert, error) {
	return func(ctx context.Context, _ string) ([]LiveAlert, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(d):
			return nil, nil
		}
	}
}

// TestWake: a push is answered at once, and one that comes while the last is
// looked at as well; pending is said only where the answer takes long.
func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, map[string]string{"teams/on-call/rules/alertmanager.yaml": "for: 2m => for: 5m"})
		w.start(t)
		time.Sleep(time.Second)
		w.opts.Live.Firing = slow(3 * time.Second)
		w.push("head-2", "merge-2", "main-1")
		w.Wake(7)
		time.Sleep(2 * time.Second)
		w.push("head-3", "merge-3", "main-1")
		w.Wake(7)
		w.Wake(7)
		time.Sleep(20 * time.Second)
		want := slices.Concat(answered("head-1", forge.Success), []string{"status head-2 pending"}, answered("head-2", forge.Success),
			[]string{"status head-3 pending", "status head-3 success", "check head-3 success"}) // the comment says the same then
		if diff := cmp.Diff(want, w.forge.log()); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	})
}

func (w *world) push(head, merge string, parents ...string) {
	p := w.forge.pulls[7]
	p.Head = head
	w.forge.set(p)
	w.set(func() {
		rev := w.refs[p.MergeRef]
		rev.commit, rev.parents = merge, append(parents, head)
		w.refs[p.MergeRef] = rev
	})
}

// TestStaleMerge: a merge of older commits is never judged; the forge has time to make the new one.
func TestStaleMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, map[string]string{"teams/payments/rules/queue.yaml": newAlert})
		w.set(func() { w.main.commit = "main-2" })
		w.start(t)
		time.Sleep(5 * time.Second)
		if got := w.forge.log(); len(got) > 0 {
			t.Fatalf("a merge into an older commit was judged: %v", got)
		}
		w.push("head-1", "merge-2", "main-2")
		time.Sleep(time.Minute)
		if diff := cmp.Diff(answered("head-1", forge.Success), w.forge.log()); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
		before := w.forge.asked
		w.set(func() { w.main.commit = "main-3" }) // and the forge never merges it
		time.Sleep(24 * time.Hour)
		if diff := cmp.Diff(answered("head-1", forge.Success), w.forge.log()); diff != "" {
			t.Errorf("the answer to an older base was taken back (-want +got):\n%s", diff)
		}
		if calls := w.forge.asked - before; calls > 3*24*60 {
			t.Errorf("%d calls in a day of 1440 polls", calls)
		}
	})
}

// TestNeverMerged: a head that never gets an answer is told why, once.
func TestNeverMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.set(func() { clear(w.refs) })
		w.start(t)
		time.Sleep(time.Hour)
		if diff := cmp.Diff(answered("head-1", forge.Error), w.forge.log()); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
		if text := w.forge.statuses["head-1"].Text; !strings.Contains(text, "no such ref") {
			t.Errorf("status: %s", text)
		}
	})
}

// TestTurns: what else becomes of pull requests.
func TestTurns(t *testing.T) {
	for _, tc := range []struct {
		name  string
		turn  func(t *testing.T, w *world)
		want  []string // written after the first answer
		says  string   // of the newest status
		gone  bool
		until time.Duration
	}{
		{
			name: "a conflict, and then none",
			turn: func(_ *testing.T, w *world) {
				p := w.forge.pulls[7]
				p.Conflict = true
				w.forge.set(p)
				w.push("head-2", "merge-1", "main-1")
			},
			want: answered("head-2", forge.Failure), says: "conflicts with main",
		},
		{
			name: "main moves on, and the answer stays the same",
			turn: func(_ *testing.T, w *world) {
				w.set(func() { w.main.commit = "main-2" })
				w.push("head-1", "merge-2", "main-2")
			},
			says: "valid",
		},
		{
			name: "closed",
			turn: func(_ *testing.T, w *world) {
				p := w.forge.pulls[7]
				p.Open = false
				w.forge.set(p)
			},
			says: "valid", gone: true,
		},
		{
			name: "against another branch",
			turn: func(_ *testing.T, w *world) {
				p := w.forge.pulls[7]
				p.Base = "other"
				w.forge.set(p)
				w.push("head-2", "merge-2", "main-1")
			},
			says: "valid", gone: true,
		},
		{
			name: "a crash is an error of that one",
			turn: func(_ *testing.T, w *world) {
				w.opts.Live.Firing = func(context.Context, string) ([]LiveAlert, error) { panic("secret words") }
				w.push("head-2", "merge-2", "main-1")
			},
			want: answered("head-2", forge.Error), says: "the review crashed",
		},
		{
			name: "a review that never ends",
			turn: func(_ *testing.T, w *world) {
				w.opts.Live.Firing = func(context.Context, string) ([]LiveAlert, error) {
					time.Sleep(time.Hour)
					return nil, nil
				}
				w.push("head-2", "merge-2", "main-1")
			},
			want: append([]string{"status head-2 pending"}, answered("head-2", forge.Error)...), says: "takes longer than 2m0s",
		},
		{
			name: "a running stack that does not answer",
			turn: func(_ *testing.T, w *world) {
				w.opts.Live.Firing = func(context.Context, string) ([]LiveAlert, error) {
					return nil, errors.New("get https://user:hunter2@prometheus: refused")
				}
				w.push("head-2", "merge-2", "main-1")
			},
			want: answered("head-2", forge.Success), says: "valid",
		},
		{
			name: "more files than are looked at",
			turn: func(_ *testing.T, w *world) { w.opts.Limits.Files = 0; w.push("head-2", "merge-2", "main-1") },
			want: answered("head-2", forge.Error), says: "it changes 1 files, and 0 at most",
		},
		{
			name: "more rules than are looked at",
			turn: func(_ *testing.T, w *world) { w.opts.Limits.Rules = 10; w.push("head-2", "merge-2", "main-1") },
			want: answered("head-2", forge.Error), says: "and 10 at most",
		},
		{
			name: "a pull request that is not there",
			turn: func(_ *testing.T, w *world) { w.Wake(404) },
			says: "valid",
		},
		{
			name: "the forge is away for an hour",
			turn: func(_ *testing.T, w *world) {
				w.forge.fail = func(string) error { return &forge.RetryError{After: time.Hour, Err: errors.New("403")} }
				time.AfterFunc(time.Hour, func() {
					w.forge.mu.Lock()
					defer w.forge.mu.Unlock()
					w.forge.fail = nil
				})
				w.push("head-2", "merge-2", "main-1")
			},
			want: []string{"status head-2 success", "check head-2 success"}, says: "valid", until: 2 * time.Hour,
		},
		{
			name: "comments are limited, statuses are not",
			turn: func(_ *testing.T, w *world) {
				w.forge.fail = func(what string) error {
					if what == "check" {
						return &forge.RetryError{After: 24 * time.Hour, Err: errors.New("403")}
					}
					return nil
				}
				w.push("head-2", "merge-2", "main-1")
			},
			want: []string{"status head-2 success"}, says: "valid",
		},
		{
			name: "the remote is away",
			turn: func(_ *testing.T, w *world) {
				w.set(func() { w.fails = errors.New("no route to host") })
				w.push("head-2", "merge-2", "main-1")
			},
			says: "valid",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil, map[string]string{"teams/on-call/rules/alertmanager.yaml": "for: 2m => for: 5m"})
				w.start(t)
				time.Sleep(time.Second)
				first := len(w.forge.log())
				tc.turn(t, w)
				time.Sleep(max(10*time.Minute, tc.until))
				got := w.forge.log()[first:]
				if diff := cmp.Diff(append([]string{}, tc.want...), got); diff != "" && strings.Join(got, " ") != strings.Join(tc.want, " ")+" comment 7" {
					t.Errorf("writes (-want +got):\n%s", diff)
				}
				w.forge.mu.Lock()
				text := w.forge.statuses[w.forge.pulls[7].Head].Text
				if text == "" {
					text = w.forge.statuses["head-1"].Text
				}
				said := fmt.Sprint(w.forge.statuses, w.forge.comments, w.forge.checks)
				w.forge.mu.Unlock()
				if !strings.Contains(text, tc.says) {
					t.Errorf("status: %s", text)
				}
				if strings.Contains(said, "hunter2") || strings.Contains(said, "secret words") {
					t.Errorf("a secret is told: %s", said)
				}
				if _, ok := w.Page(7); ok == tc.gone {
					t.Errorf("the page is there: %v", ok)
				}
			})
		})
	}
}

// TestOneFailsOthersGoOn: every open pull request has its answer, whatever becomes of others.
func TestOneFailsOthersGoOn(t *testing.T) {
	w := newWorld(t, nil, map[string]string{"teams/payments/rules/queue.yaml": newAlert})
	for n := 8; n < 12; n++ {
		p := forge.Pull{Number: n, Base: "main", Head: fmt.Sprint("head-of-", n), MergeRef: fmt.Sprint("merge-of-", n), Open: true}
		w.forge.set(p)
		if n == 9 {
			continue // has no merge
		}
		w.refs[p.MergeRef] = revision{commit: p.MergeRef, parents: []string{"main-1", p.Head}, fs: w.refs["refs/pull/7/merge"].fs}
	}
	w.opts.Live.Backtest = func(context.Context, *repolayout.Repo, *repolayout.Repo, string) ([]Fired, error) {
		panic("no past")
	}
	w.once(t)
	for head, want := range map[string]forge.State{"head-1": forge.Error, "head-of-8": forge.Error, "head-of-9": "", "head-of-10": forge.Error, "head-of-11": forge.Error} {
		if got := w.forge.statuses[head].State; got != want {
			t.Errorf("%s: %q, want %q", head, got, want)
		}
	}
}
