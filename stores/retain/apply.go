package retain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
)

// Done is what [Apply] did.
type Done struct {
	Marked       int      `json:"marked"`
	Unmarked     int      `json:"unmarked"`
	Deleted      int      `json:"deleted"`
	DeletedBytes int64    `json:"deletedBytes"`
	Skipped      int      `json:"skipped"` // not as they were when the plan was made
	Notes        []string `json:"notes"`   // some of the skipped, and why
}

// Counts are the numbers by name.
func (d Done) Counts() map[string]int64 {
	return map[string]int64{
		"marked": int64(d.Marked), "unmarked": int64(d.Unmarked), "deleted": int64(d.Deleted),
		"deletedBytes": d.DeletedBytes, "skipped": int64(d.Skipped),
	}
}

const (
	maxNotes = 10
	// maxErrors is after how many blocks that failed the store is taken to be away.
	maxErrors = 10
	// atOnce is how many blocks are worked on at a time.
	atOnce = 8
)

// Apply does what a plan of [Make] says. Every block is read anew right before,
// and skipped if it, or what it goes for, is not as the plan had it: a listing
// may be old. The fence is asked before each block's first write and ends
// everything by its error, as when a lock was lost; several goroutines ask it.
//
// An error may leave a part done, which the next plan takes up: what was marked
// is marked, and what was half deleted still has its mark. Blocks that fail do
// not keep others from being done, up to a number of them. An error that wraps
// [stores.ErrDenied] or [stores.ErrNoBucket] needs a person.
func Apply(ctx context.Context, bucket stores.Bucket, p Plan, fence func(context.Context) error) (Done, error) {
	if !p.made {
		return Done{}, errors.New("apply retention: the plan lacks what it was made from: make one from the bucket")
	}
	a := applier{bucket: bucket, plan: p, fence: fence, looked: map[ulid.ULID]func() (audit.Block, error){}, done: Done{Notes: []string{}}}
	for _, phase := range []struct {
		action Action
		do     func(context.Context, *Step) error
	}{{Unmark, a.unmark}, {Mark, a.mark}, {Delete, a.delete}} {
		if err := a.all(ctx, phase.action, phase.do); err != nil {
			return a.done, fmt.Errorf("apply retention to %s: %w", p.Bucket, err)
		}
	}
	if len(a.errs) > 0 {
		return a.done, fmt.Errorf("apply retention to %s: %w", p.Bucket, errors.Join(a.errs...))
	}
	return a.done, nil
}

type applier struct {
	bucket stores.Bucket
	plan   Plan
	fence  func(context.Context) error

	mu     sync.Mutex
	looked map[ulid.ULID]func() (audit.Block, error)
	done   Done
	errs   []error
}

// skip says that a block is not as the plan had it.
type skip struct{ why string }

func (s skip) Error() string { return s.why }

func skipped(format string, args ...any) error { return skip{fmt.Sprintf(format, args...)} }

// fatal is an error that no other block will fare better with.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

func (a *applier) all(ctx context.Context, action Action, do func(context.Context, *Step) error) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for i := range a.plan.Steps {
		if s := &a.plan.Steps[i]; s.Action == action {
			work.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return a.note(s, do(ctx, s))
			})
		}
	}
	return work.Wait()
}

// note counts what came of a step, and gives the error if it is everybody's.
func (a *applier) note(s *Step, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var not skip
	switch {
	case err == nil:
		switch s.Action {
		case Mark:
			a.done.Marked++
		case Unmark:
			a.done.Unmarked++
		case Delete:
			a.done.Deleted++
			a.done.DeletedBytes += s.Bytes
		}
		return nil
	case errors.As(err, &not):
		a.done.Skipped++
		if len(a.done.Notes) < maxNotes {
			a.done.Notes = append(a.done.Notes, fmt.Sprintf("block %s: %s", s.Block, not.why))
			slices.Sort(a.done.Notes)
		}
		return nil
	}
	err = fmt.Errorf("%s block %s: %w", s.Action, s.Block, err)
	if errors.As(err, new(fatal)) || errors.Is(err, stores.ErrDenied) || errors.Is(err, stores.ErrNoBucket) || errors.Is(err, context.Canceled) {
		return err
	}
	if a.errs = append(a.errs, err); len(a.errs) >= maxErrors {
		return fmt.Errorf("%d blocks failed, the last: %w", len(a.errs), err)
	}
	return nil
}

func (a *applier) guard(ctx context.Context) error {
	if a.fence == nil {
		return nil
	}
	if err := a.fence(ctx); err != nil {
		return fatal{err}
	}
	return nil
}
