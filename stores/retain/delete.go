package retain

import (
	"context"
	"errors"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
)

// delete removes a marked block in Thanos's order: meta.json first, so that
// nobody takes the rest for a block, and the mark last, so that what is left by
// a run that was cut is known to be on its way out.
func (a *applier) delete(ctx context.Context, s *Step) error {
	if err := a.due(ctx, s); err != nil {
		return err
	}
	if err := a.copies(ctx, s); err != nil {
		return err
	}
	files, err := a.known(ctx, s.Block)
	if err != nil {
		return err
	}
	if err := a.guard(ctx); err != nil {
		return err
	}
	if err := a.bucket.Delete(ctx, block.Key(s.Block, block.MetaFile)); err != nil {
		return err
	}
	// A listing may miss what was written or show what is deleted.
	for _, file := range files {
		if err := a.bucket.Delete(ctx, block.Key(s.Block, file)); err != nil {
			return err
		}
	}
	if err := a.empty(ctx, s.Block); err != nil {
		return err
	}
	return a.bucket.Delete(ctx, block.Key(s.Block, block.DeletionMarkFile))
}

// due reads the mark anew: it must be the one that was planned by, and old
// enough by its own word and by the store's.
func (a *applier) due(ctx context.Context, s *Step) error {
	m, o, err := block.FetchDeletionMark(ctx, a.bucket, s.Block)
	switch {
	case errors.Is(err, stores.ErrNotFound):
		return skipped("its mark is gone meanwhile")
	case errors.Is(err, block.ErrBroken):
		return skipped("its mark cannot be read: %v", err)
	case err != nil:
		return err
	}
	is := audit.NewMark(m, o)
	if !sameMark(s.block.Mark, is) {
		return skipped("its mark is another one meanwhile")
	}
	if is.Time.Add(a.plan.delay).After(a.plan.Time) || is.Modified.Add(a.plan.delay).After(a.plan.Time) {
		return skipped("its mark is younger than %s", days(a.plan.delay))
	}
	return nil
}

// known is the files that meta.json names.
func (a *applier) known(ctx context.Context, id ulid.ULID) ([]string, error) {
	m, _, err := block.FetchMeta(ctx, a.bucket, id)
	if err != nil && !errors.Is(err, stores.ErrNotFound) && !errors.Is(err, block.ErrBroken) {
		return nil, err
	}
	var files []string
	if m.Thanos != nil {
		for _, f := range m.Thanos.Files {
			if f.Path != block.MetaFile && f.Path != block.DeletionMarkFile {
				files = append(files, f.Path)
			}
		}
	}
	return files, nil
}

// empty deletes all below a folder but the mark, until a listing shows no more.
func (a *applier) empty(ctx context.Context, id ulid.ULID) error {
	folder, mark := id.String()+"/", block.Key(id, block.DeletionMarkFile)
	for range 3 {
		left := 0
		for o, err := range a.bucket.List(ctx, folder) {
			if err != nil {
				return err
			}
			// A store that lists something else is not to be followed.
			if o.Key == mark || !strings.HasPrefix(o.Key, folder) {
				continue
			}
			left++
			if err := a.bucket.Delete(ctx, o.Key); err != nil {
				return err
			}
		}
		if left == 0 {
			return nil
		}
	}
	return errors.New("objects are still listed in the folder after they were deleted, so that its mark stays")
}
