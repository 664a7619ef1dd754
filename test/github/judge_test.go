package github

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ask makes a request as no client would, and returns the answer's status, header and body.
func ask(t *testing.T, s *Server, credential, method, path, body string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+strings.TrimPrefix(path, "/"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := bearer{credential, transport}.RoundTrip(r)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

const (
	statusPath  = "/repos/example/monitoring/statuses/" + sha
	commentPath = "/repos/example/monitoring/issues/7/comments"
)

// What GitHub's description does not allow is refused and kept, and nothing comes of it.
func TestTheJudgeSees(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, body string
		fault              Fault
		status             int
		words              string // of the violation; empty is none
	}{
		"all is well":           {method: "POST", path: statusPath, body: `{"state":"success"}`, status: 201},
		"bogus state":           {method: "POST", path: statusPath, body: `{"state":"live"}`, status: 422, words: "body.state: Request body property state must be equal to one of the allowed values: error, failure, pending, success"},
		"no state":              {method: "POST", path: statusPath, body: `{"context":"a"}`, status: 422, words: "body: Request body must have required property 'state'"},
		"state of another type": {method: "POST", path: statusPath, body: `{"state":1}`, status: 422, words: "Request body property state must be string"},
		"number that is none":   {method: "GET", path: "/repos/example/monitoring/pulls/seven", status: 422, words: "path.pull_number: Request path parameter pull_number must be integer"},
		"query that is none":    {method: "GET", path: "/repos/example/monitoring/pulls?state=live", status: 422, words: "query.state"},
		"path that is none":     {method: "GET", path: "/repos/example/monitoring/nonsense", status: 404, words: "Route not resolved, no path matched"},
		"path that is not used": {method: "GET", path: "/gists", status: 404, words: "Route not resolved, no path matched"},
		"method that is none":   {method: "PUT", path: statusPath, body: `{}`, status: 405, words: "Route resolved, but no method matched"},
		"stub's answer lacks what is required": {method: "POST", path: statusPath, body: `{"state":"success"}`, fault: Incomplete, status: 500,
			words: "response.body: Response body must have required property 'avatar_url'"},
		"wrong on top of a failure": {method: "POST", path: statusPath, body: `{"state":"live"}`, fault: BadGateway, status: 422, words: "body.state"},
		"refused as described":      {method: "GET", path: "/repos/example/nonsense", status: 404},
		"failure":                   {method: "POST", path: statusPath, body: `{"state":"success"}`, fault: BadGateway, status: 502},
	} {
		t.Run(name, func(t *testing.T) {
			s := unjudged(t, nil)
			r := s.Repo("example", "monitoring")
			s.AllowToken(token, nil)
			if c.fault != "" {
				s.Fail(Failure{Fault: c.fault})
			}
			status, _, body := ask(t, s, token, c.method, c.path, c.body)
			if status != c.status {
				t.Errorf("status %d, want %d: %.300s", status, c.status, body)
			}
			said := s.Violations()
			if (len(said) > 0) != (c.words != "") {
				t.Fatalf("violations %v", said)
			}
			if c.words != "" {
				path, _, _ := strings.Cut(c.path, "?")
				if v := said[0]; v.Method != c.method || v.Path != path || v.Status != c.status || !strings.Contains(v.String(), c.words) {
					t.Errorf("violation %s", v)
				}
			}
			if written := len(r.Statuses(sha)); written > 0 && status == 422 {
				t.Errorf("%d statuses came of it", written)
			}
		})
	}
}

// GitHub wants to know what asks, and to be told and asked for JSON.
func TestManners(t *testing.T) {
	s := unjudged(t, nil)
	s.AllowToken(token, nil)
	s.Repo("example", "monitoring")
	for _, header := range []http.Header{
		{"User-Agent": {"watchbill"}, "Accept": {"application/vnd.github+json"}, "Content-Type": {"application/json"}}, // as it should be
		{"User-Agent": {""}, "Content-Type": {"application/json"}},
		{"Accept": {"text/html"}, "Content-Type": {"application/json"}},
		{"Content-Type": {"text/plain"}},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+strings.TrimPrefix(statusPath, "/"), strings.NewReader(`{"state":"success"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		answer, err := bearer{token, &http.Transport{DisableKeepAlives: true}}.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	var got []string
	for _, v := range s.Violations() {
		got = append(got, v.String())
	}
	want := []string{
		"POST " + statusPath + ": 403: there is no User-Agent",
		"POST " + statusPath + ": 415: it accepts text/html and no JSON",
		"POST " + statusPath + ": 422: : Supported content types: application/json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

// A violation fails the test that made it, and says why.
func TestJudgeFailsTheTest(t *testing.T) {
	needPrism(t)
	inner := &failing{TB: t}
	s := Judge(inner)
	s.Repo("example", "monitoring")
	s.AllowToken(token, nil)
	ask(t, s, token, "POST", statusPath, `{"state":"live"}`)
	inner.end()
	if len(inner.said) != 1 || !strings.Contains(inner.said[0], "POST "+statusPath+": 422: body.state") {
		t.Errorf("said %q", inner.said)
	}
}

// A stand-in that is closed no longer answers, and the judge goes on for others.
func TestCloseLeavesTheOthers(t *testing.T) {
	one, another := unjudged(t, nil), Judge(t)
	for _, s := range []*Server{one, another} {
		s.Repo("example", "monitoring")
		s.AllowToken(token, nil)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _, body := ask(t, one, token, "GET", "/rate_limit", ""); status != 0 {
		t.Errorf("closed one answers %d %s", status, body)
	}
	if status, _, body := ask(t, another, token, "POST", statusPath, `{"state":"success"}`); status != 201 {
		t.Errorf("open one answers %d %s", status, body)
	}
}

// Start needs no test around it, and leaves nothing.
func TestStartAndClose(t *testing.T) {
	needPrism(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	s, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.AllowToken(token, nil)
	if status, _, body := ask(t, s, token, "GET", "/user", ""); status != 200 || len(s.Violations()) > 0 {
		t.Errorf("%d %s", status, body)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(temp + "/*"); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestStartSaysWhyNot(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "prism")
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("WATCHBILL_PRISM", "")
	_, err := Start(t.Context(), Options{})
	if !errors.Is(err, ErrNoPrism) {
		t.Errorf("without Prism: %v", err)
	}
	if _, err := startPrism(t.Context(), broken, "", ""); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("with no Prism: %v", err)
	}
	_, err = Start(t.Context(), Options{Prism: broken})
	if err == nil || !strings.Contains(err.Error(), "find what lies beside") {
		t.Errorf("with nothing beside it: %v", err)
	}
	write(broken, "#!/bin/sh\necho out of order\nexit 1\n", 0o755)
	if _, err := startPrism(t.Context(), broken, "", ""); err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("with a Prism that is out of order: %v", err)
	}
	description := filepath.Join(dir, "node_modules", "@octokit", "openapi", "generated", "api.github.com.json")
	write(description, `{"paths":{}}`, 0o600)
	_, err = Start(t.Context(), Options{Prism: broken})
	if err == nil || !strings.Contains(err.Error(), "GitHub's description has no GET /app") {
		t.Errorf("with an empty description: %v", err)
	}
}

// failing is a test that fails inside of another one.
type failing struct {
	testing.TB
	said    []string
	cleanup []func()
}

func (f *failing) Cleanup(do func()) { f.cleanup = append(f.cleanup, do) }

func (f *failing) Errorf(format string, args ...any) {
	f.said = append(f.said, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (f *failing) end() {
	for i := len(f.cleanup) - 1; i >= 0; i-- {
		f.cleanup[i]()
	}
}
