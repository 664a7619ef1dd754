package github

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// enterprise is where GitHub Enterprise has its API.
const enterprise = "/api/v3"

// maxBody of a request.
const maxBody = 10 << 20

// Request is one that came.
type Request struct {
	Time         time.Time
	Method, Path string
	Query        url.Values
	// Auth is whose credential it carried: "none", "unknown", "app", "installation" or "token".
	Auth string
	Body string
	// Status is what it was answered with; zero if it got no answer.
	Status int
}

// Violation is something that GitHub's description does not allow.
type Violation struct {
	Method, Path string
	// Status is Prism's: 422 for a request, 500 for an answer of the stub, and
	// 404 or 405 for what the description, or the part of it that is used, does not have.
	Status int
	// Words are Prism's.
	Words []string
}

// String is one line for people.
func (v Violation) String() string {
	return fmt.Sprintf("%s %s: %d: %s", v.Method, v.Path, v.Status, strings.Join(v.Words, "; "))
}

// front stands before the judge: it records, judges by what Prism says, and breaks what is to be broken.
type front struct {
	judge *judge
	stub  *Stub
	prism *url.URL
	// A connection each: Prism closes idle ones at any moment, and a POST is not tried again.
	transport http.RoundTripper

	closed chan struct{}

	mu         sync.Mutex
	requests   []Request
	violations []Violation
	failures   []*Failure
	delay      time.Duration
	held       []chan struct{} // of requests that are kept waiting; mend closes them
}

func newFront(j *judge, stub *Stub) (*front, error) {
	prism, err := url.Parse(j.prism.url)
	return &front{judge: j, stub: stub, prism: prism, closed: make(chan struct{}),
		transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}, err
}

func (f *front) close() { close(f.closed) }

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read, or is too long", http.StatusBadRequest)
		return
	}
	if path, ok := strings.CutPrefix(r.URL.EscapedPath(), enterprise); ok {
		r.URL.RawPath = path
		r.URL.Path, err = url.PathUnescape(path)
		if err != nil {
			http.Error(w, "bad path", http.StatusBadRequest)
			return
		}
	}
	at := f.record(r, string(body))
	f.manners(r)
	met := f.meets(r)
	if !f.hold(r, met) {
		panic(http.ErrAbortHandler)
	}
	if met.Do != nil {
		met.Do()
	}
	answer := f.exchange(r.WithContext(context.WithValue(r.Context(), metKey{}, met.Failure)), string(body))
	if met.Fault == HangUp || met.Fault == Lost {
		panic(http.ErrAbortHandler) // closes the connection
	}
	if met.Fault == Garbage {
		answer.garble()
	}
	f.answered(at, answer.status)
	answer.send(w)
}

// manners are what GitHub's documentation demands of every request, and its description does not say.
func (f *front) manners(r *http.Request) {
	if r.UserAgent() == "" {
		f.violated(r, http.StatusForbidden, "there is no User-Agent")
	}
	if accept := r.Header.Get("Accept"); accept != "" && !strings.HasPrefix(accept, "application/") {
		f.violated(r, http.StatusUnsupportedMediaType, "it accepts "+accept+" and no JSON")
	}
}

func (f *front) record(r *http.Request, body string) int {
	auth := f.stub.kind(r)
	defer f.stub.change(func() {}) // wakes Await, once it is there to see
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, Request{Time: f.stub.now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Auth: auth, Body: body})
	return len(f.requests) - 1
}

func (f *front) answered(at, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests[at].Status = status
}

func (f *front) came() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *front) said() []Violation {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.violations)
}

func (f *front) violated(r *http.Request, status int, words ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.violations = append(f.violations, Violation{Method: r.Method, Path: r.URL.Path, Status: status, Words: words})
}
