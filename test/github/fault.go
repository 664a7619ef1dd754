package github

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is a way in which GitHub fails.
type Fault string

// The faults. In the last three the request is judged and done all the same.
const (
	BadGateway     Fault = "bad gateway"     // 502 with a page of HTML
	Unavailable    Fault = "unavailable"     // 503
	PrimaryLimit   Fault = "primary limit"   // 403: the hour's requests are used up
	SecondaryLimit Fault = "secondary limit" // 403 with Retry-After: 60
	TooMany        Fault = "too many"        // 429 with Retry-After: 60
	Unauthorized   Fault = "unauthorized"    // 401: the credential is revoked
	Forbidden      Fault = "forbidden"       // 403: no right to it
	NotFound       Fault = "not found"       // 404
	Incomplete     Fault = "incomplete"      // an answer that lacks a required field: the judge has to see it
	Hang           Fault = "hang"            // no answer before Mend
	HangUp         Fault = "hang up"         // the connection is closed without an answer
	Garbage        Fault = "garbage"         // half an answer
)

// faultHeader carries a fault through Prism to the stub.
const faultHeader = "Watchbill-Fault"

// Failure is a fault, and when.
type Failure struct {
	Fault Fault
	// Method and Path are of the requests that fail; empty is any. Path is a part of it.
	Method, Path string
	// Times it happens; zero is until Mend.
	Times int
}

func (f *front) fail(failure Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, &failure)
}

func (f *front) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures, f.delay = nil, 0
	close(f.mended)
	f.mended = make(chan struct{})
}

func (f *front) delayBy(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = d
}

// meets is the trouble that a request meets: that of the oldest failure, and the delay.
func (f *front) meets(r *http.Request) trouble {
	f.mu.Lock()
	defer f.mu.Unlock()
	met := trouble{delay: f.delay, mended: f.mended}
	for i, failure := range f.failures {
		if (failure.Method != "" && failure.Method != r.Method) || !strings.Contains(r.URL.Path, failure.Path) {
			continue
		}
		met.fault = failure.Fault
		if failure.Times--; failure.Times == 0 {
			f.failures = slices.Delete(f.failures, i, i+1)
		}
		break
	}
	return met
}

// trouble is what a request meets.
type trouble struct {
	fault  Fault
	delay  time.Duration
	mended <-chan struct{}
}

// hold keeps a request waiting, and is false if nobody waits for it any longer.
func (f *front) hold(r *http.Request, met trouble) bool {
	var passed <-chan time.Time
	switch {
	case met.fault == Hang: // until mended
	case met.delay > 0:
		timer := time.NewTimer(met.delay)
		defer timer.Stop()
		passed = timer.C
	default:
		return true
	}
	select {
	case <-passed:
		return true
	case <-met.mended:
		return true
	case <-f.closed:
	case <-r.Context().Done():
	}
	return false
}

// failing answers as GitHub does that fails so; false if the fault is none of its answers.
func (s *Stub) failing(fault Fault) (answer, bool) {
	later := http.Header{"Retry-After": {"60"}}
	switch fault {
	case BadGateway:
		return answer{status: http.StatusBadGateway, page: "<html><title>502</title><p>Unicorn!</p></html>"}, true
	case Unavailable:
		return refuse(http.StatusServiceUnavailable, "No server is currently available to service your request."), true
	case PrimaryLimit:
		s.remaining = 0
		return s.limited(), true
	case SecondaryLimit:
		a := refuse(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		a.body.(object)["documentation_url"] = docs + "/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
		a.header = later
		return a, true
	case TooMany:
		a := refuse(http.StatusTooManyRequests, "Too many requests.")
		a.header = later
		return a, true
	case Unauthorized:
		return refuse(http.StatusUnauthorized, "Bad credentials"), true
	case Forbidden:
		return refuse(http.StatusForbidden, "Resource not accessible by integration"), true
	case NotFound:
		return notFound(), true
	}
	return answer{}, false
}

// recorder holds an answer back until it is known what becomes of it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

func (r *recorder) garble() {
	r.body.Truncate(r.body.Len() / 2)
	r.header.Del("Content-Length")
}

func (r *recorder) send(w http.ResponseWriter) {
	for key, values := range r.header {
		w.Header()[key] = values
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes())
}
