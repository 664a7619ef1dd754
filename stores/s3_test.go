package stores_test

import (
	"testing"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/storetest"
)

func TestS3(t *testing.T) {
	server := storetest.Versitygw(t)
	storetest.Conformance(t, func(t *testing.T) stores.Bucket { return server.Open(t) })
}

func TestS3BelowPrefix(t *testing.T) {
	server := storetest.Versitygw(t)
	storetest.Conformance(t, func(t *testing.T) stores.Bucket {
		c := server.Bucket(t)
		whole := storetest.Open(t, c)
		c.Prefix = "prod/eu"
		for _, beside := range []string{"prod/eu-2/x", "prod/e", "other"} {
			storetest.Put(t, whole, beside, "not ours")
		}
		return storetest.Open(t, c)
	})
}

// TestS3WithFaults: what may pass is not seen above the retries.
func TestS3WithFaults(t *testing.T) {
	server := storetest.Versitygw(t)
	proxy := storetest.NewFaultProxy(t, server.Endpoint)
	proxy.Break(storetest.Sprinkle(7, 12))
	storetest.Conformance(t, func(t *testing.T) stores.Bucket {
		return storetest.Open(t, proxy.Before(server.Bucket(t)))
	})
	if proxy.Faults() < 50 {
		t.Errorf("only %d of %d requests were broken", proxy.Faults(), proxy.Requests())
	}
	t.Logf("%d of %d requests were broken", proxy.Faults(), proxy.Requests())
}
