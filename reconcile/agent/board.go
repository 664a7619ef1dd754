package agent

import (
	"context"
	"sync"
	"time"
)

// board shows the newest report, and lets any number of askers wait for the next.
type board struct {
	mu      sync.Mutex
	report  Report
	changed chan struct{} // closed at the next change
}

func newBoard(first Report) *board {
	first.Version = 1
	return &board{report: first, changed: make(chan struct{})}
}

// update changes the report. If that makes no difference, nobody is told.
func (b *board) update(change func(*Report)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.report
	change(&next)
	if next == b.report {
		return
	}
	next.Version++
	b.report = next
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) newest() (Report, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.report, b.changed
}

// wait returns the first report that is not of this version, or the newest one when the time is over or ctx ends.
func (b *board) wait(ctx context.Context, version uint64, limit time.Duration) Report {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		report, changed := b.newest()
		if report.Version != version {
			return report
		}
		select {
		case <-changed:
		case <-timer.C:
			return report
		case <-ctx.Done():
			return report
		}
	}
}
