package retain_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/block/blocktest"
	"github.com/watchbill/watchbill/stores/retain"
	"github.com/watchbill/watchbill/stores/storetest"
)

var prod = map[string]string{"env": "prod"}

// bed is a bucket in a bubble, where time passes only when all wait.
type bed struct {
	*testing.T
	bucket stores.Bucket
	memory *storetest.Memory
	policy retain.Policy
}

// The bed's blocks, by what is to become of them under its policy.
var (
	young   = blocktest.ID(time.UnixMilli(1), 1)
	late    = blocktest.ID(time.UnixMilli(1), 2) // old, and in no coarser block
	old     = blocktest.ID(time.UnixMilli(1), 3) // old, with a copy
	copied  = blocktest.ID(time.UnixMilli(1), 4)
	joined  = blocktest.ID(time.UnixMilli(1), 5) // marked by compaction
	half    = blocktest.ID(time.UnixMilli(1), 6) // marked, and half deleted
	partial = blocktest.ID(time.UnixMilli(1), 7)
)

func inBed(t *testing.T, f func(b *bed)) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		b := &bed{t, memory, memory, retain.Policy{Default: retain.Ages{Raw: 10 * days}, DeleteDelay: 48 * time.Hour, Downsample: true}}
		at := func(ago int64) int64 { return time.Now().UnixMilli() - ago*day }
		b.put(blocktest.Meta(young, prod, block.Raw, at(2), at(0), 100))
		b.put(blocktest.Meta(late, prod, block.Raw, at(22), at(20), 100))
		b.put(blocktest.Meta(old, prod, block.Raw, at(32), at(30), 100, joined, half))
		b.put(blocktest.Meta(copied, prod, block.FiveMinutes, at(32), at(30), 100, joined, half))
		b.put(blocktest.Meta(joined, prod, block.Raw, at(32), at(31), 100))
		b.put(blocktest.Meta(half, prod, block.Raw, at(31), at(30), 100))
		b.put(blocktest.Meta(partial, prod, block.Raw, at(60), at(58), 100))
		b.mark(joined, "source of compacted block")
		b.mark(half, "source of compacted block")
		b.remove(half, block.MetaFile)
		b.remove(half, "chunks/000001")
		b.remove(partial, block.MetaFile)
		time.Sleep(time.Minute)
		f(b)
	})
}

func (b *bed) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bed) put(m block.Meta) {
	b.Helper()
	b.must(blocktest.Put(b.Context(), b.memory, m))
}

func (b *bed) mark(id ulid.ULID, details string) {
	b.Helper()
	text, err := block.DeletionMark{ID: id, Details: details, DeletionTime: time.Now().Unix()}.Marshal()
	b.must(err)
	b.must(blocktest.PutText(b.Context(), b.memory, block.Key(id, block.DeletionMarkFile), string(text)))
}

func (b *bed) remove(id ulid.ULID, file string) {
	b.Helper()
	b.must(b.memory.Delete(b.Context(), block.Key(id, file)))
}

// files are those of a block that are there.
func (b *bed) files(id ulid.ULID) []string {
	var files []string
	for _, key := range storetest.Keys(b, b.memory, id.String()+"/") {
		_, file, _ := block.Split(key)
		files = append(files, file)
	}
	return files
}

var (
	all    = []string{"chunks/000001", "index", "meta.json"}
	marked = []string{"chunks/000001", "deletion-mark.json", "index", "meta.json"}
)

func (b *bed) want(id ulid.ULID, files []string) {
	b.Helper()
	if diff := cmp.Diff(files, b.files(id)); diff != "" {
		b.Errorf("block %s, -want +got:\n%s", id, diff)
	}
}

func (b *bed) plan() retain.Plan {
	b.Helper()
	inv, err := audit.Run(b.Context(), b.memory, audit.Options{})
	b.must(err)
	p, err := retain.Make(b.policy, inv, time.Now())
	b.must(err)
	return p
}

func (b *bed) apply(p retain.Plan) (retain.Done, error) {
	return retain.Apply(b.Context(), b.bucket, p, nil)
}

func (b *bed) do(p retain.Plan) retain.Done {
	b.Helper()
	done, err := b.apply(p)
	b.must(err)
	return done
}

func TestApply(t *testing.T) {
	inBed(t, func(b *bed) {
		marking := b.plan()
		time.Sleep(time.Minute) // the mark bears the time at which it is set
		if diff := cmp.Diff(retain.Done{Marked: 1, Notes: []string{}}, b.do(marking)); diff != "" {
			b.Errorf("-want +got:\n%s", diff)
		}
		mark, _ := storetest.Get(b, b.memory, block.Key(old, block.DeletionMarkFile))
		want := `{"id":"` + old.String() + `","version":1,"details":"watchbill retention: older than 10d, by (default)","deletion_time":946684920}`
		if diff := cmp.Diff(want, mark); diff != "" {
			b.Errorf("-want +got:\n%s", diff)
		}
		time.Sleep(48*time.Hour - 2*time.Minute - time.Second)
		if diff := cmp.Diff(retain.Done{Notes: []string{}}, b.do(b.plan())); diff != "" {
			b.Errorf("a second before the delay is over, -want +got:\n%s", diff)
		}
		b.want(joined, marked)
		time.Sleep(time.Second)
		due := b.plan()
		if diff := cmp.Diff(retain.Done{Deleted: 2, DeletedBytes: due.Sum(retain.Delete).Bytes, Notes: []string{}}, b.do(due)); diff != "" {
			b.Errorf("-want +got:\n%s", diff)
		}
		b.want(joined, nil)
		b.want(half, nil)
		b.want(old, marked)
		time.Sleep(2 * time.Minute)
		if d := b.do(b.plan()); d.Deleted != 1 {
			b.Errorf("%+v", d)
		}
		b.want(old, nil)
		for _, id := range []ulid.ULID{young, late, copied} {
			b.want(id, all)
		}
		b.want(partial, []string{"chunks/000001", "index"})
	})
}

func TestUnmark(t *testing.T) {
	inBed(t, func(b *bed) {
		b.do(b.plan())
		b.want(old, marked)
		b.policy.Default.Raw = 365 * days
		time.Sleep(49 * time.Hour)
		if d := b.do(b.plan()); d.Unmarked != 1 || d.Deleted != 2 {
			b.Errorf("%+v", d)
		}
		b.want(old, all)
	})
}

// The copies went away after the block was marked: the mark is taken back.
func TestUnmarkTheOnlyCopy(t *testing.T) {
	inBed(t, func(b *bed) {
		b.do(b.plan())
		for _, f := range all {
			b.remove(copied, f)
		}
		time.Sleep(49 * time.Hour)
		if d := b.do(b.plan()); d.Unmarked != 1 {
			b.Errorf("%+v", d)
		}
		b.want(old, all)
	})
}

// What changes between the listing and the deed.
func TestMeanwhile(t *testing.T) {
	mine := func(b *bed) retain.Plan { // old's mark is due
		b.do(b.plan())
		time.Sleep(49 * time.Hour)
		return b.plan()
	}
	fresh := func(b *bed) retain.Plan { return b.plan() }
	drop := func(id ulid.ULID, files ...string) func(*bed) {
		return func(b *bed) {
			for _, f := range files {
				b.remove(id, f)
			}
		}
	}
	for name, c := range map[string]struct {
		plan   func(*bed) retain.Plan
		change func(*bed)
		block  ulid.ULID
		want   []string
		note   string
	}{
		"marked":          {fresh, func(b *bed) { b.mark(old, "by hand") }, old, marked, "it is marked meanwhile"},
		"gone":            {fresh, drop(old, all...), old, nil, "it is gone meanwhile"},
		"not whole":       {fresh, drop(old, "index"), old, []string{"chunks/000001", "meta.json"}, "it is not whole meanwhile: index is missing"},
		"another":         {fresh, func(b *bed) { b.put(blocktest.Meta(old, prod, block.Raw, 1, 2, 100)) }, old, all, "its meta.json is another one meanwhile"},
		"its copy marked": {fresh, func(b *bed) { b.mark(copied, "by hand") }, old, all, "block " + copied.String() + ", which holds the same, is not as it was"},
		"its copy gone":   {fresh, drop(copied, all...), old, all, "block " + copied.String() + ", which holds the same, is not as it was"},
		"its copy cut":    {fresh, drop(copied, "chunks/000001"), old, all, "block " + copied.String() + ", which holds the same, is not as it was"},
		"unmarked":        {mine, drop(joined, block.DeletionMarkFile), joined, all, "its mark is gone meanwhile"},
		"marked anew":     {mine, func(b *bed) { b.mark(joined, "source of compacted block") }, joined, marked, "its mark is another one meanwhile"},
		"mark broken": {mine, func(b *bed) {
			b.must(blocktest.PutText(b.Context(), b.memory, block.Key(joined, block.DeletionMarkFile), "{}"))
		}, joined, marked, "its mark cannot be read: deletion-mark.json is not as it should be: version 0, where 1 is known"},
		"a due block's copy gone": {mine, drop(copied, all...), old, marked, "block " + copied.String() + ", which holds the same, is not as it was"},
		"the same mark written again": {mine, func(b *bed) {
			text, _ := storetest.Get(b, b.memory, block.Key(joined, block.DeletionMarkFile))
			b.must(blocktest.PutText(b.Context(), b.memory, block.Key(joined, block.DeletionMarkFile), text))
		}, joined, marked, "its mark is younger than 2d"},
	} {
		t.Run(name, func(t *testing.T) {
			inBed(t, func(b *bed) {
				plan := c.plan(b)
				c.change(b)
				done := b.do(plan)
				b.want(c.block, c.want)
				if want := "block " + c.block.String() + ": " + c.note; !slices.Contains(done.Notes, want) || done.Skipped != len(done.Notes) {
					b.Errorf("%+v\nwant the note %s", done, want)
				}
			})
		})
	}
}

func TestFence(t *testing.T) {
	inBed(t, func(b *bed) {
		before := storetest.List(b, b.memory, "")
		time.Sleep(49 * time.Hour)
		lost := errors.New("the lock is lost")
		done, err := retain.Apply(b.Context(), b.memory, b.plan(), func(context.Context) error { return lost })
		if !errors.Is(err, lost) || done.Marked+done.Deleted+done.Unmarked != 0 {
			b.Errorf("%+v, %v", done, err)
		}
		if diff := cmp.Diff(before, storetest.List(b, b.memory, "")); diff != "" {
			b.Errorf("something was written, -before +after:\n%s", diff)
		}
	})
}

func TestPlanOfNobody(t *testing.T) {
	if _, err := retain.Apply(t.Context(), storetest.NewMemory(), retain.Plan{}, nil); err == nil {
		t.Error("a plan that was not made here is applied")
	}
}

func TestNoRightToDelete(t *testing.T) {
	inBed(t, func(b *bed) {
		time.Sleep(49 * time.Hour)
		b.memory.Fault = func(operation, _ string) error {
			if operation == "delete" {
				return stores.ErrDenied
			}
			return nil
		}
		plan := b.plan()
		if _, err := b.apply(plan); !errors.Is(err, stores.ErrDenied) {
			b.Errorf("%v", err)
		}
		b.want(joined, marked)
	})
}

// flaky is a bucket one of whose operations fails, or all from one on.
type flaky struct {
	stores.Bucket
	mu        sync.Mutex
	n, at     int
	forever   bool
	afterward bool // the operation is done, and its answer lost
}

var errLine = errors.New("the line is dead")

func (f *flaky) fails() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	return f.n == f.at || f.forever && f.n > f.at
}

func (f *flaky) List(ctx context.Context, prefix string) iter.Seq2[stores.Object, error] {
	return func(yield func(stores.Object, error) bool) {
		fails := f.fails()
		n := 0
		for o, err := range f.Bucket.List(ctx, prefix) {
			if fails && (!f.afterward || n > 1) {
				yield(stores.Object{}, errLine)
				return
			}
			if n++; !yield(o, err) {
				return
			}
		}
		if fails {
			yield(stores.Object{}, errLine)
		}
	}
}

func (f *flaky) Get(ctx context.Context, key string) (io.ReadCloser, stores.Object, error) {
	if f.fails() {
		return nil, stores.Object{}, errLine
	}
	return f.Bucket.Get(ctx, key)
}

func (f *flaky) Put(ctx context.Context, key string, body io.ReaderAt, size int64, when stores.Condition) (stores.Object, error) {
	fails := f.fails()
	if fails && !f.afterward {
		return stores.Object{}, errLine
	}
	o, err := f.Bucket.Put(ctx, key, body, size, when)
	if fails {
		return stores.Object{}, errLine
	}
	return o, err
}

func (f *flaky) Delete(ctx context.Context, key string) error {
	fails := f.fails()
	if fails && !f.afterward {
		return errLine
	}
	err := f.Bucket.Delete(ctx, key)
	if fails {
		return errLine
	}
	return err
}

// Whatever operation fails, what is to stay is whole, and runs without faults
// end where they would have ended anyway.
func TestFaultsAnywhere(t *testing.T) {
	for name, kind := range map[string]struct{ afterward, forever bool }{
		"one is refused": {}, "one answer is lost": {afterward: true}, "all from one on": {forever: true},
	} {
		t.Run(name, func(t *testing.T) {
			most := 0
			for at := 1; at <= max(most, 30); at++ {
				inBed(t, func(b *bed) {
					time.Sleep(49 * time.Hour) // what compaction marked is due
					f := &flaky{Bucket: b.memory, at: at, forever: kind.forever, afterward: kind.afterward}
					b.bucket = f
					_, err := b.apply(b.plan())
					if f.n >= at && err == nil {
						b.Errorf("operation %d failed, and nobody says so", at)
					}
					most = max(most, f.n)
					stays(b, at)
					b.bucket = b.memory
					b.do(b.plan())
					time.Sleep(49 * time.Hour)
					b.do(b.plan())
					stays(b, at)
					for _, id := range []ulid.ULID{old, joined, half} {
						b.want(id, nil)
					}
					if d := b.do(b.plan()); d.Marked+d.Deleted+d.Skipped > 0 {
						b.Errorf("there is more to do in the end: %+v", d)
					}
				})
			}
			if most < 15 {
				t.Errorf("only %d operations were there to fail", most)
			}
		})
	}
}

func stays(b *bed, at int) {
	b.Helper()
	for _, id := range []ulid.ULID{young, late, copied} {
		if diff := cmp.Diff(all, b.files(id)); diff != "" {
			b.Errorf("after operation %d failed, -want +got:\n%s", at, diff)
		}
	}
}

// hidden lists nothing of what it hides, as a stale listing does.
type hidden struct {
	stores.Bucket
	what string
}

func (h hidden) List(ctx context.Context, prefix string) iter.Seq2[stores.Object, error] {
	return func(yield func(stores.Object, error) bool) {
		for o, err := range h.Bucket.List(ctx, prefix) {
			if !strings.HasSuffix(o.Key, h.what) && !yield(o, err) {
				return
			}
		}
	}
}

// A listing that misses files leaves none behind without a mark.
func TestStaleListOfAFolder(t *testing.T) {
	for _, what := range all {
		t.Run(what, func(t *testing.T) {
			inBed(t, func(b *bed) {
				time.Sleep(49 * time.Hour)
				plan := b.plan()
				b.bucket = hidden{b.memory, what}
				b.do(plan)
				b.want(joined, nil)
				stays(b, 0)
			})
		})
	}
}
