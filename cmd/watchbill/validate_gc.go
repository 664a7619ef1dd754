package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// A command that ends soon has better things to do than to collect garbage: none
// is collected while the heap is small, and beyond that as much as keeps it to
// four fifteenths more than is in use.
const smallHeap = 256 << 20

// collectLate sets the garbage collector so, unless the user has set it.
func collectLate() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(smallHeap)
	afterEachCollection(func(live uint64) {
		next := max(smallHeap, live+live*4/15)
		debug.SetGCPercent(int(100 * (next - live) / max(live, 1)))
		debug.SetMemoryLimit(math.MaxInt64)
	})
}

// afterEachCollection calls f with the bytes that were in use.
func afterEachCollection(f func(live uint64)) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	type sentinel struct{ *int }
	var again func(*sentinel)
	again = func(s *sentinel) {
		metrics.Read(sample)
		f(sample[0].Value.Uint64())
		runtime.SetFinalizer(s, again)
	}
	runtime.SetFinalizer(&sentinel{new(int)}, again)
}
