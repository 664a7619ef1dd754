package forge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// stub is the two calls of GitHub's API that are used, by GitHub's rules: what
// GitHub would refuse fails the test.
type stub struct {
	*httptest.Server
	t     *testing.T
	token string

	mu       sync.Mutex
	statuses []shown // oldest first
	requests []string
	fault    func(w http.ResponseWriter, r *http.Request) bool // true: answered
}

type shown struct {
	Commit      string  `json:"-"`
	ID          int     `json:"id"`
	State       string  `json:"state"`
	Context     string  `json:"context"`
	Description *string `json:"description"`
	TargetURL   *string `json:"target_url"`
}

func newStub(t *testing.T) *stub {
	s := &stub{t: t, token: "planted-token-value"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/repos/acme/monitoring/commits/{sha}/status", s.combined)
	mux.HandleFunc("POST /api/v3/repos/acme/monitoring/statuses/{sha}", s.create)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "Not Found")
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, r.Method)
		if s.fault != nil && s.fault(w, r) {
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+s.token {
			refuse(w, http.StatusUnauthorized, "Bad credentials: "+r.Header.Get("Authorization"))
			return
		}
		if r.Header.Get("User-Agent") == "" || !strings.Contains(r.Header.Get("Accept"), "json") {
			t.Errorf("headers %v", r.Header)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return s
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest"})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

var fullID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// combined answers with the newest status of each context, two a page.
func (s *stub) combined(w http.ResponseWriter, r *http.Request) {
	newest := map[string]shown{}
	for _, st := range s.statuses {
		if st.Commit == r.PathValue("sha") {
			newest[st.Context] = st
		}
	}
	list := []shown{}
	for _, st := range newest {
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b shown) int { return cmp.Compare(a.Context, b.Context) })
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	from := min(max(page-1, 0)*2, len(list))
	to := min(from+2, len(list))
	if to < len(list) {
		next := *r.URL
		next.RawQuery = url.Values{"page": {strconv.Itoa(max(page, 1) + 1)}}.Encode()
		w.Header().Set("Link", fmt.Sprintf(`<%s%s>; rel="next"`, s.URL, next.String()))
	}
	answer(w, http.StatusOK, map[string]any{"state": "pending", "sha": r.PathValue("sha"), "total_count": len(list), "statuses": list[from:to]})
}

func (s *stub) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		s.t.Errorf("body %v of type %s", err, r.Header.Get("Content-Type"))
	}
	st := shown{Commit: r.PathValue("sha"), ID: len(s.statuses) + 1}
	if err := json.Unmarshal(body, &st); err != nil {
		refuse(w, http.StatusBadRequest, "Problems parsing JSON")
		return
	}
	known := slices.Contains([]string{"error", "failure", "pending", "success"}, st.State)
	if !known || !fullID.MatchString(st.Commit) || st.Context == "" || utf8.RuneCountInString(st.Context) > 255 ||
		st.Description == nil || utf8.RuneCountInString(*st.Description) > 140 {
		s.t.Errorf("GitHub would refuse %s", body)
		refuse(w, http.StatusUnprocessableEntity, "Validation Failed")
		return
	}
	s.statuses = append(s.statuses, st)
	answer(w, http.StatusCreated, st)
}

// texts are what was written, as "context state text".
func (s *stub) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, st := range s.statuses {
		list = append(list, fmt.Sprintf("%s %s %s", st.Context, st.State, *st.Description))
	}
	return list
}

func (s *stub) setFault(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *stub) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *stub) options() GitHubOptions {
	return GitHubOptions{
		Repo:  Repo{API: s.URL + "/api/v3/", Owner: "acme", Name: "monitoring"},
		Token: func() (string, error) { return "planted-token-value", nil },
	}
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
