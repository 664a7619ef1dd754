package lock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/watchbill/watchbill/stores"
)

// Writer is the key of the lock that everyone takes who deletes or joins
// blocks. Thanos leaves alone what is not in a block's folder.
const Writer = "watchbill/writer.lock"

// Claim is who wants a lock.
type Claim struct {
	Key     string // empty: Writer
	Holder  string // for people: cluster, namespace, pod
	Purpose string // for people: compact, retain
	// TTL is how long the holder may go without renewing: what it takes, at
	// least, until another gets the lock of a holder that died.
	TTL time.Duration
	// Now is the clock for what the lock tells people; nil is the real one.
	Now func() time.Time
}

// Held says that somebody else has the lock.
type Held struct {
	By, Purpose    string
	Since, Expires time.Time
	Fence          uint64
}

func (h *Held) Error() string {
	return fmt.Sprintf("the bucket is locked by %.200q for %.100q since %s, until %s unless it is renewed; wait for it to end: the lock of one that died passes on by itself",
		h.By, h.Purpose, h.Since.UTC().Format(time.RFC3339), h.Expires.UTC().Format(time.RFC3339))
}

// Lock is held until its expiry, so long as nobody renews it.
type Lock struct {
	bucket stores.Bucket
	claim  Claim
	state  state
	began  time.Time // when the write of state was begun, by the monotonic clock
}

// Fence is greater than that of every holder before.
func (l *Lock) Fence() uint64 { return l.state.Fence }

// Acquire takes the lock, or gives [*Held]. It does not wait for a holder that
// is there, but watches one that seems to be gone for its TTL.
func Acquire(ctx context.Context, b stores.Bucket, c Claim) (*Lock, error) {
	if c.Key == "" {
		c.Key = Writer
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Holder == "" || c.TTL < time.Millisecond || c.TTL > maxTTL {
		return nil, fmt.Errorf("locking %s: a lock needs a holder, and a time to live up to %s", b, maxTTL)
	}
	l, err := acquire(ctx, b, c)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", b, err)
	}
	return l, nil
}

// tries bounds how often the lock may be lost to others that let it go at once.
const tries = 10

func acquire(ctx context.Context, b stores.Bucket, c Claim) (*Lock, error) {
	id := rand.Text()
	var s state
	for range tries {
		var err error
		if s, err = read(ctx, b, c.Key); err != nil {
			return nil, err
		}
		if s.etag != "" && s.Held {
			if c.alive(s) {
				break
			}
			if same, err := unchanged(ctx, b, c.Key, s); err != nil {
				return nil, err
			} else if !same {
				continue
			}
		}
		l := &Lock{bucket: b, claim: c, began: time.Now()}
		now := c.Now()
		l.state, err = write(ctx, b, c.Key, s.etag, record{
			Version: version, Fence: s.Fence + 1, ID: id, Held: true, Holder: c.Holder, Purpose: c.Purpose,
			Acquired: now, Expires: now.Add(c.TTL), TTL: c.TTL.Milliseconds(), Writes: s.Writes + 1,
		})
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, stores.ErrPrecondition) {
			return nil, err
		}
	}
	return nil, &Held{By: s.Holder, Purpose: s.Purpose, Since: s.Acquired, Expires: s.Expires, Fence: s.Fence}
}

// alive tells whether a lock is surely not expired. One that expires later than
// it could was written by a clock that is ahead, and says nothing.
func (c Claim) alive(s state) bool {
	left := s.Expires.Sub(c.Now())
	return left > 0 && left <= s.ttl()
}

// unchanged watches the lock for its TTL.
func unchanged(ctx context.Context, b stores.Bucket, key string, s state) (bool, error) {
	end := time.NewTimer(s.ttl())
	defer end.Stop()
	look := time.NewTicker(max(s.ttl()/8, time.Millisecond))
	defer look.Stop()
	for {
		last := false
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-look.C:
		case <-end.C:
			last = true
		}
		now, err := read(ctx, b, key)
		switch {
		case err != nil:
			return false, err
		case now.etag != s.etag:
			return false, nil
		case last:
			return true, nil
		}
	}
}
