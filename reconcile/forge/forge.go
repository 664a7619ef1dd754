// Package forge tells the place that hosts the monitoring repo what became of a
// commit, so that whoever merged it sees it there.
//
// A [Status] is one line about one commit in one context, such as
// "watchbill/prod"; a [Reporter] takes it somewhere: [Log] to the log, where no
// forge is set. [Async] puts a queue before a Reporter, so that the loop never
// waits for a forge: it retries, and of several states of the same commit it
// sends only the newest.
//
// A [Forge] is all that is asked of one beyond that: its pull requests, and what
// is said on them. Each forge is a package of its own below this one, such as
// github.
//
// Nothing here knows what is being reported; the words and the moment are the
// caller's.
package forge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// State is how far a commit has come.
type State string

// The states. Pending is followed by one of the others.
const (
	Pending State = "pending" // under way
	Success State = "success" // live, proven
	Failure State = "failure" // refused: the commit is at fault
	Error   State = "error"   // could not be done: the commit is not at fault
)

// Status is what is said of one commit in one context.
type Status struct {
	Commit  string // full id
	Context string // e.g. "watchbill/prod"; tells several statuses of a commit apart
	State   State
	// Environment that the status is about; empty when it is about none.
	Environment string
	// Text is one line for people. A forge with less room cuts it at a word.
	Text string
	// URL leads to more; may be empty.
	URL string
}

// Reporter takes a status to where people see it. Report may be called
// concurrently for different contexts, and saying the same again has no effect.
type Reporter interface {
	Report(ctx context.Context, s Status) error
}

// RetryError says that the same report may go well later.
type RetryError struct {
	// After is how long the forge asked to wait; zero leaves it to the caller.
	After time.Duration
	Err   error
}

// Error implements error.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *RetryError) Unwrap() error { return e.Err }

// Check refuses a status that cannot be shown.
func (s Status) Check() error {
	switch s.State {
	case Pending, Success, Failure, Error:
	default:
		return fmt.Errorf("reporting a status: unknown state %q", s.State)
	}
	if s.Commit == "" || s.Context == "" {
		return errors.New("reporting a status: it needs a commit and a context")
	}
	return nil
}

// Log reports to a logger. The zero value logs to slog.Default.
type Log struct {
	Logger *slog.Logger

	mu   sync.Mutex
	last map[string]Status // by context
}

// Report implements Reporter.
func (l *Log) Report(ctx context.Context, s Status) error {
	if err := s.Check(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last[s.Context] == s {
		return nil
	}
	if l.last == nil {
		l.last = map[string]Status{}
	}
	l.last[s.Context] = s
	logger, level := l.Logger, slog.LevelInfo
	if logger == nil {
		logger = slog.Default()
	}
	if s.State == Failure || s.State == Error {
		level = slog.LevelWarn
	}
	logger.Log(ctx, level, "commit status", "revision", s.Commit, "context", s.Context, "state", s.State, "text", s.Text)
	return nil
}
