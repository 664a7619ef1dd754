// Package blocktest makes blocks for tests and benchmarks: folders as Thanos
// lays them out, whose index and chunks are bytes without a meaning.
package blocktest

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
)

// ID is the ULID of a block that was made at a time, the n-th of its kind.
func ID(at time.Time, n int) ulid.ULID {
	var id ulid.ULID
	if err := id.SetTime(ulid.Timestamp(at)); err != nil {
		panic(err) // a time before 1970: the test is wrong
	}
	for i := range 8 {
		id[15-i] = byte(n >> (8 * i))
	}
	return id
}

// Meta describes a block of one index and one chunk file, with bytes in all.
func Meta(id ulid.ULID, labels map[string]string, resolution, from, to, bytes int64, sources ...ulid.ULID) block.Meta {
	if len(sources) == 0 {
		sources = []ulid.ULID{id}
	}
	return block.Meta{
		Version: 1, ULID: id, MinTime: from, MaxTime: to,
		Stats:      block.Stats{NumSeries: 1, NumSamples: 1, NumChunks: 1},
		Compaction: block.Compaction{Level: min(len(sources), 4), Sources: sources},
		Thanos: &block.Thanos{
			Version: 1, Labels: labels, Downsample: block.Downsample{Resolution: resolution}, Source: "sidecar",
			Files: []block.File{
				{Path: block.ChunksDir + "/000001", Size: bytes - bytes/4}, {Path: block.IndexFile, Size: bytes / 4}, {Path: block.MetaFile},
			},
		},
	}
}

// Put writes the files that the block's description names, meta.json last.
func Put(ctx context.Context, bucket stores.Bucket, m block.Meta) error {
	for _, f := range m.Thanos.Files {
		if f.Path == block.MetaFile {
			continue
		}
		if _, err := bucket.Put(ctx, block.Key(m.ULID, f.Path), zeros{}, f.Size, stores.Condition{}); err != nil {
			return err
		}
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return PutText(ctx, bucket, block.Key(m.ULID, block.MetaFile), string(data))
}

// PutText writes an object.
func PutText(ctx context.Context, bucket stores.Bucket, key, text string) error {
	_, err := bucket.Put(ctx, key, strings.NewReader(text), int64(len(text)), stores.Condition{})
	return err
}

// zeros is content without an end.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// Fill writes many blocks, several at once.
func Fill(ctx context.Context, bucket stores.Bucket, blocks iter.Seq[block.Meta]) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for m := range blocks {
		g.Go(func() error { return Put(ctx, bucket, m) })
	}
	return g.Wait()
}

// Years is a bucket of n blocks as years of a well kept one have them: of each
// of some Prometheus, two-week blocks of every resolution, older and older, and
// in the newest two weeks blocks of two hours. It is the same each time.
func Years(n int, now time.Time) iter.Seq[block.Meta] {
	const hour, day = int64(time.Hour / time.Millisecond), 24 * int64(time.Hour/time.Millisecond)
	return func(yield func(block.Meta) bool) {
		random := rand.New(rand.NewPCG(1, 2))
		newest := now.UnixMilli() / (14 * day) * (14 * day)
		made := 0
		give := func(labels map[string]string, resolution, from, to int64, sources ...ulid.ULID) bool {
			id := ID(time.UnixMilli(to), made)
			made++
			return yield(Meta(id, labels, resolution, from, to, 400+random.Int64N(400), sources...)) && made < n
		}
		for replica := 0; made < n; replica++ {
			labels := map[string]string{"environment": []string{"prod", "staging", "dev"}[replica%3], "replica": fmt.Sprintf("prometheus-%d", replica)}
			for from := newest; from < now.UnixMilli()-2*hour; from += 2 * hour {
				if !give(labels, block.Raw, from, from+2*hour) {
					return
				}
			}
			for window := range 150 {
				to := newest - int64(window)*14*day
				sources := make([]ulid.ULID, 168)
				for i := range sources {
					sources[i] = ID(time.UnixMilli(to-int64(i)*2*hour), replica<<32|window)
				}
				for _, resolution := range []int64{block.Raw, block.FiveMinutes, block.OneHour} {
					if !give(labels, resolution, to-14*day, to, sources...) {
						return
					}
				}
			}
		}
	}
}
