package stores_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

func TestWithMetricsIsABucket(t *testing.T) {
	storetest.Conformance(t, func(t *testing.T) stores.Bucket {
		b, err := stores.WithMetrics(storetest.NewMemory(), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

func TestMetrics(t *testing.T) {
	registry, below := prometheus.NewRegistry(), storetest.NewMemory()
	below.Fault = func(_, key string) error {
		if strings.HasPrefix(key, "broken") {
			return errors.New("broken")
		}
		return nil
	}
	b, err := stores.WithMetrics(below, registry)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stores.WithMetrics(below, registry); err != nil {
		t.Errorf("a second bucket: %v", err)
	}
	storetest.Put(t, b, "k", "x")
	_, _ = b.Put(t.Context(), "k", strings.NewReader("x"), 1, stores.Condition{Absent: true})
	_, _ = b.Put(t.Context(), "broken", strings.NewReader("x"), 1, stores.Condition{})
	storetest.Get(t, b, "k")
	_, _, _ = b.Get(t.Context(), "nothing")
	_, _, _ = b.Get(t.Context(), "broken")
	storetest.List(t, b, "")
	for _, err := range b.List(t.Context(), "broken") {
		if err == nil {
			t.Error("no error")
		}
	}
	_ = b.Delete(t.Context(), "broken")
	want := `
# HELP watchbill_store_operation_failures_total Operations on the object store that failed, other than for an object that is not there or a condition that does not hold.
# TYPE watchbill_store_operation_failures_total counter
watchbill_store_operation_failures_total{operation="delete"} 1
watchbill_store_operation_failures_total{operation="get"} 1
watchbill_store_operation_failures_total{operation="list"} 1
watchbill_store_operation_failures_total{operation="put"} 1
# HELP watchbill_store_operations_total Operations on the object store.
# TYPE watchbill_store_operations_total counter
watchbill_store_operations_total{operation="delete"} 1
watchbill_store_operations_total{operation="get"} 3
watchbill_store_operations_total{operation="list"} 2
watchbill_store_operations_total{operation="put"} 3
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "watchbill_store_operations_total", "watchbill_store_operation_failures_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "watchbill_store_operation_duration_seconds"); n != 4 || err != nil {
		t.Errorf("%d histograms, %v", n, err)
	}
}

// TestWithRetryIsABucket over one that fails every third time.
func TestWithRetryIsABucket(t *testing.T) {
	storetest.Conformance(t, func(t *testing.T) stores.Bucket {
		below := storetest.NewMemory()
		below.Fault = everyThird()
		return stores.WithRetry(below, storetest.Quick, nil)
	})
}

func everyThird() func(operation, key string) error {
	var n atomic.Int64
	return func(operation, _ string) error {
		if operation != "list" && n.Add(1)%3 == 0 {
			return errors.New("it may pass")
		}
		return nil
	}
}
