package github

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/watchbill/watchbill/reconcile/forge"
	judge "github.com/watchbill/watchbill/test/github"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(judgedTests{m}) }

// judgedTests end the judge before leaks are looked for.
type judgedTests struct{ *testing.M }

func (j judgedTests) Run() int {
	code := j.M.Run()
	if err := judge.CloseJudge(); err != nil {
		panic(err)
	}
	return code
}

func status(state forge.State, text string) forge.Status {
	return forge.Status{Commit: commit, Context: "watchbill/prod", State: state, Text: text}
}

func report(t *testing.T, r forge.Reporter, s forge.Status) {
	t.Helper()
	if err := r.Report(t.Context(), s); err != nil {
		t.Error(err)
	}
}

func newClient(t *testing.T, opts Options) *Client {
	t.Helper()
	g, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestToken(t *testing.T) {
	s := newStand(t)
	path := filepath.Join(t.TempDir(), "token")
	opts := s.options()
	opts.Token = TokenFile(path)
	g := newClient(t, opts)
	var retry *forge.RetryError
	for _, content := range []string{"", "\n", "wrong"} {
		if content != "" {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Report(t.Context(), status(forge.Success, "live")); !errors.As(err, &retry) {
			t.Errorf("token file %q: %v", content, err)
		}
	}
	if err := os.WriteFile(path, []byte(planted+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	report(t, g, status(forge.Success, "live"))
}

func TestTokenStaysWithItsHost(t *testing.T) {
	var leaked string
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = true
		leaked += r.Header.Get("Authorization")
		w.WriteHeader(http.StatusNotFound)
	}))
	defer other.Close()
	s := newStand(t)
	opts := s.options()
	opts.Transport = meddler{answers: func(r *http.Request) *http.Response {
		if !strings.HasPrefix(s.URL, "http://"+r.URL.Host+"/") {
			return nil
		}
		answer := httptest.NewRecorder()
		http.Redirect(answer, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
		return answer.Result()
	}}
	if err := newClient(t, opts).Report(t.Context(), status(forge.Success, "live")); err == nil {
		t.Error("no error")
	}
	if !asked || leaked != "" {
		t.Errorf("another host was asked %v, and sent the token %v", asked, leaked != "")
	}
}

func TestOptions(t *testing.T) {
	token := func(context.Context) (string, error) { return "x", nil }
	for _, opts := range []Options{
		{},
		{Repo: Repo{API: "https://api.github.com/", Owner: "a", Name: "b"}},
		{Repo: Repo{API: "https://api.github.com/", Owner: "a"}, Token: token},
		{Repo: Repo{API: "nonsense", Owner: "a", Name: "b"}, Token: token},
		{Repo: Repo{API: "https://u:planted@h/", Owner: "a", Name: "b"}, Token: token},
	} {
		if _, err := New(opts); err == nil || strings.Contains(err.Error(), "planted") {
			t.Errorf("%+v: %v", opts.Repo, err)
		}
	}
	s := newStand(t)
	opts := s.options()
	opts.Repo.API = strings.TrimSuffix(opts.Repo.API, "/")
	report(t, newClient(t, opts), status(forge.Success, "live"))
	for _, bad := range []forge.Status{{}, {Commit: commit, Context: "x", State: "done"}, {Context: "x", State: forge.Success}, {Commit: commit, State: forge.Success}} {
		if err := newClient(t, opts).Report(t.Context(), bad); err == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
}

func TestCancelled(t *testing.T) {
	s := newStand(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newClient(t, s.options()).Report(ctx, status(forge.Success, "live")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
