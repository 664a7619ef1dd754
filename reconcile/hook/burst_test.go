package hook

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// weighed notes how many bodies are held at the same time, and how many bytes that is.
type weighed struct {
	forge.Hook
	bodies, bytes, mostBodies, mostBytes atomic.Int64
}

func (w *weighed) Event(h http.Header, body []byte) (forge.Event, error) {
	raise(&w.mostBodies, w.bodies.Add(1))
	raise(&w.mostBytes, w.bytes.Add(int64(len(body))))
	defer func() { w.bodies.Add(-1); w.bytes.Add(int64(-len(body))) }()
	return w.Hook.Event(h, body)
}

func raise(most *atomic.Int64, now int64) {
	for {
		was := most.Load()
		if now <= was || most.CompareAndSwap(was, now) {
			return
		}
	}
}

const (
	burst   = 10_000
	senders = 100
)

// blast sends many deliveries at once, of every kind: signed, repeated, forged,
// broken, and large ones that nobody signed.
func (r *receiver) blast() {
	small, large := push("main"), bytes.Repeat([]byte(" "), 2<<20)
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for i := range burst / senders {
				id := fmt.Sprintf("%d-%d", sender, i)
				if i%10 == 1 {
					id = fmt.Sprintf("%d-%d", sender, i-1)
				}
				req := r.request(id, small)
				switch i % 10 {
				case 2:
					req.Header.Set("X-Hub-Signature-256", sign(id))
				case 3:
					req.Header.Del("X-Hub-Signature-256")
				case 4:
					req.Body = io.NopCloser(strings.NewReader(small[:9]))
					req.ContentLength = 9
				case 5:
					if i%50 == 5 {
						req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(large)), int64(len(large))
					}
				}
				req.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i))
				if resp, err := r.client.Do(req); err == nil { // a refusal may close the connection while we still send
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		})
	}
	all.Wait()
	r.client.CloseIdleConnections()
}

// heap is what is held once nothing is under way.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestBurst: whatever comes, little is held at a time, next to nothing is kept,
// and the next delivery is taken.
func TestBurst(t *testing.T) {
	tests := []struct {
		name string
		o    Options
	}{
		{"each of them is read", Options{MaxWait: 1 << 40}},
		{"with the limits of the defaults", Options{Rate: 20, Burst: 200}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			held := &weighed{Hook: webhook()}
			test.o.Hook = held
			r := serve(t, test.o)
			before := heap()
			r.blast()
			r.log.reset()
			r.eventually("all turns are over", func() bool { return len(r.bodies) == 0 })
			kept := heap() - before
			t.Logf("at most %d bodies of %d bytes in all; %d bytes are kept", held.mostBodies.Load(), held.mostBytes.Load(), kept)
			if n := held.mostBodies.Load(); n > 16 || n == 0 {
				t.Errorf("%d bodies were held at the same time", n)
			}
			if kept > 16<<20 {
				t.Errorf("%d bytes are kept", kept)
			}
			if n := r.taken.Len(); n > r.MaxDeliveries || n == 0 {
				t.Errorf("%d deliveries are remembered", n)
			}
			if n := testutil.ToFloat64(r.metrics.deliveries.WithLabelValues("push", taken)); n != float64(len(r.delivered())) {
				t.Errorf("%v counted, %d delivered", n, len(r.delivered()))
			}
			if status, _ := r.do(r.request("the-last", push("main"))); status != http.StatusAccepted {
				t.Errorf("afterwards: answered %d", status)
			}
		})
	}
}
