package audit_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/block/blocktest"
	"github.com/watchbill/watchbill/stores/storetest"
)

const hour, day = int64(time.Hour / time.Millisecond), 24 * int64(time.Hour/time.Millisecond)

var (
	start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	t0    = start.UnixMilli()
	prod  = map[string]string{"environment": "prod", "replica": "prometheus-0"}
)

func id(n int) ulid.ULID { return blocktest.ID(start, n) }

// counted counts the operations of a bucket.
type counted struct {
	stores.Bucket
	mu    sync.Mutex
	count map[string]int
}

func count(b stores.Bucket) *counted { return &counted{Bucket: b, count: map[string]int{}} }

func (c *counted) did(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[what]++
}

func (c *counted) List(ctx context.Context, prefix string) iter.Seq2[stores.Object, error] {
	c.did("list")
	return c.Bucket.List(ctx, prefix)
}

func (c *counted) Get(ctx context.Context, key string) (io.ReadCloser, stores.Object, error) {
	c.did("get")
	return c.Bucket.Get(ctx, key)
}

func (c *counted) Put(ctx context.Context, key string, body io.ReaderAt, size int64, when stores.Condition) (stores.Object, error) {
	c.did("put")
	return c.Bucket.Put(ctx, key, body, size, when)
}

func (c *counted) Delete(ctx context.Context, key string) error {
	c.did("delete")
	return c.Bucket.Delete(ctx, key)
}

func put(t *testing.T, b stores.Bucket, m block.Meta) {
	t.Helper()
	if err := blocktest.Put(t.Context(), b, m); err != nil {
		t.Fatal(err)
	}
}

func mark(t *testing.T, b stores.Bucket, folder ulid.ULID, m block.DeletionMark) {
	t.Helper()
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	storetest.Put(t, b, block.Key(folder, block.DeletionMarkFile), string(data))
}

func remove(t *testing.T, b stores.Bucket, n int, file string) {
	t.Helper()
	if err := b.Delete(t.Context(), block.Key(id(n), file)); err != nil {
		t.Fatal(err)
	}
}

// every is a bucket with a block of every kind that there is.
func every(t *testing.T) *storetest.Memory {
	b := storetest.NewMemory()
	b.Now = func() time.Time { return start }
	for n := 1; n <= 12; n++ {
		put(t, b, blocktest.Meta(id(n), prod, block.Raw, t0, t0+2*hour, 1000))
	}
	remove(t, b, 2, block.MetaFile)
	remove(t, b, 3, block.IndexFile)
	storetest.Put(t, b, block.Key(id(4), "chunks/000001"), "short")
	storetest.Put(t, b, block.Key(id(5), block.MetaFile), `{"version":3}`)
	storetest.Put(t, b, block.Key(id(6), block.MetaFile), strings.Replace(mustGet(t, b, id(1)), id(1).String(), id(7).String(), 1))
	mark(t, b, id(7), block.DeletionMark{ID: id(7), Details: "old", DeletionTime: start.Unix() - 60})
	mark(t, b, id(8), block.DeletionMark{ID: id(7), DeletionTime: start.Unix() - 60})
	storetest.Put(t, b, block.Key(id(9), block.NoCompactMarkFile), "{}")
	storetest.Put(t, b, block.Key(id(9), block.NoDownsampleMarkFile), "{}")
	storetest.Put(t, b, block.Key(id(10), block.MetaFile),
		`{"ulid":"`+id(10).String()+`","minTime":0,"maxTime":1,"compaction":{"level":1},"version":1}`)
	storetest.Put(t, b, block.Key(id(11), block.MetaFile), strings.Repeat(" ", block.MaxMetaSize+1))
	remove(t, b, 12, block.MetaFile)
	mark(t, b, id(12), block.DeletionMark{ID: id(12), DeletionTime: start.Unix() - 60})
	storetest.Put(t, b, "debug/metas/"+id(1).String()+".json", "{}")
	storetest.Put(t, b, "watchbill/lock.json", "{}")
	return b
}

func mustGet(t *testing.T, b stores.Bucket, id ulid.ULID) string {
	text, _ := storetest.Get(t, b, block.Key(id, block.MetaFile))
	return text
}

// said is what the inventory says of a block, in a line.
func said(b audit.Block) string {
	var parts []string
	parts = append(parts, string(b.State), b.Why)
	if b.Described {
		parts = append(parts, "described")
	}
	if b.Mark != nil {
		parts = append(parts, "marked "+b.Mark.Problem)
	}
	if b.NoCompact {
		parts = append(parts, "no compact")
	}
	if b.NoDownsample {
		parts = append(parts, "no downsample")
	}
	return strings.Join(parts, "|")
}

func TestRun(t *testing.T) {
	bucket := count(every(t))
	inv, err := audit.Run(t.Context(), bucket, audit.Options{Now: start})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"whole||described",
		"partial|it has no meta.json",
		"partial|index is missing|described",
		"partial|chunks/000001 has 5 bytes of 750|described",
		"broken|meta.json is not as it should be: version 3, where 1 is known",
		"broken|meta.json is not as it should be: it says that it is of block " + id(7).String() + ", and lies in the folder of " + id(6).String(),
		"whole||described|marked ",
		"whole||described|marked deletion-mark.json is not as it should be: it says that it is of block " + id(7).String() +
			", and lies in the folder of " + id(8).String(),
		"whole||described|no compact|no downsample",
		"broken|meta.json has no part of Thanos's, so that the labels are not known",
		"broken|meta.json is larger than 8388608 bytes",
		"partial|it has no meta.json|marked ",
	}
	var got []string
	for _, b := range inv.Blocks {
		got = append(got, said(b))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"list": 1, "get": 9 + 3}, bucket.count); diff != "" {
		t.Errorf("nine descriptions and three marks had to be read, -want +got:\n%s", diff)
	}
	var bytes int64
	for _, b := range inv.Blocks {
		bytes += b.Bytes
	}
	if inv.Foreign != 2 || inv.ForeignBytes != 4 || inv.Bytes != bytes+4 || inv.Objects != len(storetest.Keys(t, bucket, "")) {
		t.Errorf("%d objects with %d bytes, %d of them foreign with %d", inv.Objects, inv.Bytes, inv.Foreign, inv.ForeignBytes)
	}
	one := inv.Blocks[0]
	if !labels.Equal(one.Labels, labels.FromMap(prod)) || one.MinTime != t0 || one.MaxTime != t0+2*hour || one.Level != 1 ||
		cmp.Diff([]ulid.ULID{id(1)}, one.Sources) != "" || !one.Written.Equal(start) || one.MetaETag == "" {
		t.Errorf("%+v", one)
	}
	if m := inv.Blocks[6].Mark; m.Details != "old" || !m.Time.Equal(start.Add(-time.Minute)) || !m.Modified.Equal(start) {
		t.Errorf("%+v", m)
	}
}

func run(t *testing.T, b stores.Bucket, cache string) (*audit.Inventory, map[string]int) {
	t.Helper()
	c := count(b)
	inv, err := audit.Run(t.Context(), c, audit.Options{Cache: cache, Now: start})
	if err != nil {
		t.Fatal(err)
	}
	inv.Fetched = 0
	return inv, c.count
}

var sameLabels = cmp.Comparer(labels.Equal)

func TestAgainIsAListingAlone(t *testing.T) {
	bucket, cache := every(t), filepath.Join(t.TempDir(), "deep", "cache")
	cold, _ := run(t, bucket, cache)
	before, err := os.Stat(cache)
	if err != nil {
		t.Fatal(err)
	}
	warm, did := run(t, bucket, cache)
	if diff := cmp.Diff(map[string]int{"list": 1}, did); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(cold, warm, sameLabels); diff != "" {
		t.Errorf("-cold +warm:\n%s", diff)
	}
	if after, err := os.Stat(cache); err != nil || !os.SameFile(before, after) {
		t.Errorf("a cache that holds the same is written again: %v", err)
	}
}

func TestOnlyWhatIsNewIsRead(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	for name, c := range map[string]struct {
		change func(*storetest.Memory)
		gets   int
	}{
		"a new block": {func(b *storetest.Memory) { put(t, b, blocktest.Meta(id(20), prod, block.Raw, t0, t0+1, 8)) }, 1},
		"a new mark": {func(b *storetest.Memory) {
			mark(t, b, id(1), block.DeletionMark{ID: id(1), DeletionTime: 1})
		}, 1},
		"a mark with another time": {func(b *storetest.Memory) {
			mark(t, b, id(7), block.DeletionMark{ID: id(7), DeletionTime: 2})
		}, 1},
		"a mark taken back":          {func(b *storetest.Memory) { remove(t, b, 7, block.DeletionMarkFile) }, 0},
		"a file that is now missing": {func(b *storetest.Memory) { remove(t, b, 1, block.IndexFile) }, 0},
		"a file that is now there": {func(b *storetest.Memory) {
			storetest.Put(t, b, block.Key(id(3), block.IndexFile), strings.Repeat("x", 250))
		}, 0},
		"another meta.json": {func(b *storetest.Memory) {
			put(t, b, blocktest.Meta(id(1), map[string]string{"a": "b"}, block.Raw, t0, t0+3*hour, 1000))
		}, 1},
		"meta.json gone": {func(b *storetest.Memory) { remove(t, b, 1, block.MetaFile) }, 0},
		"a block gone": {func(b *storetest.Memory) {
			for _, f := range []string{block.MetaFile, block.IndexFile, "chunks/000001"} {
				remove(t, b, 1, f)
			}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := every(t)
			run(t, bucket, cache)
			c.change(bucket)
			got, did := run(t, bucket, cache)
			if did["get"] != c.gets {
				t.Errorf("read %d objects, want %d", did["get"], c.gets)
			}
			want, _ := run(t, bucket, "")
			if diff := cmp.Diff(want, got, sameLabels); diff != "" {
				t.Errorf("-without the cache +with it:\n%s", diff)
			}
			if _, did := run(t, bucket, cache); did["get"] != 0 {
				t.Errorf("read %d objects again", did["get"])
			}
		})
	}
}

func TestUnusableCache(t *testing.T) {
	bucket, dir := every(t), t.TempDir()
	want, all := run(t, bucket, "")
	good := filepath.Join(dir, "good")
	run(t, bucket, good)
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), data...)
	flipped[len(flipped)/2] ^= 1
	for name, text := range map[string][]byte{
		"empty": {}, "short": data[:20], "cut": data[:len(data)-1], "longer": append(append([]byte(nil), data...), 0),
		"changed": flipped, "else": []byte(strings.Repeat("no cache ", 100)),
	} {
		t.Run(name, func(t *testing.T) {
			cache := filepath.Join(t.TempDir(), "cache")
			if err := os.WriteFile(cache, text, 0o600); err != nil {
				t.Fatal(err)
			}
			got, did := run(t, bucket, cache)
			if diff := cmp.Diff(want, got, sameLabels); diff != "" || did["get"] != all["get"] {
				t.Errorf("read %d objects, -want +got:\n%s", did["get"], diff)
			}
			if _, did := run(t, bucket, cache); did["get"] != 0 {
				t.Errorf("the cache was not made anew: %d objects read", did["get"])
			}
			left, err := os.ReadDir(filepath.Dir(cache))
			if err != nil || len(left) != 1 {
				t.Errorf("left lying about: %v, %v", left, err)
			}
		})
	}
	t.Run("of another bucket", func(t *testing.T) {
		if _, did := run(t, renamed{bucket}, good); did["get"] != all["get"] {
			t.Errorf("read %d objects, want %d", did["get"], all["get"])
		}
	})
}

type renamed struct{ stores.Bucket }

func (renamed) String() string { return "another" }

// A store that fails is an error, whatever fails; what was read before is not
// read again.
func TestFaults(t *testing.T) {
	bucket := every(t)
	want, all := run(t, bucket, "")
	for failing := 1; failing <= all["get"]+1; failing++ {
		cache := filepath.Join(t.TempDir(), "cache")
		var mu sync.Mutex
		n, went := 0, 0
		bucket.Fault = func(operation, _ string) error {
			mu.Lock()
			defer mu.Unlock()
			if n++; n >= failing {
				return errors.New("the line is dead")
			}
			if operation == "get" {
				went++
			}
			return nil
		}
		if inv, err := audit.Run(t.Context(), bucket, audit.Options{Cache: cache, Concurrency: 1}); err == nil {
			t.Fatalf("operation %d failed, and the audit says %+v", failing, inv)
		}
		bucket.Fault = nil
		got, did := run(t, bucket, cache)
		if diff := cmp.Diff(want, got, sameLabels); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		// A block whose mark could not be read is read as a whole the next time.
		if did["get"] > all["get"]-went+1 {
			t.Errorf("%d objects were read before the fault, and %d of %d after", went, did["get"], all["get"])
		}
	}
}

// shuffled lists in an order that no store may list in.
type shuffled struct{ stores.Bucket }

func (s shuffled) List(ctx context.Context, prefix string) iter.Seq2[stores.Object, error] {
	return func(yield func(stores.Object, error) bool) {
		for o, err := range s.Bucket.List(ctx, prefix) {
			if strings.HasSuffix(o.Key, block.MetaFile) {
				o.Key = "0" + o.Key
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

func TestUnsortedListing(t *testing.T) {
	if _, err := audit.Run(t.Context(), shuffled{every(t)}, audit.Options{}); err == nil || !strings.Contains(err.Error(), "not sorted") {
		t.Errorf("%v", err)
	}
}
