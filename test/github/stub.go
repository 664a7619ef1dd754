package github

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const docs = "https://docs.github.com/rest"

// Stub is what GitHub remembers, and the rules of it that its description does
// not tell. Tests set it and read it; clients reach it through a [Server].
type Stub struct {
	base     string // of its URLs, without a slash at the end
	examples *description
	now      func() time.Time
	mux      *http.ServeMux

	mu        sync.Mutex
	changed   chan struct{} // closed, and made anew, by every request and setting
	ids       int64
	repos     map[string]*Repo
	tokens    map[string]*credential
	apps      map[int64]*App
	limit     int
	remaining int
	reset     time.Time
	tokenLife time.Duration
}

// hourly is GitHub's limit for one App's installation or one person.
const hourly = 5000

func newStub(base string, examples *description, now func() time.Time) *Stub {
	if now == nil {
		now = time.Now
	}
	s := &Stub{base: base, examples: examples, now: now, mux: http.NewServeMux(),
		changed: make(chan struct{}), repos: map[string]*Repo{}, tokens: map[string]*credential{}, apps: map[int64]*App{},
		limit: hourly, remaining: hourly, reset: now().Add(time.Hour), tokenLife: time.Hour}
	for _, route := range s.routes() {
		s.mux.Handle(route.pattern, s.handle(route))
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.write(w, notFound()) })
	return s
}

// change runs something under the lock, and wakes Await.
func (s *Stub) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	s.wake()
}

func (s *Stub) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Await waits until a condition holds, which is looked at when a request comes, when it is done, and after every setting.
func (s *Stub) Await(ctx context.Context, condition func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("await what GitHub is told: %w", ctx.Err())
		}
	}
}

// SetRemaining says how many requests are left, and until when that holds.
func (s *Stub) SetRemaining(n int, reset time.Time) {
	s.change(func() { s.remaining, s.reset = n, reset })
}

// route is one operation.
type route struct {
	pattern string
	// right that it needs, of a token: "" is none, "app" an App's own key. Any of several.
	right []string
	// level of the right: read or write.
	level string
	do    func(*call) answer
}

// call is one request, with all that has been found out about it.
type call struct {
	*http.Request
	who  *credential
	repo *Repo
	body []byte
}

// read decodes the body; the judge has seen already that it is what GitHub wants.
func (c *call) read(into any) error { return json.Unmarshal(c.body, into) }

// answer is what a route gives.
type answer struct {
	status int
	body   any
	page   string // HTML, in place of the body
	header http.Header
}

func ok(body any) answer      { return answer{status: http.StatusOK, body: body} }
func created(body any) answer { return answer{status: http.StatusCreated, body: body} }

func refuse(status int, message string) answer {
	return answer{status: status, body: object{"message": message, "documentation_url": docs, "status": fmt.Sprint(status)}}
}

func notFound() answer { return refuse(http.StatusNotFound, "Not Found") }

// invalid is what GitHub answers to what it understands and does not take.
func invalid(resource, field, message string) answer {
	a := refuse(http.StatusUnprocessableEntity, "Validation Failed")
	a.body.(object)["errors"] = []object{{"resource": resource, "field": field, "code": "custom", "message": message}}
	return a
}

// ServeHTTP implements http.Handler.
func (s *Stub) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handle is the way of every request: fault, limit, credential, right, repository, and then the route itself.
func (s *Stub) handle(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // Prism is gone
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		defer s.wake()
		fault := Fault(r.Header.Get(faultHeader))
		if a, is := s.failing(fault); is {
			s.write(w, a)
			return
		}
		a := s.answer(route, &call{Request: r, body: body})
		if fault == Incomplete {
			a.body = object{}
		}
		s.conditional(w, r, a)
	})
}

func (s *Stub) answer(route route, c *call) answer {
	if a, is := s.spend(c.URL.Path); is {
		return a
	}
	if a, is := s.authorize(route, c); is {
		return a
	}
	if name := c.PathValue("repo"); name != "" {
		if c.repo = s.repos[c.PathValue("owner")+"/"+name]; c.repo == nil {
			return notFound()
		}
	}
	return route.do(c)
}

func (s *Stub) id() int64 {
	s.ids++
	return s.ids
}
