package retain

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
)

// mark sets a deletion mark, if the block and its copies are as they were.
func (a *applier) mark(ctx context.Context, s *Step) error {
	b, err := a.look(ctx, s.Block)
	if err != nil {
		return err
	}
	if b.Mark != nil {
		return skipped("it is marked meanwhile")
	}
	if err := a.same(s.block, b); err != nil {
		return err
	}
	if err := a.copies(ctx, s); err != nil {
		return err
	}
	text, err := block.DeletionMark{ID: s.Block, Details: ours + s.Why, DeletionTime: time.Now().Unix()}.Marshal()
	if err != nil {
		return err
	}
	if err := a.guard(ctx); err != nil {
		return err
	}
	_, err = a.bucket.Put(ctx, block.Key(s.Block, block.DeletionMarkFile), bytes.NewReader(text), int64(len(text)), stores.Condition{Absent: true})
	if errors.Is(err, stores.ErrPrecondition) {
		return skipped("it is marked meanwhile")
	}
	return err
}

// unmark takes Watchbill's own mark back.
func (a *applier) unmark(ctx context.Context, s *Step) error {
	b, err := a.look(ctx, s.Block)
	if err != nil {
		return err
	}
	if !sameMark(s.block.Mark, b.Mark) || !strings.HasPrefix(b.Mark.Details, ours) {
		return skipped("its mark is another one meanwhile")
	}
	if !b.Described || b.MetaETag != s.block.MetaETag {
		return skipped("it is being deleted")
	}
	if err := a.guard(ctx); err != nil {
		return err
	}
	return a.bucket.Delete(ctx, block.Key(s.Block, block.DeletionMarkFile))
}

// same says that the block is still whole and what it was.
func (a *applier) same(was *audit.Block, is audit.Block) error {
	switch {
	case is.State != audit.Whole:
		return skipped("it is not whole meanwhile: %s", is.Why)
	case is.MetaETag != was.MetaETag || is.MinTime != was.MinTime || is.MaxTime != was.MaxTime || is.Resolution != was.Resolution:
		return skipped("its %s is another one meanwhile", block.MetaFile)
	}
	return nil
}

// copies makes sure that the blocks for which this one may go are still there.
func (a *applier) copies(ctx context.Context, s *Step) error {
	for _, c := range s.by {
		is, err := a.look(ctx, c.ID)
		if errors.As(err, new(skip)) || err == nil && (is.Mark != nil || a.same(c, is) != nil) {
			return skipped("block %s, which holds the same, is not as it was", c.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// look reads a block, once for all that ask for it. Nobody but this run marks or
// deletes meanwhile, by the lock, and it does neither to a block that is a copy.
func (a *applier) look(ctx context.Context, id ulid.ULID) (audit.Block, error) {
	a.mu.Lock()
	once := a.looked[id]
	if once == nil {
		once = sync.OnceValues(func() (audit.Block, error) { return audit.Look(ctx, a.bucket, id) })
		a.looked[id] = once
	}
	a.mu.Unlock()
	b, err := once()
	if errors.Is(err, stores.ErrNotFound) {
		return b, skipped("it is gone meanwhile")
	}
	return b, err
}

func sameMark(was, is *audit.Mark) bool {
	return was != nil && is != nil && is.Problem == "" && was.ETag == is.ETag && was.Time.Equal(is.Time) && was.Details == is.Details
}
