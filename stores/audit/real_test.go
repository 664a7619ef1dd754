package audit_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/block/blocktest"
	"github.com/watchbill/watchbill/stores/storetest"
)

// What a real store says of its objects serves the cache as well.
func TestRealStore(t *testing.T) {
	bucket := storetest.Versitygw(t).Open(t)
	if err := blocktest.Fill(t.Context(), bucket, blocktest.Years(400, start)); err != nil {
		t.Fatal(err)
	}
	one := blocktest.ID(start, 1)
	put(t, bucket, blocktest.Meta(one, prod, block.Raw, t0, t0+hour, 100))
	mark(t, bucket, one, block.DeletionMark{ID: one, DeletionTime: start.Unix()})
	cache := filepath.Join(t.TempDir(), "cache")
	cold, did := run(t, bucket, cache)
	if diff := cmp.Diff(map[string]int{"list": 1, "get": 402}, did); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, b := range cold.Blocks {
		if !b.Described || b.State != audit.Whole || b.Written.IsZero() {
			t.Errorf("%+v", b)
		}
	}
	warm, did := run(t, bucket, cache)
	if diff := cmp.Diff(map[string]int{"list": 1}, did); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(cold, warm, sameLabels); diff != "" {
		t.Errorf("-cold +warm:\n%s", diff)
	}
}

// Runs through a network that breaks every fifth request see in the end what
// is there, and never anything else.
func TestBrokenNetwork(t *testing.T) {
	server := storetest.Versitygw(t)
	direct := server.Bucket(t)
	bucket := storetest.Open(t, direct)
	if err := blocktest.Fill(t.Context(), bucket, blocktest.Years(80, start)); err != nil {
		t.Fatal(err)
	}
	want, _ := run(t, bucket, "")
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	broken := storetest.Open(t, proxy.Before(direct))
	for seed := range uint64(3) {
		proxy.Break(storetest.Sprinkle(seed+1, 5, storetest.Unavailable, storetest.CutDownload, storetest.LostAnswer))
		got := again(t, broken, filepath.Join(t.TempDir(), "cache"))
		got.Fetched = 0
		if diff := cmp.Diff(want, got, sameLabels); diff != "" {
			t.Errorf("seed %d: -want +got:\n%s", seed+1, diff)
		}
	}
	if proxy.Faults() < 20 {
		t.Errorf("only %d faults", proxy.Faults())
	}
}

// again runs until a run succeeds, as the job does.
func again(t *testing.T, bucket stores.Bucket, cache string) *audit.Inventory {
	t.Helper()
	var err error
	for range 10 {
		var inv *audit.Inventory
		if inv, err = audit.Run(t.Context(), bucket, audit.Options{Cache: cache, Now: start}); err == nil {
			return inv
		}
	}
	t.Fatal(err)
	return nil
}
