package review

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/source"
)

// callTimeout of one call of the forge or of git.
const callTimeout = time.Minute

// revision is a commit, as far as a review needs it.
type revision struct {
	commit  string
	parents []string
	fs      fs.FS
}

func revisionOf(r source.Revision) revision {
	return revision{commit: r.Commit, parents: r.Parents, fs: r.FS}
}

// known is a pull request as it was seen last, and what was answered.
type known struct {
	number int
	// due is set while it has to be looked at; forced when that was asked for by name.
	due, forced bool
	// head as it was listed last, and as it was when this process began, which
	// may have its answer from the one before.
	head, firstHead string
	// unit is what the answer is to.
	unit   unit
	answer *answer
	sent   [kinds]string // digests of what is shown
	at     time.Time     // of the answer
	tries  int
	again  time.Time // when it is tried again; zero is at once
}

// unit is the two commits that an answer depends on: a merge of them has one result.
type unit struct{ base, head string }

// Run answers until the context ends, and waits for what is being computed then,
// so that revisions may be closed afterwards.
func (r *Reviewer) Run(ctx context.Context) error {
	defer r.jobs.Wait()
	for ctx.Err() == nil {
		r.takeWakes()
		now := r.opts.Now()
		if !now.Before(r.list) {
			r.listPulls(ctx)
			continue
		}
		if k := r.pick(now); k != nil {
			r.look(ctx, k)
			r.deliver(ctx)
			continue
		}
		r.deliver(ctx)
		r.warm(ctx)
		r.sleep(ctx)
	}
	return nil
}

func (r *Reviewer) takeWakes() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := range r.woken {
		k := r.pulls[n]
		if k == nil {
			k = &known{number: n}
			r.pulls[n] = k
		}
		k.due, k.forced, k.again, k.tries = true, true, time.Time{}, 0
	}
	clear(r.woken)
	if r.all {
		r.all, r.list = false, time.Time{}
	}
}

// pick is the pull request to look at now: those first that somebody asked for,
// then the newest.
func (r *Reviewer) pick(now time.Time) *known {
	var best *known
	for _, k := range r.pulls {
		if !k.due || now.Before(k.again) {
			continue
		}
		if best == nil || k.forced && !best.forced || k.forced == best.forced && k.number > best.number {
			best = k
		}
	}
	return best
}

// sleep waits for a wake, the next poll, or what is to be tried again.
func (r *Reviewer) sleep(ctx context.Context) {
	until := r.list
	earlier := func(t time.Time) {
		if t.Before(until) {
			until = t
		}
	}
	for _, k := range r.pulls {
		if k.due {
			earlier(k.again)
		}
		for kind := range kinds {
			if k.unsent(kind) {
				earlier(r.hold[kind].until)
			}
		}
	}
	timer := time.NewTimer(until.Sub(r.opts.Now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-timer.C:
	}
}

// listPulls finds the open pull requests, those that have no answer yet, and
// forgets those that are closed.
func (r *Reviewer) listPulls(ctx context.Context) {
	r.list = r.opts.Now().Add(r.opts.Poll)
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	pulls, err := r.opts.Forge.Pulls(call, r.opts.Branch)
	if err != nil {
		r.postpone(ctx, "list pull requests", err)
		return
	}
	base, err := r.base(call)
	if err != nil {
		r.postpone(ctx, "fetch the branch", err)
		return
	}
	r.newest = base
	slices.SortFunc(pulls, func(a, b forge.Pull) int { return cmp.Compare(b.Number, a.Number) })
	if len(pulls) > r.opts.Limits.Pulls {
		r.opts.Log.Warn("too many pull requests are open, the oldest are not looked at", "open", len(pulls), "limit", r.opts.Limits.Pulls)
		pulls = pulls[:r.opts.Limits.Pulls]
	}
	open := map[int]bool{}
	for _, p := range pulls {
		open[p.Number] = true
		r.listed(p, base.commit)
	}
	for n, k := range r.pulls {
		if !open[n] && !k.forced {
			r.forget(n)
		}
	}
	r.first = false
}

func (r *Reviewer) listed(p forge.Pull, base string) {
	k := r.pulls[p.Number]
	if k == nil {
		k = &known{number: p.Number}
		r.pulls[p.Number] = k
	}
	if r.first {
		k.firstHead = p.Head
	}
	if k.head != p.Head {
		k.tries, k.again = 0, time.Time{}
	}
	k.head = p.Head
	k.due = k.due || k.unit != unit{base, p.Head}
}

func (r *Reviewer) forget(number int) {
	delete(r.pulls, number)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pages, number)
}

// postpone waits as long as the forge asks for, or until the next poll.
func (r *Reviewer) postpone(ctx context.Context, doing string, err error) {
	if ctx.Err() != nil {
		return
	}
	var retry *forge.RetryError
	if errors.As(err, &retry) && retry.After > r.opts.Poll {
		r.list = r.opts.Now().Add(retry.After)
	}
	r.opts.Log.Warn("pull requests are looked at later", "doing", doing, "branch", r.opts.Branch, "error", err)
}
