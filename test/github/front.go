package github

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httputil"
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
	id    string
	proxy *httputil.ReverseProxy

	closed chan struct{}

	mu         sync.Mutex
	requests   []Request
	violations []Violation
	failures   []*Failure
	delay      time.Duration
	mended     chan struct{} // closed, and made anew, by mend
}

func newFront(j *judge, stub *Stub) *front {
	f := &front{judge: j, stub: stub, closed: make(chan struct{}), mended: make(chan struct{})}
	f.id = j.add(stub)
	target, err := url.Parse(j.prism.url)
	if err != nil {
		panic(err) // it matched a regular expression
	}
	f.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set(stubHeader, f.id)
		},
		// A connection each: Prism closes idle ones at any moment, and a POST is not tried again.
		Transport:      &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		ModifyResponse: f.judged,
		ErrorLog:       log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				f.violated(r, http.StatusBadGateway, "no answer of Prism: "+err.Error())
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return f
}

func (f *front) close() {
	close(f.closed)
	f.judge.remove(f.id)
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read, or is too long", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if path, ok := strings.CutPrefix(r.URL.EscapedPath(), enterprise); ok {
		r.URL.RawPath = path
		r.URL.Path, err = url.PathUnescape(path)
		if err != nil {
			http.Error(w, "bad path", http.StatusBadRequest)
			return
		}
	}
	at := f.record(r, string(body))
	met := f.meets(r)
	answer := &recorder{header: http.Header{}, status: http.StatusOK}
	if !f.hold(r, met) {
		panic(http.ErrAbortHandler)
	}
	r.Header.Set(faultHeader, string(met.fault))
	f.proxy.ServeHTTP(answer, r)
	if met.fault == HangUp {
		panic(http.ErrAbortHandler) // closes the connection
	}
	if met.fault == Garbage {
		answer.garble()
	}
	f.answered(at, answer.status)
	answer.send(w)
}

func (f *front) record(r *http.Request, body string) int {
	auth := f.stub.kind(r)
	defer f.stub.change(func() {}) // wakes Await, once it is there to see
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, Request{Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Auth: auth, Body: body})
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

// problem is Prism's own answer.
type problem struct {
	Title      string `json:"title"`
	Detail     string `json:"detail"`
	Validation []struct {
		Location []any  `json:"location"`
		Message  string `json:"message"`
	} `json:"validation"`
}

// judged sees what Prism answers; only its own answers are problems.
func (f *front) judged(answer *http.Response) error {
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind != "application/problem+json" {
		return nil
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(text))
	var p problem
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("read Prism's answer: %w", err)
	}
	f.violated(answer.Request, answer.StatusCode, p.words()...)
	return nil
}

// words are the problem's, without those that say the same, and not all of very many.
func (p problem) words() []string {
	const most = 10
	var words []string
	for _, v := range p.Validation {
		var place []string
		for _, part := range v.Location {
			place = append(place, fmt.Sprint(part))
		}
		if line := strings.Join(place, ".") + ": " + v.Message; !slices.Contains(words, line) {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return []string{p.Title + ": " + p.Detail}
	}
	if more := len(words) - most; more > 0 {
		words = append(words[:most], fmt.Sprintf("and %d more", more))
	}
	return words
}
