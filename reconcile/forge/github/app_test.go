package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
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
	type rights map[string]string
	all := rights{"metadata": "read", "contents": "read", "statuses": "write", "pull_requests": "write", "checks": "write", "deployments": "write"}
	for name, test := range map[string]struct{ granted, want rights }{
		"all":     {nil, all},
		"less":    {rights{"metadata": "read", "statuses": "write", "pull_requests": "read"}, rights{"metadata": "read", "statuses": "write", "pull_requests": "read"}},
		"nothing": {rights{"metadata": "read"}, rights{"metadata": "read"}},
	} {
		s := newStand(t)
		if test.granted != nil {
			s.grant(test.granted)
		}
		token(t, newApp(t, s.keyOptions()))
		type asking struct {
			Repositories []string
			Permissions  rights
		}
		var asked asking
		requests := s.Requests()
		if err := json.Unmarshal([]byte(requests[len(requests)-1].Body), &asked); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asking{[]string{"monitoring"}, test.want}, asked); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAppTokenIsRenewedInTime(t *testing.T) {
	s := bubbleStand(t, 0)
	synctest.Test(t, func(t *testing.T) {
		a := s.appOptions().App
		var got, tokens []string
		for _, wait := range []time.Duration{0, 50 * time.Minute, 4 * time.Minute, 2 * time.Minute, 54 * time.Minute, 2 * time.Minute} {
			time.Sleep(wait)
			one := token(t, a)
			if !slices.Contains(tokens, one) {
				tokens = append(tokens, one)
			}
			got = append(got, strconv.Itoa(slices.Index(tokens, one)+1))
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
	s := newStand(t)
	a := newApp(t, s.keyOptions())
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := a.Token(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := s.tokens(); n != 1 {
		t.Errorf("%d tokens", n)
	}
}

// A token that GitHub takes back is renewed, once for a request.
func TestAppTokenRevoked(t *testing.T) {
	s := newStand(t)
	c := newClient(t, s.appOptions())
	report(t, c, status(forge.Pending, "rendering"))
	s.RevokeTokens()
	report(t, c, status(forge.Success, "live"))
	if s.tokens() != 2 || len(s.texts()) != 2 {
		t.Errorf("%d tokens, %v", s.tokens(), s.texts())
	}
	s.heard()
	s.Fail(judge.Failure{Fault: judge.Unauthorized, Path: "/statuses/", Message: "Bad credentials: CREDENTIAL"})
	err := c.Report(t.Context(), status(forge.Failure, "refused"))
	if again(err) < 0 || !strings.Contains(err.Error(), "Bad credentials: REDACTED") || strings.Contains(err.Error(), "ghs_") {
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
		s := bubbleStand(t, skew)
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, s.appOptions())
			report(t, c, status(forge.Pending, "rendering"))
			for i := range 10 {
				time.Sleep(20 * time.Minute)
				report(t, c, status(forge.Pending, fmt.Sprint("waiting ", i)))
			}
		})
		for _, r := range s.Requests() {
			if r.Status == http.StatusUnauthorized && strings.Contains(r.Path, "/status") {
				t.Errorf("clock off by %s: a token that has ended", skew)
			}
		}
		if n := s.tokens(); n > 6 || len(s.texts()) != 11 {
			t.Errorf("clock off by %s: %d tokens in 200 minutes, %d statuses", skew, n, len(s.texts()))
		}
	}
}

func TestAppErrors(t *testing.T) {
	refusing := func(fault judge.Fault, part string) func(*stand, *AppOptions) {
		return func(s *stand, _ *AppOptions) {
			s.Fail(judge.Failure{Fault: fault, Path: part, Message: "no, CREDENTIAL"})
		}
	}
	key := func(text string) func(*stand, *AppOptions) {
		return func(_ *stand, o *AppOptions) { o.Key = func() ([]byte, error) { return []byte(text), nil } }
	}
	tests := map[string]struct {
		change func(*stand, *AppOptions)
		says   string
	}{
		"no key":          {func(_ *stand, o *AppOptions) { o.Key = KeyFile("/nowhere") }, "private key: open /nowhere"},
		"empty key":       {key(""), "not an RSA key in PEM"},
		"not a key":       {key("-----BEGIN RSA PRIVATE KEY-----\nplanted\n-----END RSA PRIVATE KEY-----"), "not an RSA key in PEM"},
		"another App's":   {func(_ *stand, o *AppOptions) { o.ID = "Iv1.other" }, "App's id"},
		"not installed":   {refusing(judge.NotFound, "/installation"), "is installed on the repository"},
		"suspended":       {refusing(judge.Forbidden, "/access_tokens"), "not suspended"},
		"another's repo":  {refusing(judge.Invalid, "/access_tokens"), "may see the repository"},
		"down":            {refusing(judge.BadGateway, "/access_tokens"), "502"},
		"no such":         {func(_ *stand, o *AppOptions) { o.Installation = 6 }, "is installed"},
		"an empty answer": {func(_ *stand, o *AppOptions) { o.Transport = meddler{changes: empty} }, "the answer has none"},
	}
	for name, test := range tests {
		s := newStand(t)
		opts := s.keyOptions()
		test.change(s, &opts)
		c := newClient(t, Options{Repo: s.address(), App: newApp(t, opts)})
		for what, err := range map[string]error{
			"status": c.Report(t.Context(), status(forge.Success, "live")), "comment": c.Comment(t.Context(), forge.Comment{Pull: 1, Key: "a"}),
			"check": c.Check(t.Context(), forge.Check{Commit: commit, Name: "a", State: forge.Success}),
		} {
			if again(err) < 0 || !strings.Contains(err.Error(), test.says) || errors.Is(err, forge.ErrUnsupported) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				shown := fmt.Sprintf("%v %+v %#v", e, e, e)
				if strings.Contains(shown, "planted") || strings.Contains(shown, "eyJ") || strings.Contains(shown, "ghs_") {
					t.Errorf("%s: a secret is shown: %s", name, shown)
				}
			}
		}
	}
	if _, err := NewApp(AppOptions{Repo: Repo{API: "https://h/"}, ID: "1"}); err == nil {
		t.Error("an App without a key is taken")
	}
}

// empty takes all out of an answer that should have a token.
func empty(r *http.Request, body []byte) []byte {
	if strings.HasSuffix(r.URL.Path, "/access_tokens") {
		return []byte("{}")
	}
	return body
}

// The key can be exchanged, and mended, without a restart.
func TestAppKeyFile(t *testing.T) {
	s := newStand(t)
	path := filepath.Join(t.TempDir(), "key.pem")
	opts := s.keyOptions()
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
