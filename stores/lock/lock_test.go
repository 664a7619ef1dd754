package lock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

const ttl = time.Minute

func claim(holder string) Claim { return Claim{Holder: holder, Purpose: "test", TTL: ttl} }

func mustAcquire(t *testing.T, b stores.Bucket, c Claim) *Lock {
	t.Helper()
	l, err := Acquire(t.Context(), b, c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestHeldByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := storetest.NewMemory()
		began := time.Now()
		mustAcquire(t, b, claim("one"))
		time.Sleep(ttl / 2)
		_, err := Acquire(t.Context(), b, claim("two"))
		var held *Held
		if !errors.As(err, &held) {
			t.Fatalf("%v, want Held", err)
		}
		want := &Held{By: "one", Purpose: "test", Since: began, Expires: began.Add(ttl), Fence: 1}
		if diff := cmp.Diff(want, held, cmpopts.EquateApproxTime(0)); diff != "" {
			t.Error(diff)
		}
		if words := "passes on by itself"; !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
		if waited := time.Since(began) - ttl/2; waited != 0 {
			t.Errorf("it waited %s", waited)
		}
	})
}

// TestFenceRises over releases, and the next has the lock at once.
func TestFenceRises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := storetest.NewMemory()
		began := time.Now()
		for want := uint64(1); want <= 4; want++ {
			l := mustAcquire(t, b, claim("holder"))
			if l.Fence() != want {
				t.Errorf("fence %d, want %d", l.Fence(), want)
			}
			if err := l.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if time.Since(began) != 0 {
			t.Errorf("it waited %s", time.Since(began))
		}
	})
}

// TestTakeover: one that died is watched for its TTL after its expiry.
func TestTakeover(t *testing.T) {
	for name, c := range map[string]struct {
		ahead time.Duration // the dead one's clock
		after time.Duration // its death
		took  time.Duration
	}{
		"expired":                               {0, 2 * ttl, ttl},
		"expired, by a clock that is behind":    {-time.Hour, 0, ttl},
		"not expired, by a clock that is ahead": {time.Hour, 0, ttl},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := storetest.NewMemory()
				dead := claim("dead")
				dead.Now = func() time.Time { return time.Now().Add(c.ahead) }
				mustAcquire(t, b, dead)
				time.Sleep(c.after)
				began := time.Now()
				l := mustAcquire(t, b, claim("heir"))
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %s, want %s", took, c.took)
				}
				if l.Fence() != 2 {
					t.Errorf("fence %d, want 2", l.Fence())
				}
			})
		})
	}
}

// TestAliveIsNotTaken: whatever the clocks say, who renews keeps the lock.
func TestAliveIsNotTaken(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, 0, time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := storetest.NewMemory()
				c := claim("alive")
				c.Now = func() time.Time { return time.Now().Add(ahead) }
				l := mustAcquire(t, b, c)
				ctx, stop := l.Keep(t.Context())
				defer stop()
				deadline, cancel := context.WithTimeout(t.Context(), 20*ttl)
				defer cancel()
				_, err := Acquire(deadline, b, claim("thief"))
				var held *Held
				if !errors.As(err, &held) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v, want Held", err)
				}
				if ctx.Err() != nil {
					t.Errorf("the holder stopped: %v", context.Cause(ctx))
				}
			})
		})
	}
}

// TestCutOff: a holder that does not reach the store stops before another can have the lock.
func TestCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, cut := storetest.NewMemory(), cutBucket{}
		cut.Memory = b
		l := mustAcquire(t, &cut, claim("cut off"))
		ctx, stop := l.Keep(t.Context())
		defer stop()
		time.Sleep(5 * ttl)
		if ctx.Err() != nil {
			t.Fatalf("it stopped while it could renew: %v", context.Cause(ctx))
		}
		cut.off = true
		var stopped time.Time
		var holder sync.WaitGroup
		holder.Go(func() {
			<-ctx.Done()
			stopped = time.Now()
		})
		heir := claim("heir")
		heir.Now = func() time.Time { return time.Now().Add(time.Hour) } // and a clock that says: long expired
		next := mustAcquire(t, b, heir)
		taken := time.Now()
		holder.Wait()
		if !errors.Is(context.Cause(ctx), ErrLost) {
			t.Errorf("it stopped for %v", context.Cause(ctx))
		}
		if left := taken.Sub(stopped); left < Margin(ttl) {
			t.Errorf("it stopped %s before another had the lock, want %s at least", left, Margin(ttl))
		}
		cut.off = false
		if err := l.Release(t.Context()); !errors.Is(err, ErrLost) {
			t.Errorf("release: %v, want %v", err, ErrLost)
		}
		if err := next.Release(t.Context()); err != nil {
			t.Errorf("the heir's release: %v", err)
		}
	})
}

// cutBucket may be cut off from its bucket.
type cutBucket struct {
	*storetest.Memory
	off bool
}

func (c *cutBucket) Put(ctx context.Context, key string, body io.ReaderAt, size int64, when stores.Condition) (stores.Object, error) {
	if c.off {
		<-ctx.Done()
		return stores.Object{}, ctx.Err()
	}
	return c.Memory.Put(ctx, key, body, size, when)
}

// TestRenewalPasses: faults shorter than the TTL are of no consequence.
func TestRenewalPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := storetest.NewMemory()
		puts := 0
		b.Fault = func(operation, _ string) error {
			if operation == "put" {
				if puts++; puts%4 != 1 {
					return errors.New("passing")
				}
			}
			return nil
		}
		l := mustAcquire(t, b, claim("holder"))
		ctx, stop := l.Keep(t.Context())
		time.Sleep(20 * ttl)
		stop()
		if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("it stopped for %v", err)
		}
		if puts < 40 {
			t.Errorf("it was renewed %d times", puts)
		}
	})
}

// TestTakenAway: a lock that is another's is noticed at the next renewal, and left alone.
func TestTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := storetest.NewMemory()
		err := Hold(t.Context(), b, claim("robbed"), func(ctx context.Context, _ uint64) error {
			if err := b.Delete(t.Context(), Writer); err != nil {
				t.Fatal(err)
			}
			mustAcquire(t, b, claim("thief"))
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, ErrLost) || !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want %v", err, ErrLost)
		}
		var held *Held
		if _, err := Acquire(t.Context(), b, claim("third")); !errors.As(err, &held) || held.By != "thief" {
			t.Errorf("%v, want it held by the thief", err)
		}
	})
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := storetest.NewMemory()
		broken := errors.New("the work is broken")
		for want := uint64(1); want < 3; want++ {
			err := Hold(t.Context(), b, claim("worker"), func(ctx context.Context, fence uint64) error {
				time.Sleep(10 * ttl)
				if fence != want {
					t.Errorf("fence %d, want %d", fence, want)
				}
				return errors.Join(broken, ctx.Err())
			})
			if !errors.Is(err, broken) || errors.Is(err, context.Canceled) {
				t.Errorf("%v, want %v", err, broken)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := Hold(ctx, b, claim("cancelled"), func(ctx context.Context, _ uint64) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		mustAcquire(t, b, claim("next")) // for it was released
	})
}

func TestRefuses(t *testing.T) {
	good := `{"version":1,"fence":3,"id":"x","held":false}`
	for name, c := range map[string]struct{ text, want string }{
		"good":          {good, ""},
		"no JSON":       {"free", "no lock: "},
		"another thing": {"{}", "a lock of version 0"},
		"a newer one":   {strings.Replace(good, `1`, `2`, 1), "a lock of version 2, where 1 is known"},
		"no fence":      {`{"version":1,"id":"x"}`, "without a fence"},
		"no TTL":        {strings.Replace(good, "false", "true", 1), "may not renew for 0"},
		"the last one":  {strings.Replace(good, "3", "18446744073709551615", 1), "without a fence"},
		"too long":      {good + strings.Repeat(" ", maxRecord), "more than 8192 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			b := storetest.NewMemory()
			storetest.Put(t, b, Writer, c.text)
			l, err := Acquire(t.Context(), b, claim("a"))
			if c.want == "" {
				if err != nil || l.Fence() != 4 {
					t.Errorf("%v with %+v", err, l)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "delete it when nobody") {
				t.Errorf("%v, want %q", err, c.want)
			}
			if content, _ := storetest.Get(t, b, Writer); content != c.text {
				t.Errorf("it was overwritten by %s", content)
			}
		})
	}
	for _, c := range []Claim{{}, {Holder: "x"}, {Holder: "x", TTL: 48 * time.Hour}} {
		if _, err := Acquire(t.Context(), storetest.NewMemory(), c); err == nil {
			t.Errorf("the claim %+v is taken", c)
		}
	}
}

// raceFor lets many claim at once: one wins, and the others are told who.
func raceFor(t *testing.T, b stores.Bucket, c Claim) *Lock {
	t.Helper()
	var racers sync.WaitGroup
	locks, errs := make([]*Lock, storetest.Racers), make([]error, storetest.Racers)
	for i := range storetest.Racers {
		racers.Go(func() {
			own := c
			own.Holder = fmt.Sprintf("racer %d", i)
			locks[i], errs[i] = Acquire(t.Context(), b, own)
		})
	}
	racers.Wait()
	var winner *Lock
	for i, l := range locks {
		if l == nil {
			continue
		}
		if winner != nil {
			t.Fatalf("%s and %s both won", winner.claim.Holder, l.claim.Holder)
		}
		winner = locks[i]
	}
	if winner == nil {
		t.Fatalf("nobody won: %v", errs)
	}
	for _, err := range errs {
		var held *Held
		if err != nil && (!errors.As(err, &held) || held.By != winner.claim.Holder) {
			t.Errorf("%v, want it held by %s", err, winner.claim.Holder)
		}
	}
	return winner
}

func TestRaceInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := storetest.NewMemory()
		for round := uint64(1); round <= 10; round++ {
			winner := raceFor(t, b, claim(""))
			if winner.Fence() != round {
				t.Errorf("fence %d, want %d", winner.Fence(), round)
			}
			if round%2 == 0 { // else it dies, and they race to take over
				if err := winner.Release(t.Context()); err != nil {
					t.Fatal(err)
				}
				continue
			}
			time.Sleep(2 * ttl)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1,"fence":3,"id":"x","held":true,"ttlMilliseconds":1000,"expires":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parse(text)
		if err == nil && (r.Fence+1 <= r.Fence || r.Held && (r.ttl() <= 0 || r.ttl() > maxTTL)) {
			t.Errorf("taken as %+v", r)
		}
	})
}
