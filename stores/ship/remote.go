package ship

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
)

// remote is what of a bucket is of interest to a volume.
type remote struct {
	files map[ulid.ULID]files       // of the volume's own blocks, and of all that may cover those
	metas map[ulid.ULID]string      // ETags of their meta.json
	known map[ulid.ULID]*block.Meta // of the whole ones with these labels
}

// files of a block in the bucket. There may be many blocks, so they are kept small.
type files []block.File

func (f files) size(name string) (int64, bool) {
	for _, file := range f {
		if file.Path == name {
			return file.Size, true
		}
	}
	return 0, false
}

// lacks says what of some files is not there as it should be, or nothing.
func (f files) lacks(want []block.File) string {
	for _, w := range want {
		size, found := f.size(w.Path)
		switch {
		case w.Path == block.MetaFile: // its size is not told
		case !found:
			return "it lacks " + w.Path
		case size != w.Size:
			return fmt.Sprintf("its %s has %d bytes, not %d", w.Path, size, w.Size)
		}
	}
	return ""
}

// slack is by how much clocks may differ that name blocks.
const slack = 24 * time.Hour

// list goes through the bucket once. A block that was made of others is younger
// than they are, so older ones are not looked at.
func (v *Volume) list(ctx context.Context, blocks []local) (*remote, error) {
	r := &remote{files: map[ulid.ULID]files{}, metas: map[ulid.ULID]string{}, known: map[ulid.ULID]*block.Meta{}}
	own := map[ulid.ULID]bool{}
	oldest := ulid.Timestamp(v.now().Add(-slack))
	for _, l := range blocks {
		own[l.id] = true
		oldest = min(oldest, l.id.Time())
		for _, source := range l.meta.Compaction.Sources {
			oldest = min(oldest, source.Time())
		}
	}
	oldest -= min(oldest, uint64(slack.Milliseconds()))
	for o, err := range v.Bucket.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		id, file, is := block.Split(o.Key)
		if !is || id.Time() < oldest && !own[id] {
			continue
		}
		r.files[id] = append(r.files[id], block.File{Path: strings.Clone(file), Size: o.Size})
		if file == block.MetaFile {
			r.metas[id] = o.ETag
		}
	}
	return r, nil
}

// fetches is how many meta.json are read at the same time.
const fetches = 8

// seen is a meta.json that was read.
type seen struct {
	etag string
	meta *block.Meta // nil if it makes no sense, and for blocks of others
	why  string
}

// fetch reads what was not read before.
func (v *Volume) fetch(ctx context.Context, r *remote, blocks []local) error {
	if v.seen == nil {
		v.seen = map[ulid.ULID]seen{}
	}
	maps.DeleteFunc(v.seen, func(id ulid.ULID, s seen) bool { return s.etag == "" || r.metas[id] != s.etag })
	own := map[ulid.ULID]bool{}
	for _, l := range blocks {
		own[l.id] = true
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fetches)
	for id, etag := range r.metas {
		mu.Lock()
		_, known := v.seen[id]
		mu.Unlock()
		if known {
			continue
		}
		group.Go(func() error {
			s, err := v.look(ctx, id, own[id])
			if errors.Is(err, stores.ErrNotFound) {
				return nil // it was deleted meanwhile
			} else if err != nil {
				return err
			}
			s.etag = etag
			mu.Lock()
			defer mu.Unlock()
			v.seen[id] = s
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for id, s := range v.seen {
		if s.meta != nil && v.ours(s.meta) && r.files[id].lacks(s.meta.Thanos.Files) == "" {
			r.known[id] = s.meta
		}
	}
	return nil
}

func (v *Volume) ours(m *block.Meta) bool { return maps.Equal(m.Thanos.Labels, v.Labels) }

func (v *Volume) look(ctx context.Context, id ulid.ULID, own bool) (seen, error) {
	m, _, err := block.FetchMeta(ctx, v.Bucket, id)
	switch {
	case errors.Is(err, block.ErrBroken):
		return seen{why: err.Error()}, nil
	case err != nil:
		return seen{}, fmt.Errorf("reading what block %s is: %w", id, err)
	case m.Thanos == nil:
		return seen{why: "its meta.json has no section of Thanos"}, nil
	case !own && !v.ours(&m):
		return seen{}, nil
	}
	return seen{meta: &m}, nil
}

// lacks says what a block in the bucket lacks to be as its meta.json says, and as on the volume, or nothing.
func (v *Volume) lacks(l local, there files) string {
	if _, found := there.size(block.MetaFile); !found {
		return "it has no meta.json"
	}
	s := v.seen[l.id]
	switch {
	case s.meta == nil && s.why == "":
		return "its meta.json is gone"
	case s.meta == nil:
		return s.why
	case len(l.files)+len(s.meta.Thanos.Files) == 0:
		return "nothing tells its files"
	}
	return cmp.Or(there.lacks(l.files), there.lacks(s.meta.Thanos.Files))
}

// covered says by what other block the samples of one are in the bucket, or nothing.
func (r *remote) covered(l local) string {
	there := map[ulid.ULID]ulid.ULID{}
	for id, m := range r.known {
		if id == l.id {
			continue
		}
		if same(m, l.meta) {
			return fmt.Sprintf("the same samples are there as block %s", id)
		}
		for _, source := range m.Compaction.Sources {
			there[source] = id
		}
	}
	var by string
	for _, source := range l.meta.Compaction.Sources {
		id, found := there[source]
		if !found {
			return ""
		}
		by = fmt.Sprintf("its samples are there in block %s", id)
	}
	return by
}

// same blocks of one Prometheus have the same range and numbers.
func same(m *block.Meta, l block.Meta) bool {
	return m.MinTime == l.MinTime && m.MaxTime == l.MaxTime && m.Thanos.Downsample.Resolution == block.Raw &&
		m.Stats.NumSamples == l.Stats.NumSamples && m.Stats.NumSeries == l.Stats.NumSeries
}

// overlaps are blocks of the same time that have no source in common with one.
func (r *remote) overlaps(l local) []ulid.ULID {
	var ids []ulid.ULID
	for id, m := range r.known {
		if id == l.id || m.MinTime >= l.meta.MaxTime || m.MaxTime <= l.meta.MinTime || m.Thanos.Downsample.Resolution != block.Raw {
			continue
		}
		common := slices.ContainsFunc(l.meta.Compaction.Sources, func(source ulid.ULID) bool {
			return slices.Contains(m.Compaction.Sources, source)
		})
		if !common {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, ulid.ULID.Compare)
	return ids
}
