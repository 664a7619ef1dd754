package github

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	judge "github.com/watchbill/watchbill/test/github"
)

// stand is a GitHub that GitHub's own description of its API judges: each
// request, and each answer.
type stand struct {
	*judge.Server
	t    *testing.T
	repo *judge.Repo
	way  http.RoundTripper // nil, or the way out of a bubble
	seen int               // how many requests heard has given
}

const (
	planted  = "planted-token-value"
	repoPath = "/repos/example/monitoring"
)

var (
	commit     = strings.Repeat("ab", 20)
	headCommit = strings.Repeat("cd", 20)
)

func newStand(t *testing.T) *stand {
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return furnish(t, judge.Judge(t), nil)
}

// bubbleStand is for tests that rule the time: it is made outside of the bubble.
// Its clock is off by the skew.
func bubbleStand(t *testing.T, skew time.Duration) *stand {
	s, way := judge.JudgeBubble(t, skew)
	return furnish(t, s, way)
}

// furnish adds a repository with a pull request, a user's token, and an App.
func furnish(t *testing.T, server *judge.Server, way http.RoundTripper) *stand {
	s := &stand{Server: server, t: t, way: way, repo: server.Repo("example", "monitoring")}
	s.repo.SetPull(judge.Pull{Number: 1, Head: headCommit})
	s.SetPageSize(2)
	s.AllowToken(planted, nil)
	s.grant(map[string]string{"metadata": "read", "contents": "write", "statuses": "write", "pull_requests": "write",
		"checks": "write", "deployments": "write", "members": "read"})
	return s
}

// grant gives the App rights.
func (s *stand) grant(rights map[string]string) {
	s.App(judge.App{ID: 9, ClientID: "Iv1.planted", Slug: "watchbill-example", Installation: 5, Key: &appKey().PublicKey, Rights: rights})
}

func (s *stand) address() Repo { return Repo{API: s.URL, Owner: "example", Name: "monitoring"} }

// options are those of a user's token.
func (s *stand) options() Options {
	return Options{Repo: s.address(), Transport: s.way, Token: func(context.Context) (string, error) { return planted, nil }}
}

// appOptions are those of the App.
func (s *stand) appOptions() Options {
	return Options{Repo: s.address(), Transport: s.way, App: newApp(s.t, s.keyOptions())}
}

func (s *stand) keyOptions() AppOptions {
	return AppOptions{Repo: s.address(), ID: "Iv1.planted", Transport: s.way, Key: func() ([]byte, error) { return appPEM(), nil }}
}

// as runs a test with a user's token and as an App; us is who their comments are from.
func as(t *testing.T, stand func(*testing.T) *stand, test func(t *testing.T, s *stand, opts func() Options, us judge.User)) {
	t.Run("token", func(t *testing.T) {
		s := stand(t)
		test(t, s, s.options, judge.User{Login: "octocat"})
	})
	t.Run("App", func(t *testing.T) {
		s := stand(t)
		test(t, s, s.appOptions, judge.User{Login: "watchbill-example[bot]"})
	})
}

// appKey is the App's key; one is made for all tests.
var appKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func appPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(appKey())})
}

// came are the requests since heard was asked last.
func (s *stand) came() []judge.Request { return s.Requests()[s.seen:] }

// heard are the requests since it was asked last.
func (s *stand) heard() []string {
	var heard []string
	for _, r := range s.came() {
		heard = append(heard, r.Method+" "+strings.TrimPrefix(r.Path, repoPath))
	}
	s.seen += len(heard)
	return heard
}

func (s *stand) count() int { return len(s.came()) }

// writes are how many of the requests since heard was asked last write something.
func (s *stand) writes() int {
	n := 0
	for _, request := range s.heard() {
		if !strings.HasPrefix(request, "GET") && !strings.HasSuffix(request, "/access_tokens") {
			n++
		}
	}
	return n
}

// tokens is how many tokens the App was given.
func (s *stand) tokens() int {
	n := 0
	for _, r := range s.Requests() {
		if strings.HasSuffix(r.Path, "/access_tokens") && r.Status == http.StatusCreated {
			n++
		}
	}
	return n
}

// texts are the statuses that were written, as "context state text".
func (s *stand) texts() []string {
	var list []string
	for _, st := range s.repo.Statuses(commit) {
		list = append(list, fmt.Sprintf("%s %s %s", st.Context, st.State, st.Description))
	}
	return list
}

// addComment has somebody comment on the pull request.
func (s *stand) addComment(by judge.User, body string) {
	s.repo.SetComment(judge.Comment{Pull: 1, By: by, Body: body})
}

// bodies are the comments of the pull request, by id.
func (s *stand) bodies() map[int64]string {
	all := map[int64]string{}
	for _, c := range s.repo.Comments(1) {
		all[c.ID] = c.Body
	}
	return all
}

// runs are what the check runs show, as "status conclusion title annotations".
func (s *stand) runs() []string {
	var list []string
	for _, r := range s.repo.CheckRuns(commit) {
		list = append(list, strings.Join(strings.Fields(fmt.Sprint(r.Status, " ", r.Conclusion, " ", r.Title, " ", len(r.Annotations))), " "))
	}
	return list
}

// deployed are the statuses of each deployment, as "ref: state text, …", oldest first.
func (s *stand) deployed() []string {
	var list []string
	for _, d := range s.repo.Deployments() {
		line := fmt.Sprintf("%.4s in %s:", d.Ref, d.Environment)
		for _, st := range d.Statuses {
			line += fmt.Sprintf(" %s %s,", st.State, st.Description)
		}
		list = append(list, line)
	}
	return list
}

// meddler stands between a client and GitHub, for the few answers that GitHub's
// description cannot hold. It is no GitHub: what it does not answer to goes on, and
// what it changes was GitHub's answer.
type meddler struct {
	answers func(*http.Request) *http.Response // nil: it goes on
	changes func(*http.Request, []byte) []byte
}

// RoundTrip implements http.RoundTripper.
func (m meddler) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.answers != nil {
		if answer := m.answers(r); answer != nil {
			answer.Request = r
			return answer, nil
		}
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || m.changes == nil {
		return answer, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	body = m.changes(r, body)
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return answer, err
}
