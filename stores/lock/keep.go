package lock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchbill/watchbill/stores"
)

// ErrLost is why the context of [Lock.Keep] ends when the lock is no longer
// surely ours.
var ErrLost = errors.New("the bucket's lock is lost")

// Margin is the part of the TTL that is left when a holder gives up.
func Margin(ttl time.Duration) time.Duration { return ttl / 4 }

// Keep renews the lock until stop is called, which waits for that. The context
// it gives ends with [ErrLost] as its cause when somebody else has the lock, or
// when it could not be renewed and only Margin of its TTL is left.
// Keep and Release are not for use at the same time.
func (l *Lock) Keep(ctx context.Context) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.keep(held, cancel)
	}()
	return held, func() {
		cancel(nil)
		<-ended
	}
}

func (l *Lock) keep(ctx context.Context, cancel context.CancelCauseFunc) {
	expiry := time.AfterFunc(l.left(), func() {
		cancel(fmt.Errorf("%w: it was not renewed in time", ErrLost))
	})
	defer expiry.Stop()
	for wait := l.claim.TTL / 3; ; {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		err := l.renew(ctx)
		if errors.Is(err, ErrLost) {
			cancel(err)
			return
		}
		if wait = l.claim.TTL / 3; err != nil {
			wait = l.claim.TTL / 24
			continue
		}
		expiry.Reset(l.left())
	}
}

func (l *Lock) left() time.Duration {
	return time.Until(l.began.Add(l.claim.TTL - Margin(l.claim.TTL)))
}

// renew writes the lock once more.
func (l *Lock) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.claim.TTL/4) // one that hangs leaves time for another
	defer cancel()
	r := l.state.record
	r.Expires = l.claim.Now().Add(l.claim.TTL)
	return l.replace(ctx, r)
}

// replace writes a record over ours. An earlier write whose answer was lost may
// have changed the object: what it holds then is still ours.
func (l *Lock) replace(ctx context.Context, r record) error {
	for range tries {
		began := time.Now()
		r.Writes = l.state.Writes + 1
		s, err := write(ctx, l.bucket, l.claim.Key, l.state.etag, r)
		if err == nil {
			l.state, l.began = s, began
			return nil
		}
		if !errors.Is(err, stores.ErrPrecondition) {
			return err
		}
		now, err := read(ctx, l.bucket, l.claim.Key)
		if err != nil {
			return err
		}
		if now.ID != l.state.ID {
			return fmt.Errorf("%w to %.200q, fence %d", ErrLost, now.Holder, now.Fence)
		}
		l.state = now
	}
	return errors.New("the lock changes by itself")
}

// Release lets others have the lock at once. If it is somebody else's, the error is [ErrLost].
func (l *Lock) Release(ctx context.Context) error {
	r := l.state.record
	r.Held, r.Expires = false, l.claim.Now()
	if err := l.replace(ctx, r); err != nil {
		return fmt.Errorf("unlocking %s: %w", l.bucket, err)
	}
	return nil
}

// Hold does work under a lock. The work's context ends as that of [Lock.Keep];
// its error is then joined with the cause. The lock is released also when the work fails.
func Hold(ctx context.Context, b stores.Bucket, c Claim, work func(ctx context.Context, fence uint64) error) error {
	l, err := Acquire(ctx, b, c)
	if err != nil {
		return err
	}
	held, stop := l.Keep(ctx)
	err = work(held, l.Fence())
	lost := context.Cause(held)
	stop()
	if errors.Is(lost, ErrLost) {
		return errors.Join(err, lost)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	return errors.Join(err, l.Release(ctx))
}

// releaseTime is what a release may take when its own context has ended. A lock
// that is not released expires.
const releaseTime = 10 * time.Second
