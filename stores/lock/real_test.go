package lock

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

// short is for a clock that cannot be turned.
const short = time.Second

func TestRealRace(t *testing.T) {
	server := storetest.Versitygw(t)
	b := server.Open(t)
	first := raceFor(t, b, claim(""))
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := raceFor(t, b, claim(""))
	if err := second.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	dead := claim("dead")
	dead.TTL = short
	mustAcquire(t, b, dead)
	late := claim("")
	late.Now = func() time.Time { return time.Now().Add(time.Hour) }
	heir := raceFor(t, b, late)
	if first.Fence() != 1 || second.Fence() != 2 || heir.Fence() != 4 {
		t.Errorf("fences %d, %d, %d, want 1, 2, 4", first.Fence(), second.Fence(), heir.Fence())
	}
}

// TestRealLostAnswers: what was written although its answer was lost is ours, in each step.
func TestRealLostAnswers(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	b := storetest.Open(t, proxy.Before(server.Bucket(t)))
	c := claim("holder")
	lose := func() { proxy.Break(storetest.Nth(0, 1, storetest.LostAnswer, storetest.IsPut)) }
	lose()
	l := mustAcquire(t, b, c)
	lose()
	if err := l.renew(t.Context()); err != nil {
		t.Errorf("renew: %v", err)
	}
	lose()
	if err := l.Release(t.Context()); err != nil {
		t.Errorf("release: %v", err)
	}
	if next := mustAcquire(t, b, c); next.Fence() != 2 || proxy.Faults() != 3 {
		t.Errorf("fence %d after %d faults, want 2 after 3", next.Fence(), proxy.Faults())
	}
}

// TestRealLostBeyondRetries: an answer that no attempt got is found out at the next renewal.
func TestRealLostBeyondRetries(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	b, err := stores.Open(t.Context(), proxy.Before(server.Bucket(t)), stores.Options{Backoff: stores.Backoff{Attempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	l := mustAcquire(t, b, claim("holder"))
	proxy.Break(storetest.Nth(0, 1, storetest.LostAnswer, storetest.IsPut))
	if err := l.renew(t.Context()); err == nil {
		t.Error("the answer came")
	}
	if err := l.renew(t.Context()); err != nil {
		t.Errorf("renewing again: %v", err)
	}
}

func TestRealCutOff(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	config := server.Bucket(t)
	far, near := storetest.Open(t, proxy.Before(config)), storetest.Open(t, config)
	c := claim("cut off")
	c.TTL = short
	l := mustAcquire(t, far, c)
	ctx, stop := l.Keep(t.Context())
	defer stop()
	proxy.Break(storetest.Always(storetest.Hang, storetest.IsAny))
	heir := claim("heir")
	heir.TTL, heir.Now = short, func() time.Time { return time.Now().Add(time.Hour) }
	next := mustAcquire(t, near, heir)
	if !errors.Is(context.Cause(ctx), ErrLost) {
		t.Errorf("the heir has the lock, and the context of the one before ended with %v", context.Cause(ctx))
	}
	if next.Fence() != 2 {
		t.Errorf("fence %d, want 2", next.Fence())
	}
}
