package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
)

// remembered is the block, if nothing of it has to be read.
func (r *run) remembered(f folder) (Block, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.cache.entries[f.id]
	meta, hasMeta := f.file(block.MetaFile)
	mark, hasMark := f.file(block.DeletionMarkFile)
	if hasMeta && (e.meta == nil || e.meta.at != versionOf(meta)) || hasMark && (e.mark == nil || e.mark.at != versionOf(mark)) {
		return Block{}, false
	}
	if !hasMeta {
		e.meta = nil
	}
	if !hasMark {
		e.mark = nil
	}
	r.cache.keep(f.id, e)
	return f.block(e), true
}

// read gets what is not remembered of the block.
func (r *run) read(ctx context.Context, f folder) error {
	r.mu.Lock()
	e := r.cache.entries[f.id]
	r.mu.Unlock()
	var err error
	if e.meta, err = r.readMeta(ctx, f, e.meta); err != nil {
		return err
	}
	if e.mark, err = r.readMark(ctx, f, e.mark); err != nil {
		return err
	}
	b := f.block(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cache.keep(f.id, e)
	r.inv.Blocks = append(r.inv.Blocks, b)
	return nil
}

func (r *run) readMeta(ctx context.Context, f folder, before *description) (*description, error) {
	o, found := f.file(block.MetaFile)
	if !found {
		return nil, nil
	}
	at := versionOf(o)
	if before != nil && before.at == at {
		return before, nil
	}
	if o.Size > block.MaxMetaSize {
		return &description{at: at, problem: fmt.Sprintf("%s is larger than %d bytes", block.MetaFile, block.MaxMetaSize)}, nil
	}
	m, got, err := block.FetchMeta(ctx, r.bucket, f.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inv.Fetched++
	switch {
	case errors.Is(err, stores.ErrNotFound): // deleted since it was listed
		return nil, nil
	case errors.Is(err, block.ErrBroken):
		return &description{at: at.unless(got), problem: err.Error()}, nil
	case err != nil:
		return nil, err
	case m.Thanos == nil:
		return &description{at: at.unless(got), problem: block.MetaFile + " has no part of Thanos's, so that the labels are not known"}, nil
	}
	return r.shared.describe(at.unless(got), m), nil
}

func (r *run) readMark(ctx context.Context, f folder, before *mark) (*mark, error) {
	o, found := f.file(block.DeletionMarkFile)
	if !found {
		return nil, nil
	}
	at := versionOf(o)
	if before != nil && before.at == at {
		return before, nil
	}
	m, got, err := block.FetchDeletionMark(ctx, r.bucket, f.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inv.Fetched++
	switch {
	case errors.Is(err, stores.ErrNotFound):
		// Taken back, or the block is being deleted: the next run sees which.
		return &mark{problem: "it went away while it was read"}, nil
	case errors.Is(err, block.ErrBroken):
		return &mark{at: at.unless(got), problem: err.Error()}, nil
	case err != nil:
		return nil, err
	}
	return &mark{at: at.unless(got), seconds: m.DeletionTime, details: m.Details}, nil
}

// version tells one content of an object from the next.
type version struct {
	etag     string
	size     int64
	modified int64 // Unix nanoseconds
}

func versionOf(o stores.Object) version { return version{o.ETag, o.Size, o.Modified.UnixNano()} }

// unless is no version at all if the object that was got is not the one that was listed.
func (v version) unless(got stores.Object) version {
	if got.ETag != v.etag {
		return version{etag: got.ETag, size: -1}
	}
	return v
}
