package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"time"
)

// watchPeriod is how often --watch looks at the files.
const watchPeriod = 500 * time.Millisecond

// watch runs the tests, and again each time that a file has changed.
func (t *testFlags) watch(ctx context.Context, io streams, fsys fs.FS) error {
	return eachChange(ctx, func() uint64 { return fingerprint(fsys) }, func() {
		err := t.once(ctx, io, fsys)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, errFound) {
			fmt.Fprintln(io.err, "watchbill:", err)
		}
		fmt.Fprintln(io.err, "waiting for a change; interrupt to end")
	})
}

// eachChange calls run at once, and each time that state is another than it was
// before the last run, until ctx ends.
func eachChange(ctx context.Context, state func() uint64, run func()) error {
	ticks := time.NewTicker(watchPeriod)
	defer ticks.Stop()
	for {
		before := state() // a change while the tests run is a reason to run them again
		run()
		for state() == before {
			select {
			case <-ctx.Done():
				return nil
			case <-ticks.C:
			}
		}
	}
}

// fingerprint is another when a file of the teams is new, gone, or written to.
func fingerprint(fsys fs.FS) uint64 {
	h := fnv.New64a()
	_ = fs.WalkDir(fsys, "teams", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			fmt.Fprintf(h, "%q %v\n", path, err)
			return nil
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			fmt.Fprintf(h, "%q %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return h.Sum64()
}
