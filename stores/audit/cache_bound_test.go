package audit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/storetest"
)

func someEntry(s *shared, sources int) entry {
	ids := make([]ulid.ULID, sources)
	for i := range ids {
		ids[i] = ulid.Make()
	}
	return entry{meta: &description{
		at: version{etag: "x"}, labels: s.set(labels.FromStrings("a", "b")), sources: s.list(ids),
		files: []block.File{{Path: "chunks/000001", Size: 1}, {Path: "index", Size: 1}},
	}}
}

func TestCacheIsBounded(t *testing.T) {
	for name, c := range map[string]struct{ entries, bytes, want int }{
		"neither": {100, 1 << 20, 50}, "entries": {10, 1 << 20, 10}, "bytes": {100, 10_000, 5},
	} {
		t.Run(name, func(t *testing.T) {
			path, s := filepath.Join(t.TempDir(), "cache"), newShared()
			cache := openCache(path, "bucket", s)
			cache.maxEntries, cache.maxBytes = c.entries, c.bytes
			for range 50 {
				cache.keep(ulid.Make(), someEntry(s, 84))
			}
			if err := cache.save(true); err != nil {
				t.Fatal(err)
			}
			if got := len(openCache(path, "bucket", newShared()).entries); got != c.want {
				t.Errorf("%d entries are kept, want %d", got, c.want)
			}
		})
	}
}

// The estimate of what an entry takes is not below what it takes on disk.
func TestCost(t *testing.T) {
	path, s := filepath.Join(t.TempDir(), "cache"), newShared()
	cache := openCache(path, "bucket", s)
	for range 1000 {
		cache.keep(ulid.Make(), someEntry(s, 84))
	}
	if err := cache.save(true); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > int64(cache.cost) {
		t.Errorf("%d bytes on disk, where %d are counted: %v", info.Size(), cache.cost, err)
	}
}

// Blocks that name too many sources in all have none that are known.
func TestSourcesAreBounded(t *testing.T) {
	s := newShared()
	s.left = 100
	var known int
	for range 10 {
		if e := someEntry(s, 30); len(e.meta.sources) > 0 {
			known++
		}
	}
	if known != 3 {
		t.Errorf("the sources of %d blocks are held, want 3", known)
	}
	again := []ulid.ULID{{1}, {2}}
	s.left = 2
	one, other := s.list(again), s.list([]ulid.ULID{{1}, {2}})
	if len(one) != 2 || len(other) != 2 || &one[0] != &other[0] {
		t.Errorf("equal lists are not shared: %v, %v", one, other)
	}
}

// A disk that cannot be written to does not keep anybody from an audit.
func TestCacheThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bucket := storetest.NewMemory()
	storetest.Put(t, bucket, block.Key(ulid.MustNew(1, nil), block.MetaFile), "{}")
	inv, err := Run(t.Context(), bucket, Options{Cache: filepath.Join(file, "cache"), Now: time.Unix(0, 0)})
	if err != nil || len(inv.Blocks) != 1 || inv.CacheErr == nil {
		t.Errorf("%+v, %v", inv, err)
	}
	bucket.Fault = func(string, string) error { return errors.New("away") }
	if _, err := Run(t.Context(), bucket, Options{}); err == nil {
		t.Error("a store that is away is no error")
	}
}
