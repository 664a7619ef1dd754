package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var commit = strings.Repeat("ab", 20)

func status(state State, text string) Status {
	return Status{Commit: commit, Context: "watchbill/prod", State: state, Text: text}
}

func report(t *testing.T, r Reporter, s Status) {
	t.Helper()
	if err := r.Report(t.Context(), s); err != nil {
		t.Error(err)
	}
}

func newGitHub(t *testing.T, opts GitHubOptions) *GitHub {
	t.Helper()
	g, err := NewGitHub(opts)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGitHubWritesEachStateOnce(t *testing.T) {
	s := newStub(t)
	g := newGitHub(t, s.options())
	long := "refused by Prometheus: " + strings.Repeat("words of the process ", 20)
	for range 2 {
		report(t, g, status(Pending, "rendering"))
	}
	report(t, g, status(Pending, "waiting for proof"))
	report(t, g, status(Failure, long))
	report(t, g, status(Failure, long))
	other := status(Success, "live \U0001F600")
	other.Context, other.URL = "watchbill/dev", "https://example.com/x"
	report(t, g, other)
	want := []string{
		"watchbill/prod pending rendering",
		"watchbill/prod pending waiting for proof",
		"watchbill/prod failure " + cut(long, 140),
		"watchbill/dev success live ?",
	}
	if diff := cmp.Diff(want, s.texts()); diff != "" {
		t.Error(diff)
	}
	if n := len([]rune(cut(long, 140))); n > 140 || n < 120 {
		t.Errorf("cut to %d characters", n)
	}
	if got := s.statuses[3].TargetURL; got == nil || *got != other.URL {
		t.Errorf("target URL %v", got)
	}
	if n := s.count(); n != 4+2 { // and one question for each context
		t.Errorf("%d requests", n)
	}
	// After a restart GitHub is asked, and answers on its second page.
	for _, context := range []string{"a", "b", "c"} {
		st := status(Success, "x")
		st.Context = context
		report(t, g, st)
	}
	before := len(s.texts())
	g = newGitHub(t, s.options())
	report(t, g, status(Failure, long))
	if n := len(s.texts()); n != before {
		t.Errorf("said again after a restart: %v", s.texts()[before:])
	}
	report(t, g, status(Success, "live"))
	if n := len(s.texts()); n != before+1 {
		t.Error("a new state was not written after a restart")
	}
}

func TestGitHubErrors(t *testing.T) {
	reply := func(code int, header map[string]string, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(code)
			fmt.Fprint(w, strings.ReplaceAll(body, "TOKEN", r.Header.Get("Authorization")))
			return true
		}
	}
	reset := strconv.FormatInt(time.Now().Add(10*time.Minute).Unix(), 10)
	const secondary = `{"message":"secondary","documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	tests := []struct {
		name        string
		fault       func(http.ResponseWriter, *http.Request) bool
		retry       bool
		least, most time.Duration
		says        string
	}{
		{"primary limit", reply(403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": reset}, `{"message":"limit"}`), true, 9 * time.Minute, 10 * time.Minute, "used up"},
		{"secondary limit", reply(403, map[string]string{"Retry-After": "42"}, secondary), true, 42 * time.Second, 42 * time.Second, "fewer requests"},
		{"secondary limit, absurd", reply(429, map[string]string{"Retry-After": "9999999"}, secondary), true, time.Hour, time.Hour, "fewer requests"},
		{"unnamed limit", reply(429, map[string]string{"Retry-After": "7"}, `{}`), true, 7 * time.Second, 7 * time.Second, ""},
		{"forbidden", reply(403, nil, `{"message":"Resource not accessible by TOKEN"}`), true, 0, 0, "may write"},
		{"unauthorized", reply(401, nil, `{"message":"Bad credentials TOKEN"}`), true, 0, 0, "is current"},
		{"server error", reply(500, nil, `oops TOKEN`), true, 0, 0, "500"},
		{"bad gateway", reply(502, map[string]string{"Retry-After": "3"}, `<html>`), true, 3 * time.Second, 3 * time.Second, "502"},
		{"not found", reply(404, nil, `{"message":"Not Found"}`), false, 0, 0, "repository's name"},
		{"too many statuses", reply(422, nil, `{"message":"Validation Failed TOKEN","errors":[{"message":"This SHA and context has reached the maximum number of statuses."}]}`), false, 0, 0, "force-push"},
		{"broken off", func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, true, 0, 0, "EOF"},
	}
	for _, test := range tests {
		for _, method := range []string{"GET", "POST"} {
			t.Run(test.name+" at "+method, func(t *testing.T) {
				s := newStub(t)
				s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
					return r.Method == method && test.fault(w, r)
				})
				err := newGitHub(t, s.options()).Report(t.Context(), status(Success, "live"))
				var retry *RetryError
				if err == nil || errors.As(err, &retry) != test.retry || !strings.Contains(err.Error(), test.says) {
					t.Fatalf("retry %v: %v", retry != nil, err)
				}
				if retry != nil && (retry.After < test.least || retry.After > test.most) {
					t.Errorf("again after %v", retry.After)
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					if shown := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(shown, s.token) {
						t.Errorf("the token is shown: %s", shown)
					}
				}
			})
		}
	}
}

// A write whose answer was lost is asked for before it is repeated.
func TestGitHubAfterALostAnswer(t *testing.T) {
	s := newStub(t)
	g := newGitHub(t, s.options())
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			s.create(httptest.NewRecorder(), withSHA(r))
			panic(http.ErrAbortHandler)
		}
		return false
	})
	var retry *RetryError
	if err := g.Report(t.Context(), status(Success, "live")); !errors.As(err, &retry) {
		t.Fatalf("lost answer: %v", err)
	}
	s.setFault(nil)
	report(t, g, status(Success, "live"))
	if n := len(s.texts()); n != 1 {
		t.Errorf("written %d times", n)
	}
}

func withSHA(r *http.Request) *http.Request {
	r.SetPathValue("sha", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	return r
}

func TestGitHubToken(t *testing.T) {
	s := newStub(t)
	path := filepath.Join(t.TempDir(), "token")
	opts := s.options()
	opts.Token = TokenFile(path)
	g := newGitHub(t, opts)
	var retry *RetryError
	for _, content := range []string{"", "\n", "wrong"} {
		if content != "" {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Report(t.Context(), status(Success, "live")); !errors.As(err, &retry) {
			t.Errorf("token file %q: %v", content, err)
		}
	}
	if err := os.WriteFile(path, []byte(s.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	report(t, g, status(Success, "live"))
}

func TestGitHubTokenStaysWithItsHost(t *testing.T) {
	var leaked string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked += r.Header.Get("Authorization")
		w.WriteHeader(http.StatusNotFound)
	}))
	defer other.Close()
	s := newStub(t)
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	})
	if err := newGitHub(t, s.options()).Report(t.Context(), status(Success, "live")); err == nil {
		t.Error("no error")
	}
	if leaked != "" {
		t.Error("another host was sent the token")
	}
}

func TestGitHubOptions(t *testing.T) {
	token := func() (string, error) { return "x", nil }
	for _, opts := range []GitHubOptions{
		{},
		{Repo: Repo{API: "https://api.github.com/", Owner: "a", Name: "b"}},
		{Repo: Repo{API: "https://api.github.com/", Owner: "a"}, Token: token},
		{Repo: Repo{API: "nonsense", Owner: "a", Name: "b"}, Token: token},
		{Repo: Repo{API: "https://u:planted@h/", Owner: "a", Name: "b"}, Token: token},
	} {
		if _, err := NewGitHub(opts); err == nil || strings.Contains(err.Error(), "planted") {
			t.Errorf("%+v: %v", opts.Repo, err)
		}
	}
	s := newStub(t)
	opts := s.options()
	opts.Repo.API = strings.TrimSuffix(opts.Repo.API, "/")
	report(t, newGitHub(t, opts), status(Success, "live"))
	for _, bad := range []Status{{}, {Commit: commit, Context: "x", State: "done"}, {Context: "x", State: Success}, {Commit: commit, State: Success}} {
		if err := newGitHub(t, opts).Report(t.Context(), bad); err == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
}

func TestGitHubForgetsTheOldest(t *testing.T) {
	s := newStub(t)
	g := newGitHub(t, s.options())
	for i := range remembered + 10 {
		g.remember(Status{Commit: strconv.Itoa(i), Context: "x"})
	}
	if len(g.shown) != remembered || len(g.order) != remembered {
		t.Errorf("%d and %d remembered", len(g.shown), len(g.order))
	}
	g.forget(Status{Commit: strconv.Itoa(remembered), Context: "x"})
	if len(g.shown) != remembered-1 || len(g.order) != remembered-1 {
		t.Errorf("%d and %d remembered", len(g.shown), len(g.order))
	}
}

func TestGitHubCancelled(t *testing.T) {
	s := newStub(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newGitHub(t, s.options()).Report(ctx, status(Success, "live")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
