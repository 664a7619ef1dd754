package stores

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Backoff is how often and how soon something is tried again: after a random
// part of a wait that doubles from First to Most.
type Backoff struct {
	Attempts    int // in all
	First, Most time.Duration
}

// DefaultBackoff gives up after about ten seconds of waiting at most.
var DefaultBackoff = Backoff{Attempts: 6, First: 250 * time.Millisecond, Most: 5 * time.Second}

// finalError is one that another attempt will not change, or that was tried often enough.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// Final marks an error of a bucket that another attempt will not change, beside
// those that have a name.
func Final(err error) error { return finalError{err} }

// final tells whether trying again is of no use.
func final(err error) bool {
	var marked finalError
	return errors.As(err, &marked) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrPrecondition) ||
		errors.Is(err, ErrDenied) || errors.Is(err, ErrNoBucket)
}

// do calls attempt until it succeeds, fails for good, or the context or the attempts end.
func (b Backoff) do(ctx context.Context, logger *slog.Logger, what string, attempt func() error) error {
	for n := 1; ; n++ {
		err := attempt()
		if err == nil || final(err) {
			return err
		}
		if ctx.Err() != nil {
			return ended(ctx, err)
		}
		if n >= b.Attempts {
			return finalError{fmt.Errorf("after %d attempts: %w", n, err)}
		}
		logger.DebugContext(ctx, "object store will be asked again", "operation", what, "attempt", n, "err", err)
		select {
		case <-time.After(b.wait(n)):
		case <-ctx.Done():
			return ended(ctx, err)
		}
	}
}

// wait is at least half of what it could be, so that a server has time to recover.
func (b Backoff) wait(attempt int) time.Duration {
	most := b.First
	for range attempt - 1 {
		most = min(2*most, b.Most)
	}
	if most <= 0 {
		return 0
	}
	return most/2 + rand.N(most/2+1)
}

// ended is the error of an attempt that the end of its context may have cut short.
func ended(ctx context.Context, err error) error {
	if errors.Is(err, ctx.Err()) {
		return finalError{err}
	}
	return finalError{fmt.Errorf("%w; before: %w", ctx.Err(), err)}
}
