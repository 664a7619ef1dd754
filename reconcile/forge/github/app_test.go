package github

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
)

func newApp(t *testing.T, opts AppOptions) *App {
	t.Helper()
	a, err := NewApp(opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func token(t *testing.T, a *App) string {
	t.Helper()
	token, err := a.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAppTokenIsNarrow(t *testing.T) {
	all := object{"metadata": "read", "contents": "read", "statuses": "write", "pull_requests": "write", "checks": "write", "deployments": "write"}
	for name, test := range map[string]struct{ granted, want object }{
		"all":     {nil, all},
		"less":    {object{"metadata": "read", "statuses": "write", "pull_requests": "read"}, object{"metadata": "read", "statuses": "write", "pull_requests": "read"}},
		"nothing": {object{"metadata": "read"}, object{"metadata": "read"}},
	} {
		s := newStub(t)
		s.app.permissions = test.granted
		token(t, newApp(t, s.app.options(s)))
		want := object{"repositories": []any{"monitoring"}, "permissions": test.want}
		if diff := cmp.Diff(want, s.app.asked); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAppTokenIsRenewedInTime(t *testing.T) {
	s := newStub(t)
	synctest.Test(t, func(t *testing.T) {
		a := s.inside(s.appOptions()).App
		var got []string
		for _, wait := range []time.Duration{0, 50 * time.Minute, 4 * time.Minute, 2 * time.Minute, 54 * time.Minute, 2 * time.Minute} {
			time.Sleep(wait)
			got = append(got, strings.TrimPrefix(token(t, a), "ghs_planted"))
		}
		if diff := cmp.Diff([]string{"1", "1", "1", "2", "2", "3"}, got); diff != "" {
			t.Error(diff)
		}
	})
	if diff := cmp.Diff([]string{"GET /installation", "POST /app/installations/5/access_tokens"}, s.heard()[:2]); diff != "" {
		t.Error(diff)
	}
}

func TestAppTokensAreAskedForOnce(t *testing.T) {
	s := newStub(t)
	a := newApp(t, s.app.options(s))
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := a.Token(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if s.app.made != 1 {
		t.Errorf("%d tokens", s.app.made)
	}
}

// A token that GitHub takes back is renewed, once for a request.
func TestAppTokenRevoked(t *testing.T) {
	s := newStub(t)
	c := newClient(t, s.appOptions())
	report(t, c, status(forge.Pending, "rendering"))
	s.app.revoke()
	report(t, c, status(forge.Success, "live"))
	if s.app.made != 2 || len(s.texts()) != 2 {
		t.Errorf("%d tokens, %v", s.app.made, s.texts())
	}
	s.heard()
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/statuses/") {
			refuse(w, http.StatusUnauthorized, "Bad credentials: "+r.Header.Get("Authorization"))
			return true
		}
		return false
	})
	err := c.Report(t.Context(), status(forge.Failure, "refused"))
	if again(err) < 0 || strings.Contains(err.Error(), "planted") {
		t.Errorf("%v", err)
	}
	want := []string{"POST /statuses/" + commit, "GET /installation", "POST /app/installations/5/access_tokens", "POST /statuses/" + commit}
	if diff := cmp.Diff(want, s.heard()); diff != "" {
		t.Error(diff)
	}
}

// A clock that is wrong by hours is found out by GitHub's answers.
func TestAppWithAWrongClock(t *testing.T) {
	for _, skew := range []time.Duration{0, -50 * time.Second, 50 * time.Second, -5 * time.Minute, 5 * time.Minute, -3 * time.Hour, 3 * time.Hour, 9000 * time.Hour} {
		s := newStub(t)
		s.skew = skew
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, s.inside(s.appOptions()))
			report(t, c, status(forge.Pending, "rendering"))
			for range 10 {
				time.Sleep(20 * time.Minute)
				if token := token(t, c.App()); !s.app.valid(token, time.Now().Add(skew)) {
					t.Errorf("clock off by %s: a token that has ended", skew)
				}
			}
		})
		if s.app.made > 6 {
			t.Errorf("clock off by %s: %d tokens in 200 minutes", skew, s.app.made)
		}
	}
}

func TestAppErrors(t *testing.T) {
	refusing := func(code int, part string) func(*stub, *AppOptions) {
		return func(s *stub, _ *AppOptions) {
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, part) {
					refuse(w, code, "no, "+r.Header.Get("Authorization"))
					return true
				}
				return false
			})
		}
	}
	key := func(text string) func(*stub, *AppOptions) {
		return func(_ *stub, o *AppOptions) { o.Key = func() ([]byte, error) { return []byte(text), nil } }
	}
	tests := map[string]struct {
		change func(*stub, *AppOptions)
		says   string
	}{
		"no key":          {func(_ *stub, o *AppOptions) { o.Key = KeyFile("/nowhere") }, "private key: open /nowhere"},
		"empty key":       {key(""), "not an RSA key in PEM"},
		"not a key":       {key("-----BEGIN RSA PRIVATE KEY-----\nplanted\n-----END RSA PRIVATE KEY-----"), "not an RSA key in PEM"},
		"another App's":   {func(_ *stub, o *AppOptions) { o.ID = "Iv1.other" }, "App's id"},
		"not installed":   {refusing(404, "/installation"), "is installed on the repository"},
		"suspended":       {refusing(403, "/access_tokens"), "not suspended"},
		"another's repo":  {refusing(422, "/access_tokens"), "may see the repository"},
		"down":            {refusing(502, "/access_tokens"), "502"},
		"no such":         {func(_ *stub, o *AppOptions) { o.Installation = 6 }, "is installed"},
		"an empty answer": {func(s *stub, _ *AppOptions) { s.setFault(empty) }, "the answer has none"},
	}
	for name, test := range tests {
		s := newStub(t)
		opts := s.app.options(s)
		test.change(s, &opts)
		a := newApp(t, opts)
		c := newClient(t, Options{Repo: s.repo(), App: a})
		for what, err := range map[string]error{
			"status": c.Report(t.Context(), status(forge.Success, "live")), "comment": c.Comment(t.Context(), forge.Comment{Pull: 1, Key: "a"}),
			"check": c.Check(t.Context(), forge.Check{Commit: commit, Name: "a", State: forge.Success}),
		} {
			if again(err) < 0 || !strings.Contains(err.Error(), test.says) || errors.Is(err, forge.ErrUnsupported) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				shown := fmt.Sprintf("%v %+v %#v", e, e, e)
				if strings.Contains(shown, "planted") && !strings.Contains(test.says, "planted") || strings.Contains(shown, "eyJ") {
					t.Errorf("%s: a secret is shown: %s", name, shown)
				}
			}
		}
	}
	if _, err := NewApp(AppOptions{Repo: Repo{API: "https://h/"}, ID: "1"}); err == nil {
		t.Error("an App without a key is taken")
	}
}

func empty(w http.ResponseWriter, r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/access_tokens") {
		answer(w, http.StatusCreated, object{})
		return true
	}
	return false
}

// The key can be exchanged, and mended, without a restart.
func TestAppKeyFile(t *testing.T) {
	s := newStub(t)
	path := filepath.Join(t.TempDir(), "key.pem")
	opts := s.app.options(s)
	opts.Key, opts.Installation = KeyFile(path), 5
	a := newApp(t, opts)
	if _, err := a.Token(t.Context()); err == nil {
		t.Error("a token without a key")
	}
	if err := os.WriteFile(path, appPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	token(t, a)
	if diff := cmp.Diff([]string{"GET /app/installations/5", "POST /app/installations/5/access_tokens"}, s.heard()); diff != "" {
		t.Error(diff)
	}
}
