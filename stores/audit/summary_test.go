package audit_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/block/blocktest"
	"github.com/watchbill/watchbill/stores/storetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// bucketOf holds blocks that were written a day after they end.
func bucketOf(t *testing.T, blocks ...block.Meta) *storetest.Memory {
	b := storetest.NewMemory()
	for _, m := range blocks {
		b.Now = func() time.Time { return time.UnixMilli(m.MaxTime).UTC().Add(time.Hour) }
		put(t, b, m)
	}
	b.Now = func() time.Time { return start }
	return b
}

func summarize(t *testing.T, b stores.Bucket) audit.Summary {
	t.Helper()
	inv, err := audit.Run(t.Context(), b, audit.Options{Now: start.Add(30 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	return audit.Summarize(inv, "environment")
}

// A bucket with something of all that there is to be seen.
func TestSummary(t *testing.T) {
	dev := map[string]string{"environment": "dev", "replica": "prometheus-0"}
	sources := []ulid.ULID{id(101), id(102)}
	b := bucketOf(t,
		blocktest.Meta(id(1), prod, block.Raw, t0-3*day, t0-2*day, 4000),
		blocktest.Meta(id(2), prod, block.Raw, t0-2*day+3000, t0-day, 4000),         // a seam
		blocktest.Meta(id(3), prod, block.Raw, t0-day+6*hour, t0-2*hour, 4000),      // a gap before
		blocktest.Meta(id(4), prod, block.Raw, t0-4*hour, t0, 4000),                 // an overlap
		blocktest.Meta(id(5), prod, block.FiveMinutes, t0-3*day, t0-day, 700_000),   // marked
		blocktest.Meta(id(6), prod, block.FiveMinutes, t0-3*day, t0-day, 3_000_000), // in its place
		blocktest.Meta(id(101), dev, block.Raw, t0-16*hour, t0-12*hour, 100),
		blocktest.Meta(id(102), dev, block.Raw, t0-12*hour, t0-8*hour, 100),
		blocktest.Meta(id(103), dev, block.Raw, t0-16*hour, t0-8*hour, 200, sources...),
		blocktest.Meta(id(104), dev, block.Raw, t0-8*hour, t0, 200),
		blocktest.Meta(id(105), dev, block.Raw, t0-8*hour, t0, 200),
		blocktest.Meta(id(106), nil, block.OneHour, t0-30*day, t0-day, 200),
	)
	mark(t, b, id(5), block.DeletionMark{ID: id(5), DeletionTime: start.Unix()})
	storetest.Put(t, b, block.Key(id(103), block.NoCompactMarkFile), "{}")
	remove(t, b, 105, block.IndexFile)
	storetest.Put(t, b, block.Key(id(200), block.IndexFile), "an upload that began just now")
	storetest.Put(t, b, block.Key(id(201), block.MetaFile), "{}")
	storetest.Put(t, b, "debug/metas/x.json", "{}")
	s := summarize(t, b)
	var table bytes.Buffer
	if err := s.Table(&table); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.txt", table.Bytes())
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.json", append(text, '\n'))
}

func TestSummaryOfNothing(t *testing.T) {
	s := summarize(t, storetest.NewMemory())
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "nothing.json", append(text, '\n'))
}

func TestEstimate(t *testing.T) {
	const window = 20_000 * day // windows of all lengths but the longest begin here
	raw := func(n int, from, to int64) block.Meta {
		return blocktest.Meta(id(n), prod, block.Raw, window+from, window+to, 8)
	}
	downsampled := func(n int, resolution, from, to int64, sources ...ulid.ULID) block.Meta {
		return blocktest.Meta(id(n), prod, resolution, window+from, window+to, 8, sources...)
	}
	for name, c := range map[string]struct {
		blocks []block.Meta
		marked []int // not to be compacted
		want   audit.Backlog
	}{
		"nothing": {},
		"two of two hours, and the window goes on": {
			[]block.Meta{raw(1, 0, 2*hour), raw(2, 2*hour, 4*hour), raw(3, 4*hour, 6*hour)}, nil, audit.Backlog{}},
		"a full window, and a newer block": {
			[]block.Meta{raw(1, 0, 2*hour), raw(2, 2*hour, 4*hour), raw(3, 4*hour, 6*hour), raw(4, 6*hour, 8*hour), raw(5, 8*hour, 10*hour)}, nil,
			audit.Backlog{Joins: 1, JoinBlocks: 4}},
		"the newest is left alone": {
			[]block.Meta{raw(1, 0, 2*hour), raw(2, 2*hour, 4*hour), raw(3, 4*hour, 6*hour), raw(4, 6*hour, 8*hour)}, nil, audit.Backlog{}},
		"a window with a gap that is over": {
			[]block.Meta{raw(1, 0, 2*hour), raw(2, 4*hour, 6*hour), raw(3, 20*hour, 22*hour), raw(4, 22*hour, 24*hour)}, nil, audit.Backlog{Joins: 1, JoinBlocks: 2}},
		"one that is not to be compacted splits": {
			[]block.Meta{raw(1, 0, 2*hour), raw(2, 2*hour, 4*hour), raw(3, 4*hour, 6*hour), raw(4, 6*hour, 8*hour), raw(5, 8*hour, 10*hour)}, []int{2},
			audit.Backlog{Joins: 1, JoinBlocks: 2}},
		"39 hours are not downsampled": {[]block.Meta{raw(1, 0, 39*hour)}, nil, audit.Backlog{}},
		"40 hours are":                 {[]block.Meta{raw(1, 0, 40*hour)}, nil, audit.Backlog{Downsamplings: 1}},
		"and then they have been":      {[]block.Meta{raw(1, 0, 40*hour), downsampled(2, block.FiveMinutes, 0, 40*hour, id(1))}, nil, audit.Backlog{}},
		"of something else": {[]block.Meta{raw(1, 0, 40*hour), downsampled(2, block.FiveMinutes, 0, 40*hour, id(7))}, nil,
			audit.Backlog{Downsamplings: 1}},
		"5m of ten days": {[]block.Meta{downsampled(2, block.FiveMinutes, 0, 10*day, id(7))}, nil, audit.Backlog{Downsamplings: 1}},
		"5m of nine":     {[]block.Meta{downsampled(2, block.FiveMinutes, 0, 9*day, id(7))}, nil, audit.Backlog{}},
		"a join's sources are left": {
			[]block.Meta{raw(1, 0, 2*hour), raw(2, 2*hour, 4*hour), downsampled(3, block.Raw, 0, 4*hour, id(1), id(2)), raw(4, 10*hour, 12*hour)}, nil,
			audit.Backlog{Superseded: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			b := bucketOf(t, c.blocks...)
			for _, n := range c.marked {
				storetest.Put(t, b, block.Key(id(n), block.NoCompactMarkFile), "{}")
			}
			if diff := cmp.Diff(c.want, summarize(t, b).Backlog); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 5 << 30: "5.0 GiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := audit.Size(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestLook(t *testing.T) {
	bucket := every(t)
	inv, err := audit.Run(t.Context(), bucket, audit.Options{Now: start})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range inv.Blocks {
		got, err := audit.Look(t.Context(), bucket, want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.State != want.State || got.MetaETag != want.MetaETag || got.Described != want.Described || got.Bytes != want.Bytes || (got.Mark == nil) != (want.Mark == nil) {
			t.Errorf("block %s\nlooked at %s\nlisted as %s", want.ID, said(got), said(want))
		}
	}
}
