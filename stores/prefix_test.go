package stores_test

import (
	"testing"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

func TestWithPrefix(t *testing.T) {
	storetest.Conformance(t, func(t *testing.T) stores.Bucket {
		whole := storetest.NewMemory()
		storetest.Put(t, whole, "a/bc", "not ours")
		storetest.Put(t, whole, "a", "not ours")
		return stores.WithPrefix(whole, "/a/b/")
	})
	if b := storetest.NewMemory(); stores.WithPrefix(b, "/") != stores.Bucket(b) {
		t.Error("no prefix is one")
	}
}
