package github

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// stub is what is used of GitHub's API, by GitHub's rules: what GitHub would
// refuse fails the test.
type stub struct {
	*httptest.Server
	t     *testing.T
	token string // of a user
	app   appStub
	skew  time.Duration // of its clock

	mu          sync.Mutex
	nextID      int
	pageSize    int
	statuses    []object // oldest first, and so with the others
	pulls       []object
	comments    []object
	runs        []object
	annotations map[int][]any
	deployments []object
	limit, used int
	reset       time.Time
	requests    []string
	unchanged   int                                               // answers 304
	fault       func(w http.ResponseWriter, r *http.Request) bool // true: answered
}

type object = map[string]any

const repoPath = "/api/v3/repos/acme/monitoring"

func newStub(t *testing.T) *stub {
	s := &stub{t: t, token: "planted-token-value", pageSize: 2, nextID: 100, annotations: map[int][]any{}, limit: 5000}
	mux := http.NewServeMux()
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET /commits/{sha}/status":       s.combined,
		"POST /statuses/{sha}":            s.createStatus,
		"GET /pulls":                      s.listPulls,
		"GET /pulls/{number}":             s.onePull,
		"GET /issues/{number}/comments":   s.listComments,
		"POST /issues/{number}/comments":  s.createComment,
		"PATCH /issues/comments/{id}":     s.editComment,
		"DELETE /issues/comments/{id}":    s.deleteComment,
		"GET /commits/{sha}/check-runs":   s.listRuns,
		"POST /check-runs":                s.createRun,
		"PATCH /check-runs/{id}":          s.updateRun,
		"GET /deployments":                s.listDeployments,
		"POST /deployments":               s.createDeployment,
		"GET /deployments/{id}/statuses":  s.listDeploymentStatuses,
		"POST /deployments/{id}/statuses": s.createDeploymentStatus,
		"GET /installation":               s.app.installation,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+repoPath+path, handle)
	}
	mux.HandleFunc("GET /api/v3/user", s.user)
	mux.HandleFunc("GET /api/v3/app/installations/{id}", s.app.installation)
	mux.HandleFunc("POST /api/v3/app/installations/{id}/access_tokens", s.app.createToken)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "Not Found") })
	s.app.stub = s
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(mux, w, r) }))
	t.Cleanup(func() {
		s.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return s
}

// serve does what GitHub does with every request.
func (s *stub) serve(mux http.Handler, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().Add(s.skew)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	s.requests = append(s.requests, r.Method+" "+strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, repoPath), "/api/v3"))
	if s.fault != nil && s.fault(w, r) {
		return
	}
	if r.Header.Get("User-Agent") == "" || !strings.HasPrefix(r.Header.Get("Accept"), "application/") {
		s.t.Errorf("headers %v", r.Header)
	}
	if strings.Contains(r.URL.Path, "/app/") || strings.HasSuffix(r.URL.Path, "/installation") {
		if s.app.signed(w, r, now) {
			mux.ServeHTTP(w, r)
		}
		return
	}
	if token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); token != s.token && !s.app.valid(token, now) {
		refuse(w, http.StatusUnauthorized, "Bad credentials: "+r.Header.Get("Authorization"))
		return
	}
	if now.After(s.reset) {
		s.used, s.reset = 0, now.Add(time.Hour)
	}
	answer := httptest.NewRecorder()
	if s.used >= s.limit {
		refuse(answer, http.StatusForbidden, "API rate limit exceeded")
	} else {
		mux.ServeHTTP(answer, r)
	}
	s.pass(w, r, answer)
}

// pass sends the answer with its entity tag and the rate limit.
func (s *stub) pass(w http.ResponseWriter, r *http.Request, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	code, body := answer.Code, answer.Body.Bytes()
	if r.Method == http.MethodGet && code == http.StatusOK {
		tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256([]byte(string(body)+r.Header.Get("Authorization"))))
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			code, body = http.StatusNotModified, nil
			s.unchanged++
		}
	}
	if code != http.StatusNotModified {
		s.used++
	}
	w.Header().Set("X-RateLimit-Limit", strconv.Itoa(s.limit))
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(max(s.limit-s.used, 0)))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(s.reset.Unix(), 10))
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, object{"message": message, "documentation_url": "https://docs.github.com/rest"})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// invalid is what GitHub would answer 422 to, and an error of the client.
func (s *stub) invalid(w http.ResponseWriter, why string, body any) {
	s.t.Errorf("GitHub would refuse this, as %s: %.500v", why, body)
	refuse(w, http.StatusUnprocessableEntity, "Validation Failed")
}

// read takes a request's body, and numbers it.
func (s *stub) read(r *http.Request) object {
	body, err := io.ReadAll(r.Body)
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		s.t.Errorf("body %v of type %s", err, r.Header.Get("Content-Type"))
	}
	o := object{}
	if err := json.Unmarshal(body, &o); err != nil {
		s.t.Errorf("body: %v", err)
	}
	s.nextID++
	o["id"] = s.nextID
	return o
}

func text(o object, name string) string { v, _ := o[name].(string); return v }

// page answers with a part of a list, as GitHub does.
func (s *stub) page(w http.ResponseWriter, r *http.Request, list []object) []object {
	query := r.URL.Query()
	page, _ := strconv.Atoi(query.Get("page"))
	from := min(max(page-1, 0)*s.pageSize, len(list))
	to := min(from+s.pageSize, len(list))
	if to < len(list) {
		query.Set("page", strconv.Itoa(max(page, 1)+1))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, s.URL, r.URL.Path, query.Encode()))
	}
	return append([]object{}, list[from:to]...)
}

func (s *stub) user(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+s.token {
		refuse(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	answer(w, http.StatusOK, object{"login": "watchbill-bot", "id": 7, "type": "User"})
}

var fullID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// combined answers with the newest status of each context.
func (s *stub) combined(w http.ResponseWriter, r *http.Request) {
	var list []object
	for _, st := range slices.Backward(s.statuses) {
		same := func(o object) bool { return o["context"] == st["context"] }
		if st["sha"] == r.PathValue("sha") && !slices.ContainsFunc(list, same) {
			list = append(list, st)
		}
	}
	answer(w, http.StatusOK, object{"state": "pending", "sha": r.PathValue("sha"), "total_count": len(list), "statuses": s.page(w, r, list)})
}

func (s *stub) createStatus(w http.ResponseWriter, r *http.Request) {
	st := s.read(r)
	st["sha"] = r.PathValue("sha")
	known := slices.Contains([]string{"error", "failure", "pending", "success"}, text(st, "state"))
	if !known || !fullID.MatchString(text(st, "sha")) || st["context"] == "" || st["description"] == nil ||
		utf8.RuneCountInString(text(st, "context")) > 255 || utf8.RuneCountInString(text(st, "description")) > 140 {
		s.invalid(w, "a status is not like this", st)
		return
	}
	s.statuses = append(s.statuses, st)
	answer(w, http.StatusCreated, st)
}

// texts are the statuses that were written, as "context state text".
func (s *stub) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, st := range s.statuses {
		list = append(list, fmt.Sprintf("%s %s %s", st["context"], st["state"], st["description"]))
	}
	return list
}

func (s *stub) setFault(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// heard are the requests since it was asked last.
func (s *stub) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	heard := s.requests
	s.requests = nil
	return heard
}

func (s *stub) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// stumble answers so many requests with an error that quotes the token.
func stumble(times *int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if *times == 0 {
			return false
		}
		*times--
		refuse(w, http.StatusBadGateway, "no luck with "+r.Header.Get("Authorization"))
		return true
	}
}

func (s *stub) repo() Repo { return Repo{API: s.URL + "/api/v3/", Owner: "acme", Name: "monitoring"} }

// options are those of a user's token.
func (s *stub) options() Options {
	return Options{Repo: s.repo(), Token: func(context.Context) (string, error) { return "planted-token-value", nil }}
}

// appOptions are those of the App.
func (s *stub) appOptions() Options {
	app, err := NewApp(s.app.options(s))
	if err != nil {
		s.t.Fatal(err)
	}
	return Options{Repo: s.repo(), App: app}
}
