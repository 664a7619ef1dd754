// Package audit says what is in a bucket of blocks. [Run] lists it once and
// reads meta.json and the deletion mark of each block that it has not read
// before, into an [Inventory]; everything else is computed from that, without
// the bucket: [Summarize] for people, [Estimate] for the work that compaction
// still has, and the plans of package retain.
//
// A block is whole if every file that its meta.json names is there with its
// size, which a listing tells. It is partial if not, as while it is uploaded or
// deleted, and broken if its meta.json makes no sense. Nothing here changes the
// bucket.
package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"

	"github.com/watchbill/watchbill/stores"
)

// State is whether a block can be read.
type State string

// The states of a block.
const (
	Whole   State = "whole"
	Partial State = "partial" // without meta.json, or without some file that it names
	Broken  State = "broken"  // with a meta.json that makes no sense
)

// Block is one block's folder in a bucket.
type Block struct {
	ID      ulid.ULID
	State   State
	Why     string // it is not whole
	Bytes   int64  // of all objects in the folder
	Objects int
	// Written is when meta.json was, or the newest object where there is none.
	Written time.Time
	// Mark is nil if the block is not marked for deletion.
	Mark                    *Mark
	NoCompact, NoDownsample bool

	// Described blocks have a meta.json that could be read, and what it says is here.
	Described        bool
	Labels           labels.Labels // the external labels
	MinTime, MaxTime int64         // Unix milliseconds
	Resolution       int64         // milliseconds
	Level            int
	Failed           bool        // to be compacted
	Source           string      // the component that made it
	Sources          []ulid.ULID // sorted and shared; none if the bucket's blocks name too many in all
	// MetaETag is of the meta.json that was read.
	MetaETag string
}

// Serves says that queries read the block: it is whole and not marked for deletion.
func (b *Block) Serves() bool { return b.State == Whole && b.Mark == nil }

// Mark is a block's mark for deletion.
type Mark struct {
	Time     time.Time // as it says
	Details  string
	Modified time.Time // as the store says
	ETag     string
	Problem  string // why it cannot be understood
}

// Inventory is what was in a bucket.
type Inventory struct {
	Bucket string
	Taken  time.Time
	Blocks []Block // sorted by ID
	// Objects and Bytes are of the whole bucket, Foreign those of them that lie in no block's folder.
	Objects, Foreign    int
	Bytes, ForeignBytes int64
	// Fetched is how many objects had to be read: none if nothing is new.
	Fetched int
	// CacheErr is why what was read could not be remembered; the inventory is good all the same.
	CacheErr error
}

// Options of [Run]; the zero value serves.
type Options struct {
	// Cache is a file that remembers what was read; without one, everything is read each time.
	Cache string
	// Concurrency is how many objects are read at once: 16 if it is 0.
	Concurrency int
	// Now is when: the time of the call if it is zero.
	Now time.Time
}

// Run takes the inventory of a bucket. An error means that the bucket could not
// be read, never that something in it is wrong. What has been read by then is
// remembered, so that the next run goes on from there.
func Run(ctx context.Context, bucket stores.Bucket, o Options) (*Inventory, error) {
	if o.Concurrency <= 0 {
		o.Concurrency = 16
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	r := run{
		bucket: bucket,
		shared: newShared(),
		inv:    &Inventory{Bucket: bucket.String(), Taken: o.Now},
	}
	r.cache = openCache(o.Cache, r.inv.Bucket, r.shared)
	err := r.all(ctx, o.Concurrency)
	if unsaved := r.cache.save(err == nil); unsaved != nil {
		r.inv.CacheErr = fmt.Errorf("keep what was read of the bucket: %w", unsaved)
	}
	if err != nil {
		return nil, fmt.Errorf("audit %s: %w", r.inv.Bucket, errors.Join(err, r.inv.CacheErr))
	}
	slices.SortFunc(r.inv.Blocks, func(a, b Block) int { return compareID(a.ID, b.ID) })
	return r.inv, nil
}

// run is the state of one Run.
type run struct {
	bucket stores.Bucket
	shared *shared

	mu    sync.Mutex // guards what is below, and shared
	cache *cache
	inv   *Inventory
}

// all lists the bucket and takes in each folder as it comes: those that need
// nothing to be read at once, the others beside the listing.
func (r *run) all(ctx context.Context, concurrency int) error {
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(concurrency)
	listed := r.folders(ctx, func(f folder) {
		if b, ok := r.remembered(f); ok {
			r.add(b)
			return
		}
		readers.Go(func() error { return r.read(ctx, f) })
	})
	if err := readers.Wait(); err != nil {
		return err
	}
	return listed
}

func (r *run) add(b Block) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inv.Blocks = append(r.inv.Blocks, b)
}
