package storetest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Conformance(t, func(*testing.T) stores.Bucket { return storetest.NewMemory() })
}

func TestMemoryClockAndFaults(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	broken := errors.New("broken")
	b := storetest.NewMemory()
	b.Now = func() time.Time { return now }
	b.Fault = func(operation, key string) error {
		if operation == "put" && key == "bad" {
			return broken
		}
		return nil
	}
	if o := storetest.Put(t, b, "good", "x"); !o.Modified.Equal(now) {
		t.Errorf("modified %s, want %s", o.Modified, now)
	}
	if _, err := b.Put(t.Context(), "bad", strings.NewReader("x"), 1, stores.Condition{}); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
	if keys := storetest.Keys(t, b, ""); len(keys) != 1 {
		t.Errorf("there is %q", keys)
	}
}
