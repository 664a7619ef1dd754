package github

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is a way in which GitHub fails.
type Fault string

// The faults. In the last four the request is judged all the same, and done, but in Lost.
const (
	BadGateway     Fault = "bad gateway"     // 502 with a page of HTML
	Unavailable    Fault = "unavailable"     // 503
	PrimaryLimit   Fault = "primary limit"   // 403: the hour's requests are used up
	SecondaryLimit Fault = "secondary limit" // 403 with Retry-After: 60
	TooMany        Fault = "too many"        // 429 with Retry-After: 60
	Unauthorized   Fault = "unauthorized"    // 401: the credential is revoked
	Forbidden      Fault = "forbidden"       // 403: no right to it
	NotFound       Fault = "not found"       // 404
	Invalid        Fault = "invalid"         // 422: understood, and not taken
	Incomplete     Fault = "incomplete"      // an answer that lacks a required field: the judge has to see it
	Hang           Fault = "hang"            // no answer before Mend
	Lost           Fault = "lost"            // the connection is closed, and nothing came of the request
	HangUp         Fault = "hang up"         // the connection is closed without an answer
	Garbage        Fault = "garbage"         // half an answer
)

// Failure is a fault, and when.
type Failure struct {
	Fault Fault
	// Method and Path are of the requests that fail; empty is any. Path is a part of it.
	Method, Path string
	// Times it happens; zero is until Mend.
	Times int
	// Do is done while the request is on its way, before the fault. Without a Fault there is nothing else to it.
	Do func()

	// Status, Message and Header are in place of those that the fault's answer
	// usually has. The word CREDENTIAL in the message is replaced by what the
	// request carries, and an empty header is left out.
	Status  int
	Message string
	Header  map[string]string
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
	for _, mended := range f.held {
		close(mended)
	}
	f.held = nil
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
	met := trouble{delay: f.delay}
	for i, failure := range f.failures {
		if (failure.Method != "" && failure.Method != r.Method) || !strings.Contains(r.URL.Path, failure.Path) {
			continue
		}
		met.Failure = *failure
		if failure.Times--; failure.Times == 0 {
			f.failures = slices.Delete(f.failures, i, i+1)
		}
		break
	}
	if met.Fault == Hang || met.delay > 0 {
		mended := make(chan struct{})
		f.held = append(f.held, mended)
		met.mended = mended
	}
	return met
}

// trouble is what a request meets.
type trouble struct {
	Failure
	delay  time.Duration
	mended <-chan struct{} // nil if nothing keeps it waiting
}

// metKey is of the Failure that a request's context holds.
type metKey struct{}

// hold keeps a request waiting, and is false if nobody waits for it any longer.
func (f *front) hold(r *http.Request, met trouble) bool {
	if met.mended == nil {
		return true
	}
	var passed <-chan time.Time
	if met.Fault != Hang {
		timer := time.NewTimer(met.delay)
		defer timer.Stop()
		passed = timer.C
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

// failing answers as GitHub does that fails so; false if the failure is none of its answers.
func (s *Stub) failing(r *http.Request) (answer, bool) {
	met, _ := r.Context().Value(metKey{}).(Failure)
	a, is := s.usual(met.Fault)
	if !is {
		return a, false
	}
	if met.Status != 0 {
		a.status = met.Status
		if o, is := a.body.(object); is {
			o["status"] = strconv.Itoa(met.Status)
		}
	}
	if met.Message != "" {
		_, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		message := strings.ReplaceAll(met.Message, "CREDENTIAL", credential)
		if a.page != "" {
			a.page = message
		} else {
			a.body.(object)["message"] = message
		}
	}
	for name, value := range met.Header {
		if a.header == nil {
			a.header = http.Header{}
		}
		a.header.Set(name, value)
	}
	maps.DeleteFunc(a.header, func(_ string, values []string) bool { return values[0] == "" })
	return a, true
}

// usual is what GitHub usually answers with a fault.
func (s *Stub) usual(fault Fault) (answer, bool) {
	later := http.Header{"Retry-After": {"60"}}
	switch fault {
	case BadGateway:
		return answer{status: http.StatusBadGateway, page: "<html><title>502</title><p>Unicorn!</p></html>"}, true
	case Unavailable, Lost:
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
	case Invalid:
		return invalid("Resource", "field", "it is not taken"), true
	}
	return answer{}, false
}

// recorder holds an answer back until it is known what becomes of it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: http.Header{}, status: http.StatusOK} }

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
