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
	waiting   []chan struct{} // closed by the next request or setting
	ids       int64
	repos     map[string]*Repo
	tokens    map[string]*credential
	apps      map[int64]*App
	people    map[string]int64  // ids of logins
	moved     map[string]object // examples as like gives them
	pageSize  int
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
		repos: map[string]*Repo{}, tokens: map[string]*credential{}, apps: map[int64]*App{}, people: map[string]int64{}, moved: map[string]object{},
		pageSize: 100, limit: hourly, remaining: hourly, reset: now().Add(time.Hour), tokenLife: time.Hour}
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

// wake makes no channel: a test in a bubble of testing/synctest may be the caller, and others wait for it.
func (s *Stub) wake() {
	for _, changed := range s.waiting {
		close(changed)
	}
	s.waiting = nil
}

// Await waits until a condition holds, which is looked at when a request comes, when it is done, and after every setting.
func (s *Stub) Await(ctx context.Context, condition func() bool) error {
	for {
		changed := make(chan struct{})
		s.mu.Lock()
		s.waiting = append(s.waiting, changed)
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
	who   *credential
	repo  *Repo
	body  []byte
	spent bool // of the hour's requests
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
		if a, is := s.failing(r); is {
			s.write(w, a)
			return
		}
		c := &call{Request: r, body: body}
		a := s.answer(route, c)
		if met, _ := r.Context().Value(metKey{}).(Failure); met.Fault == Incomplete {
			a.body = object{}
		}
		s.conditional(w, c, a)
	})
}

func (s *Stub) answer(route route, c *call) answer {
	var err error
	c.who, err = s.who(c.Request)
	if a, is := s.spend(c); is {
		return a
	}
	if err != nil {
		return refuse(http.StatusUnauthorized, err.Error())
	}
	if a, is := route.refuses(c.who); is {
		return a
	}
	if name := c.PathValue("repo"); name != "" {
		if c.repo = s.repos[c.PathValue("owner")+"/"+name]; c.repo == nil || !c.who.sees(name) {
			return notFound()
		}
	}
	return route.do(c)
}

func (s *Stub) id() int64 {
	s.ids++
	return s.ids
}
