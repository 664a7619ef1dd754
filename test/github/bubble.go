package github

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// JudgeBubble is Judge for a test in a bubble of testing/synctest: it is called
// outside, and what clients in the bubble use is the transport. The stand-in goes
// by the bubble's time, with a difference if its clock is to be another one; while
// a request is under way, that time stands still.
func JudgeBubble(t testing.TB, skew time.Duration) (*Server, http.RoundTripper) {
	t.Helper()
	b := &bubble{requests: make(chan *http.Request), answers: make(chan carried)}
	b.noted.Store(new(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC))) // when every bubble begins
	s := JudgeAt(t, func() time.Time { return b.noted.Load().Add(skew) })
	transport := &http.Transport{DisableCompression: true}
	var ended sync.WaitGroup
	ended.Go(func() { b.carry(transport) })
	t.Cleanup(func() {
		close(b.requests)
		ended.Wait()
		transport.CloseIdleConnections()
	})
	return s, b
}

// bubble carries requests out of a bubble, and answers in. A goroutine that waits
// for the network, or for a channel that was made outside, does not let the
// bubble's time go on; but a connection's own goroutines would have to end before
// the bubble does, so none of them may begin in it.
type bubble struct {
	noted atomic.Pointer[time.Time] // the bubble's time at the last request

	turn     sync.Mutex
	requests chan *http.Request
	answers  chan carried
}

type carried struct {
	answer *http.Response
	err    error
}

// RoundTrip implements http.RoundTripper, in the bubble.
func (b *bubble) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	// The context, and what cancels a request, are of the bubble and have to stay there.
	out, err := http.NewRequestWithContext(context.Background(), r.Method, r.URL.String(), nil)
	if err != nil {
		return nil, err
	}
	out.Header = r.Header.Clone()
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	b.turn.Lock()
	defer b.turn.Unlock()
	b.noted.Store(new(time.Now().Round(0))) // as others' clocks see it
	b.requests <- out
	got := <-b.answers
	if got.err == nil {
		got.answer.Request = r
	}
	return got.answer, got.err
}

// carry sends the requests, outside.
func (b *bubble) carry(transport http.RoundTripper) {
	for r := range b.requests {
		answer, err := transport.RoundTrip(r)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(answer.Body)
			answer.Body.Close()
			answer.Body = io.NopCloser(bytes.NewReader(body))
		}
		if err != nil {
			answer = nil
		}
		b.answers <- carried{answer, err}
	}
}
