package review

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"time"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/validate"
)

// pendingAfter is how long a review may take before the commit says that it is under way.
const pendingAfter = time.Second

// tooLarge is a change beyond the limits.
type tooLarge struct{ what string }

func (e *tooLarge) Error() string { return e.what }

// panicked is a fault of ours.
type panicked struct {
	value any
	stack []byte
}

func (e *panicked) Error() string { return fmt.Sprintf("the review crashed: %v", e.value) }

// assess reviews one change.
func (r *Reviewer) assess(ctx context.Context, k *known, p forge.Pull, base, merged revision) (*report, error) {
	job := job{reader: r.reader, limits: r.opts.Limits, live: r.opts.Live, pull: p, base: base, merged: merged, now: r.opts.Now()}
	var rep *report
	err := r.supervise(ctx, func(ctx context.Context) (err error) {
		rep, err = job.run(ctx)
		return err
	}, func(ctx context.Context) { r.sayPending(ctx, k, p) })
	if err != nil {
		r.logPanic(p, err)
		return nil, err
	}
	return rep, nil
}

// warm reads the newest base while nothing else is to be done, so that the next
// change costs its own reading alone.
func (r *Reviewer) warm(ctx context.Context) {
	if r.newest.commit == "" || r.newest.commit == r.warmed {
		return
	}
	r.warmed = r.newest.commit
	reader, base := r.reader, r.newest
	err := r.supervise(ctx, func(ctx context.Context) error {
		_, err := reader.before(ctx, base)
		return err
	}, func(context.Context) {})
	if err != nil && ctx.Err() == nil {
		r.opts.Log.Warn("branch could not be read", "revision", base.commit, "error", err)
	}
}

// supervise does work with the reader in a goroutine of its own, so that what
// takes too long or crashes is that work's error; late is called once if it
// takes a while. A goroutine that is left behind keeps its reader; there are
// never more of them than slots.
func (r *Reviewer) supervise(ctx context.Context, work func(context.Context) error, late func(context.Context)) error {
	timed, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	select {
	case r.slots <- struct{}{}:
	case <-timed.Done():
		return fmt.Errorf("wait for earlier reviews that take too long: %w", timed.Err())
	}
	done := make(chan error, 1)
	r.jobs.Go(func() {
		defer func() { <-r.slots }()
		done <- guarded(timed, work)
	})
	soon := time.NewTimer(pendingAfter)
	defer soon.Stop()
	for {
		select {
		case err := <-done:
			var crash *panicked
			if errors.As(err, &crash) {
				r.reader = newReader(r.opts.Render) // who knows what it was in the middle of
			}
			return err
		case <-soon.C:
			late(timed)
		case <-timed.Done():
			r.reader = newReader(r.opts.Render)
			return fmt.Errorf("it takes longer than %s: %w", r.opts.Timeout, timed.Err())
		}
	}
}

func guarded(ctx context.Context, work func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	return work(ctx)
}

func (r *Reviewer) logPanic(p forge.Pull, err error) {
	var crash *panicked
	if errors.As(err, &crash) {
		r.opts.Log.Error("review crashed", "pull", p.Number, "revision", p.Head, "error", err, "stack", string(crash.stack))
	}
}

// sayPending says that the review is under way, unless the commit has an answer:
// from this process or, as far as can be known, the one before.
func (r *Reviewer) sayPending(ctx context.Context, k *known, p forge.Pull) {
	answered := k.answer != nil && k.answer.status.Commit == p.Head || k.firstHead == p.Head
	if answered || r.opts.Now().Before(r.hold[statusKind].until) {
		return
	}
	a := (&answer{status: forge.Status{
		Commit: p.Head, Context: Context, State: forge.Pending, Text: "is being checked as merged into " + p.Base,
	}}).seal()
	if err := r.try(ctx, a, statusKind); err != nil {
		r.opts.Log.Debug("commit is not said to be under review", "pull", p.Number, "error", err)
		return
	}
	k.sent[statusKind] = a.digests[statusKind]
}

// job is one review.
type job struct {
	reader       *reader
	limits       Limits
	live         Live
	pull         forge.Pull
	base, merged revision
	now          time.Time
}

// run is the review, from the cheapest thing that may end it on.
func (j *job) run(ctx context.Context) (*report, error) {
	changed, err := build.ChangedFiles(j.base.fs, j.merged.fs)
	if err != nil {
		return nil, err
	}
	if err := j.limits.check(j.merged.fs, changed); err != nil {
		return nil, err
	}
	rep := &report{pull: j.pull, base: j.base.commit, live: true}
	before, err := j.reader.before(ctx, j.base)
	if err != nil {
		return nil, err
	}
	after, err := j.reader.after(ctx, j.merged, before, j.limits.Rules)
	if err != nil {
		return nil, err
	}
	found := validate.WithRemoved(after.findings, validate.Removed(before.repo, after.repo, j.now.UTC()))
	rep.findings = build.Concerned(before.findings, found, changed)
	rep.elsewhere = len(found) - len(rep.findings)
	rep.files = len(changed)
	j.compare(rep, before, after)
	j.compareRoutes(rep, before, after)
	rep.tests = compareTests(ctx, before, after, rep.findings)
	if j.pull.Fork && !before.repo.Stack.Policies.Review.LiveDataForForks {
		rep.live = false
	}
	j.askLive(ctx, rep, before, after)
	return rep, ctx.Err()
}

// check measures a change before any of it is parsed.
func (l Limits) check(fsys fs.FS, changed map[string]bool) error {
	if len(changed) > l.Files {
		return &tooLarge{fmt.Sprintf("it changes %d files, and %d at most are looked at: split it", len(changed), l.Files)}
	}
	var size int64
	for file := range changed {
		if info, err := fs.Stat(fsys, file); err == nil { // else it was removed
			size += info.Size()
		}
	}
	if size > l.Bytes {
		return &tooLarge{fmt.Sprintf("the files that it changes have %d MiB, and %d at most are looked at: split it", size>>20, l.Bytes>>20)}
	}
	return nil
}

// reader reads revisions and remembers the last base, which all pull requests
// share. It is for one review at a time.
type reader struct {
	builder *build.Builder
	base    *side
}

func newReader(opts render.Options) *reader { return &reader{builder: build.New(opts)} }
