package forge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// AsyncOptions are how [Async] waits and what it may keep.
type AsyncOptions struct {
	// FirstWait is the pause after the first failure; it doubles up to MaxWait.
	// Defaults: 1 second, 1 minute.
	FirstWait, MaxWait time.Duration
	// Timeout of one report. Default 30 seconds.
	Timeout time.Duration
	// MaxQueue is how many commits may wait in one context; beyond it the oldest
	// is given up. Default 100.
	MaxQueue int
	// Done, if set, is told how each report ended: sent, given up, or outrun by a
	// newer state of its commit (ErrOutrun). It must not block.
	Done func(Status, error)
	// Log of what is given up. Default: slog.Default().
	Log *slog.Logger
}

// ErrOutrun is how a report ends whose commit has a newer state.
var ErrOutrun = errors.New("a newer state of the commit took its place")

// ErrClosed is what Report answers after Close.
var ErrClosed = errors.New("reporting has ended")

// Async is a Reporter that never lets its caller wait. The reports of one
// context are sent one after the other, and of the states of one commit only the
// newest is sent, never before an older one that is under way. So a forge that
// is away for an hour then hears one state for each commit, the right one.
type Async struct {
	next   Reporter
	opts   AsyncOptions
	ctx    context.Context // ends all that is under way
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	lanes  map[string]*lane // by context
	wait   sync.WaitGroup
	lost   atomic.Int64
}

// lane is the queue of one context; its goroutine lives while it holds anything.
type lane struct{ queue []Status }

// NewAsync puts a queue before next. The caller closes it.
func NewAsync(next Reporter, opts AsyncOptions) *Async {
	if opts.FirstWait <= 0 {
		opts.FirstWait = time.Second
	}
	if opts.MaxWait <= 0 {
		opts.MaxWait = time.Minute
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 30 * time.Second
	}
	if opts.MaxQueue <= 0 {
		opts.MaxQueue = 100
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	a := &Async{next: next, opts: opts, lanes: map[string]*lane{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// Report implements Reporter. It returns at once; the context is not used, for
// the report outlives it.
func (a *Async) Report(_ context.Context, s Status) error {
	if err := s.Check(); err != nil {
		return err
	}
	outrun, dropped, err := a.enqueue(s)
	for _, old := range outrun {
		a.done(old, ErrOutrun)
	}
	for _, old := range dropped {
		a.done(old, fmt.Errorf("reporting a status: more than %d commits are waiting", a.opts.MaxQueue))
	}
	return err
}

func (a *Async) enqueue(s Status) (outrun, dropped []Status, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, nil, ErrClosed
	}
	l := a.lanes[s.Context]
	if l == nil {
		l = &lane{}
		a.lanes[s.Context] = l
		a.wait.Go(func() { a.drain(l) })
	}
	if i := l.find(s.Commit); i >= 0 {
		outrun = append(outrun, l.queue[i])
		l.queue[i] = s
	} else {
		l.queue = append(l.queue, s)
	}
	if extra := len(l.queue) - a.opts.MaxQueue; extra > 0 {
		dropped = slices.Clone(l.queue[:extra])
		l.queue = slices.Delete(l.queue, 0, extra)
	}
	return outrun, dropped, nil
}

func (l *lane) find(commit string) int {
	return slices.IndexFunc(l.queue, func(s Status) bool { return s.Commit == commit })
}

// drain sends what is in the lane until it is empty, and then takes the lane away.
func (a *Async) drain(l *lane) {
	pause := a.opts.FirstWait
	for {
		s, ok := a.take(l)
		if !ok {
			return
		}
		err := a.try(s)
		var retry *RetryError
		switch {
		case err == nil:
			pause = a.opts.FirstWait
			a.done(s, nil)
		case a.ctx.Err() != nil:
			a.lost.Add(1)
			a.done(s, ErrClosed)
		case !errors.As(err, &retry):
			a.done(s, err)
		default:
			a.opts.Log.Debug("commit status is tried again", "revision", s.Commit, "context", s.Context, "error", err)
			if !a.requeue(l, s) {
				a.done(s, ErrOutrun)
			}
			a.pause(max(pause, retry.After))
			pause = min(2*pause, a.opts.MaxWait)
		}
	}
}

func (a *Async) take(l *lane) (Status, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(l.queue) == 0 {
		maps.DeleteFunc(a.lanes, func(_ string, held *lane) bool { return held == l })
		return Status{}, false
	}
	s := l.queue[0]
	l.queue = slices.Delete(l.queue, 0, 1)
	return s, true
}

// requeue puts a report that must be tried again behind those of other commits,
// which may fare better. It refuses when a newer state of the commit has come.
func (a *Async) requeue(l *lane, s Status) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.find(s.Commit) >= 0 {
		return false
	}
	l.queue = append(l.queue, s)
	return true
}

// try sends once. A reporter that runs into the timeout is tried again.
func (a *Async) try(s Status) error {
	ctx, cancel := context.WithTimeout(a.ctx, a.opts.Timeout)
	defer cancel()
	err := a.next.Report(ctx, s)
	if err != nil && ctx.Err() != nil {
		return &RetryError{Err: err}
	}
	return err
}

// pause waits it out even when a newer state comes: what made the last try fail
// has nothing to do with the state.
func (a *Async) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.ctx.Done():
	}
}

func (a *Async) done(s Status, err error) {
	if err != nil && !errors.Is(err, ErrOutrun) {
		a.opts.Log.Warn("commit status is given up", "revision", s.Commit, "context", s.Context, "state", s.State, "error", err)
	}
	if a.opts.Done != nil {
		a.opts.Done(s, err)
	}
}

// Close takes no more reports and waits until all are sent. When ctx ends first,
// the rest is given up, and the error says how many.
func (a *Async) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	sent := make(chan struct{})
	go func() { a.wait.Wait(); close(sent) }()
	select {
	case <-sent:
		a.cancel()
		return nil
	case <-ctx.Done():
	}
	for _, s := range a.abandon() {
		a.lost.Add(1)
		a.done(s, ErrClosed)
	}
	<-sent
	return fmt.Errorf("sending the last statuses: %d were not sent: %w", a.lost.Load(), context.Cause(ctx))
}

// abandon ends what is under way and empties the queues.
func (a *Async) abandon() []Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cancel()
	var left []Status
	for _, l := range a.lanes {
		left = append(left, l.queue...)
		l.queue = nil
	}
	return left
}
