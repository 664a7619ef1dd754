package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
)

// Look reads one block anew, before something is done about it. Unlike [Run] it
// asks for meta.json and for the deletion mark whether they are listed or not.
// Where there is no object of the block, the error wraps [stores.ErrNotFound].
func Look(ctx context.Context, bucket stores.Bucket, id ulid.ULID) (Block, error) {
	f := folder{id: id}
	for o, err := range bucket.List(ctx, id.String()+"/") {
		if err != nil {
			return Block{}, fmt.Errorf("look at block %s: %w", id, err)
		}
		if _, file, ok := block.Split(o.Key); ok {
			f.add(file, o)
		}
	}
	var e entry
	m, o, err := block.FetchMeta(ctx, bucket, id)
	switch {
	case err == nil && m.Thanos != nil:
		e.meta = newShared().describe(versionOf(o), m)
	case err == nil, errors.Is(err, block.ErrBroken):
		e.meta = &description{problem: block.MetaFile + " makes no sense"}
	case !errors.Is(err, stores.ErrNotFound):
		return Block{}, fmt.Errorf("look at block %s: %w", id, err)
	}
	marked, o, err := block.FetchDeletionMark(ctx, bucket, id)
	switch {
	case err == nil:
		e.mark = &mark{at: versionOf(o), seconds: marked.DeletionTime, details: marked.Details}
	case errors.Is(err, block.ErrBroken):
		e.mark = &mark{problem: err.Error()}
	case !errors.Is(err, stores.ErrNotFound):
		return Block{}, fmt.Errorf("look at block %s: %w", id, err)
	}
	if f.objects == 0 && e.meta == nil && e.mark == nil {
		return Block{}, fmt.Errorf("look at block %s: %w", id, stores.ErrNotFound)
	}
	b := f.block(e)
	b.Mark = e.mark.seen(o)
	return b, nil
}
