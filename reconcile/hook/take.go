package hook

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// digest stands for a delivery's id, which may be of any length.
type digest [sha256.Size]byte

// answer is what becomes of a delivery.
type answer struct {
	status int
	result string // for metrics and the log
	text   string // for whoever sent it
	event  forge.Event
	err    error         // for the log; nil if there is nothing to add
	again  time.Duration // when it may be sent again; zero if that is no use
	costs  bool          // it was work, and for nobody who is known to be the forge
}

// The results that deliveries are counted by.
const (
	taken       = "taken"
	ignored     = "ignored"     // nothing that we look at
	repeated    = "repeated"    // taken before
	forged      = "forged"      // not signed, or wrongly
	malformed   = "malformed"   // signed, but not to be read
	tooLarge    = "too_large"   // more than is read
	unsupported = "unsupported" // compressed
	incomplete  = "incomplete"  // the body did not come, or too slowly
	limited     = "limited"     // too many from one source
	busy        = "busy"        // too many at once
	failed      = "failed"      // our own fault
)

// take does what costs least first, and believes nothing before the signature.
func (s *Server) take(w http.ResponseWriter, r *http.Request, from *source) answer {
	if wait := from.admit(s.now()); wait > 0 {
		return answer{status: http.StatusTooManyRequests, result: limited, again: wait, text: "too many deliveries from one address"}
	}
	if len(r.Header.Values("Content-Encoding")) > 0 {
		return answer{status: http.StatusUnsupportedMediaType, result: unsupported, costs: true, text: "compressed deliveries are not read"}
	}
	if r.ContentLength > s.MaxBody {
		return s.oversized()
	}
	done, err := s.turn(r.Context(), from)
	if err != nil {
		return answer{status: http.StatusServiceUnavailable, result: busy, again: time.Second, text: "too many deliveries at once"}
	}
	defer done()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return s.oversized()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return answer{status: http.StatusRequestTimeout, result: incomplete, costs: true, text: "the body did not come in time", err: err}
	case err != nil:
		return answer{status: http.StatusBadRequest, result: incomplete, costs: true, text: "the body did not come as a whole", err: err}
	}
	return s.judge(r.Header, body)
}

func (s *Server) oversized() answer {
	return answer{
		status: http.StatusRequestEntityTooLarge, result: tooLarge, costs: true,
		text: fmt.Sprintf("a delivery of more than %d bytes is not read", s.MaxBody),
	}
}

// turn waits until the body may be read, for a short time. The source's own
// slots come first, so that those that wait for them keep nobody else waiting.
func (s *Server) turn(ctx context.Context, from *source) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, s.MaxWait)
	defer cancel()
	if err := from.bodies.acquire(ctx); err != nil {
		return nil, err
	}
	if err := s.bodies.acquire(ctx); err != nil {
		from.bodies.release()
		return nil, err
	}
	return func() { s.bodies.release(); from.bodies.release() }, nil
}

// judge hands on what the forge says, if it was the forge, and says it for the first time.
func (s *Server) judge(header http.Header, body []byte) answer {
	event, err := s.Hook.Event(header, body)
	var later *forge.RetryError
	switch {
	case errors.Is(err, forge.ErrForged):
		return answer{status: http.StatusUnauthorized, result: forged, costs: true, text: forge.ErrForged.Error(), err: err}
	case errors.As(err, &later):
		return answer{status: http.StatusServiceUnavailable, result: failed, again: max(later.After, time.Minute), text: "not able to read deliveries now", err: err}
	case err != nil:
		return answer{status: http.StatusBadRequest, result: malformed, text: err.Error(), err: err}
	}
	a := answer{status: http.StatusOK, event: event}
	switch event.Kind {
	case forge.Pushed, forge.Proposed:
		if s.repeated(event.Delivery) {
			a.result, a.text = repeated, "already taken"
			return a
		}
		s.Deliver(event)
		a.status, a.result, a.text = http.StatusAccepted, taken, "taken"
	case forge.Ping:
		a.result, a.text = taken, "pong"
	default:
		a.result, a.text = ignored, "nothing that is looked at here"
	}
	return a
}

// repeated also remembers; it is asked only for what is signed, or strangers
// could use up what is remembered.
func (s *Server) repeated(delivery string) bool {
	if delivery == "" {
		return false
	}
	known, _ := s.taken.ContainsOrAdd(sha256.Sum256([]byte(delivery)), struct{}{})
	return known
}

func (s *Server) record(r *http.Request, a answer, address netip.Addr) {
	s.metrics.count(a, s.now())
	attrs := []any{"event", string(a.event.Kind), "delivery", a.event.Delivery, "result", a.result, "source", address.String()}
	if a.err != nil {
		attrs = append(attrs, "error", a.err)
	}
	ctx, said := r.Context(), false
	switch a.result {
	case forged, malformed:
		s.strange.Do(func() {
			said = true
			s.Log.WarnContext(ctx, "webhook delivery refused; for a minute, more of them are told at level debug", attrs...)
		})
	case failed:
		s.fault.Do(func() {
			said = true
			s.Log.ErrorContext(ctx, "webhook deliveries cannot be read; for a minute, more of them are told at level debug", attrs...)
		})
	}
	if !said {
		s.Log.DebugContext(ctx, "webhook delivery", attrs...)
	}
}

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.again > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(a.again.Seconds()))))
	}
	if a.costs {
		h.Set("Connection", "close") // what is left of the body is not waited for
	}
	w.WriteHeader(a.status)
	fmt.Fprintln(w, a.text)
}
