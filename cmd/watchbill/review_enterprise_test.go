package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchbill/watchbill/test/github"
	"github.com/watchbill/watchbill/test/gitserver"
)

// enterprise is a GitHub Enterprise server at https://example.com: its API is
// judged by GitHub's description, its git is real, and takes a token of an App
// only as long as its API takes it. No name leads to the network.
type enterprise struct {
	t    *testing.T
	api  *github.Server
	git  *gitserver.Server
	work string // pushes to git by path
	key  string // the App's, a file
	ca   string // of every host, a file

	mu     sync.Mutex
	ahead  time.Duration           // of the server's clock
	hosts  map[string]http.Handler // beside example.com
	moved  string                  // where git sends everybody on to; empty is nowhere
	person string                  // name:password that git takes too
	echo   int                     // git answers with this status, and with the credential that it was sent
	tokens []string                // that git was sent, in their order
	heard  []string                // by git at example.com
	leaked []string                // requests with a credential to another host

	requests map[string]int // to the other hosts
}

// appKey is the App's; making one takes long.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newEnterprise(t *testing.T) *enterprise {
	e := &enterprise{t: t, hosts: map[string]http.Handler{}, requests: map[string]int{}}
	e.api = github.JudgeAt(t, e.now)
	e.api.Repo("example", "monitoring").SetBranch("main", strings.Repeat("ab", 20))
	key, err := appKey()
	if err != nil {
		t.Fatal(err)
	}
	e.install(nil)
	e.key = e.pem("key", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	root := t.TempDir()
	bare := filepath.Join(root, "example", "monitoring.git")
	if err := gitserver.Init(t.Context(), bare, "main"); err != nil {
		t.Fatal(err)
	}
	if e.git, err = gitserver.New(gitserver.Options{Root: root, Allow: e.allow}); err != nil {
		t.Fatal(err)
	}
	open, err := gitserver.New(gitserver.Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	e.hosts["mirror.example.com"], e.hosts["example.com:8443"] = open, open
	e.work = t.TempDir()
	e.run("init", "-q", "-b", "main")
	e.run("remote", "add", "origin", bare)
	e.listen()
	t.Setenv(githubToken, "")
	t.Setenv("WATCHBILL_GIT_PASSWORD", "")
	return e
}

// install has the App there with some rights; nil is all.
func (e *enterprise) install(rights map[string]string) {
	e.t.Helper()
	key, err := appKey()
	if err != nil {
		e.t.Fatal(err)
	}
	e.api.App(github.App{ID: 7, Key: &key.PublicKey, Rights: rights})
}

// listen is where all names lead.
func (e *enterprise) listen() {
	api, err := url.Parse(e.api.URL)
	if err != nil {
		e.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: api.Scheme, Host: api.Host}) },
		Transport: &http.Transport{DisableKeepAlives: true},
		ModifyResponse: func(answer *http.Response) error {
			answer.Header.Set("Date", e.now().UTC().Format(http.TimeFormat))
			return nil
		},
	}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host != "example.com":
			e.elsewhere(w, r)
		case strings.HasPrefix(r.URL.Path, api.Path):
			proxy.ServeHTTP(w, r)
		default:
			e.serveGit(w, r)
		}
	}))
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // of who does not trust it
	web.StartTLS()
	e.ca = e.pem("ca.pem", "CERTIFICATE", web.Certificate().Raw)
	there := http.DefaultTransport.(*http.Transport).Clone()
	there.Proxy = nil
	there.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", web.Listener.Addr().String())
	}
	// The API's client has no flag for authorities: it trusts the system's. Git's
	// has one, and takes nothing but names from here.
	there.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	there.TLSClientConfig.RootCAs.AddCert(web.Certificate())
	usual := http.DefaultTransport
	http.DefaultTransport = there
	e.t.Cleanup(func() {
		http.DefaultTransport = usual
		there.CloseIdleConnections()
		web.Close()
	})
}

func (e *enterprise) elsewhere(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	host := e.hosts[r.Host]
	e.requests[r.Host]++
	if r.Header.Get("Authorization") != "" {
		e.leaked = append(e.leaked, r.Method+" "+r.Host+r.URL.Path)
	}
	e.mu.Unlock()
	if host == nil {
		http.NotFound(w, r)
		return
	}
	host.ServeHTTP(w, r)
}

// serveGit records what git is asked, with which of the tokens and with what result.
func (e *enterprise) serveGit(w http.ResponseWriter, r *http.Request) {
	name, password, _ := r.BasicAuth()
	who := e.numbered(name, password)
	e.mu.Lock()
	echo, person, moved := e.echo, e.person, e.moved
	e.mu.Unlock()
	if person != "" && name+":"+password == person {
		who = "person"
	}
	answer := &answered{ResponseWriter: w, status: http.StatusOK}
	switch {
	case moved != "":
		http.Redirect(answer, r, "https://"+moved+r.URL.String(), http.StatusMovedPermanently)
	case echo != 0:
		http.Error(answer, fmt.Sprintf("you sent %s, that is %s", r.Header.Get("Authorization"), password), echo)
	default:
		e.git.ServeHTTP(answer, r)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, fmt.Sprint(r.Method, " ", who, " ", answer.status))
}

// numbered names a token by when it was first seen.
func (e *enterprise) numbered(name, password string) string {
	if !strings.HasPrefix(password, "ghs_") {
		return "nobody"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, token := range e.tokens {
		if token == password {
			return fmt.Sprint(name, " ", i+1)
		}
	}
	e.tokens = append(e.tokens, password)
	return fmt.Sprint(name, " ", len(e.tokens))
}

type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// allow asks the API whether a token is good for reading the repository's contents.
func (e *enterprise) allow(name, password string) bool {
	e.mu.Lock()
	person := e.person
	e.mu.Unlock()
	if person != "" && name+":"+password == person {
		return true
	}
	if name != "x-access-token" || password == "" {
		return false
	}
	req, err := http.NewRequest(http.MethodGet, e.api.URL+"repos/example/monitoring/git/ref/heads/main", nil)
	if err != nil {
		e.t.Error(err)
		return false
	}
	req.Header.Set("Authorization", "Bearer "+password)
	req.Header.Set("Accept", "application/vnd.github+json")
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		e.t.Error(err)
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// now is the server's clock.
func (e *enterprise) now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Now().Add(e.ahead)
}

// change sets what the server does from now on.
func (e *enterprise) change(do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	do()
}

// said is what git has heard since it was last asked.
func (e *enterprise) said() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	heard := e.heard
	e.heard = nil
	return heard
}

// made is how many tokens the API gave.
func (e *enterprise) made() (n int) {
	for _, r := range e.api.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/access_tokens") && r.Status == http.StatusCreated {
			n++
		}
	}
	return n
}

func (e *enterprise) pem(name, kind string, content []byte) string {
	e.t.Helper()
	path := filepath.Join(e.t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		e.t.Fatal(err)
	}
	return path
}

func (e *enterprise) run(args ...string) string {
	e.t.Helper()
	cmd := exec.CommandContext(e.t.Context(), "git", append([]string{"-C", e.work, "-c", "user.name=A", "-c", "user.email=a@example.com"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		e.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// push makes a commit and pushes it to some reference.
func (e *enterprise) push(to string) string {
	e.t.Helper()
	e.run("commit", "-q", "--allow-empty", "-m", to)
	e.run("push", "-q", "origin", "HEAD:"+to)
	return e.run("rev-parse", "HEAD")
}
