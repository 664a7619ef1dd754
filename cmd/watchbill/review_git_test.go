package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	hub "github.com/watchbill/watchbill/reconcile/forge/github"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/test/github"
)

// TestGitAsTheApp fetches from a real git server with tokens of a GitHub App, as
// the daemon's flags set it up.
func TestGitAsTheApp(t *testing.T) {
	t.Cleanup(func() {
		if err := github.CloseJudge(); err != nil {
			t.Error(err)
		}
	})
	for name, test := range map[string]func(*testing.T, *enterprise){
		"fetches":              fetchesAsTheApp,
		"renewed in time":      renewsInTime,
		"ended unseen":         renewsWhatHasEnded,
		"revoked":              renewsWhatIsRevoked,
		"never taken":          givesUpAfterOneMore,
		"no token to be had":   saysWhyThereIsNoToken,
		"no right to contents": needsContents,
		"redirected":           staysAtItsHost,
		"password wins":        leavesItToThePassword,
		"another repository":   leavesOthersAlone,
		"authority is unknown": trustsWhoItIsTold,
	} {
		t.Run(name, func(t *testing.T) { test(t, newEnterprise(t)) })
	}
}

// watched is what a daemon was opened with, and all that it writes.
type watched struct {
	*remotes
	log bytes.Buffer
}

// daemon is opened as the command line says. At its end, no token may be found
// in what it wrote, nor have gone to another host.
func (e *enterprise) daemon(args ...string) *watched {
	e.t.Helper()
	dir := e.t.TempDir()
	f := parsed(e.t, append([]string{
		"--environment=prod", "--repo=https://example.com/example/monitoring.git", "--clone-dir=" + dir, "--git-ca-file=" + e.ca,
		"--github-app-id=7", "--github-app-key-file=" + e.key, "--log-level=debug",
	}, args...)...)
	d := &watched{}
	log, err := f.logs.logger(&d.log)
	if err == nil {
		err = f.check()
	}
	if err == nil {
		d.remotes, err = f.connect(log)
	}
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		d.close()
		e.clean("log", d.log.String())
		err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			e.clean(path, string(content))
			return err
		})
		if err != nil {
			e.t.Error(err)
		}
		e.change(func() {
			for _, request := range e.leaked {
				e.t.Errorf("a credential went with %s", request)
			}
		})
	})
	return d
}

// clean wants a text without any secret.
func (e *enterprise) clean(what, text string) {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, token := range e.tokens {
		basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
		if strings.Contains(text, token) || strings.Contains(text, basic) {
			e.t.Errorf("%s holds a token: %.500s", what, text)
		}
	}
	if strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, "eyJhbGciOi") {
		e.t.Errorf("%s holds the App's key, or what it signed: %.500s", what, text)
	}
}

func (d *watched) fetch(e *enterprise, want string) {
	e.t.Helper()
	rev, err := d.repo.Fetch(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	if rev.Commit != want {
		e.t.Errorf("fetched %s, want %s", rev.Commit, want)
	}
}

// refused wants a fetch to fail, without a secret in any form of the error.
func (d *watched) refused(e *enterprise, kind error, says string) {
	e.t.Helper()
	_, err := d.repo.Fetch(e.t.Context())
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), says) {
		e.t.Errorf("%v; want %v, with %q", err, kind, says)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		e.clean("error", fmt.Sprintf("%v %+v %#v", err, err, err))
	}
}

func (e *enterprise) heardAre(want ...string) {
	e.t.Helper()
	if diff := cmp.Diff(want, e.said()); diff != "" {
		e.t.Errorf("git heard (-want +got):\n%s", diff)
	}
}

func (e *enterprise) madeAre(want int) {
	e.t.Helper()
	if got := e.made(); got != want {
		e.t.Errorf("%d tokens were made, want %d", got, want)
	}
}

func fetchesAsTheApp(t *testing.T, e *enterprise) {
	d := e.daemon()
	if len(e.api.Requests()) != 0 {
		t.Error("somebody was asked before the first fetch")
	}
	first := e.push("main")
	d.fetch(e, first)
	d.fetch(e, e.push("main"))
	merge := e.push("refs/pull/7/merge")
	if rev, err := d.repo.FetchRef(t.Context(), "refs/pull/7/merge"); err != nil || rev.Commit != merge {
		t.Errorf("the result of a merge: %s, %v", rev.Commit, err)
	}
	e.heardAre("GET x-access-token 1 200", "POST x-access-token 1 200", "GET x-access-token 1 200", "POST x-access-token 1 200",
		"GET x-access-token 1 200", "POST x-access-token 1 200")
	// A user name alone is no credential of its own, and the token goes with one name only.
	d = e.daemon("--git-username=bot")
	d.fetch(e, e.run("rev-parse", "HEAD~1"))
	e.heardAre("GET x-access-token 2 200", "POST x-access-token 2 200")
	e.madeAre(2)
}

func renewsInTime(t *testing.T, e *enterprise) {
	e.api.TokenLife(4 * time.Minute) // less than a token has to have left
	head, d := e.push("main"), e.daemon()
	d.fetch(e, head)
	e.api.TokenLife(time.Hour)
	d.fetch(e, head)
	d.fetch(e, head)
	e.heardAre("GET x-access-token 1 200", "POST x-access-token 1 200", "GET x-access-token 2 200", "GET x-access-token 2 200")
	e.madeAre(2)
}

// A token can end before the daemon sees it coming, as its clock may be wrong.
func renewsWhatHasEnded(t *testing.T, e *enterprise) {
	head, d := e.push("main"), e.daemon()
	d.fetch(e, head)
	e.change(func() { e.ahead = 2 * time.Hour })
	d.fetch(e, head)
	e.heardAre("GET x-access-token 1 200", "POST x-access-token 1 200", "GET x-access-token 1 401", "GET x-access-token 2 200")
	e.madeAre(2)
}

func renewsWhatIsRevoked(t *testing.T, e *enterprise) {
	head, d := e.push("main"), e.daemon()
	d.fetch(e, head)
	e.api.RevokeTokens()
	d.fetch(e, head)
	// What is said of a token that was replaced already changes nothing.
	var old string
	e.change(func() { old = e.tokens[0] })
	if err := d.hub.(*hub.Client).App().Refused(t.Context(), old); err != nil {
		t.Error(err)
	}
	d.fetch(e, head)
	e.api.RevokeTokens()
	if _, err := d.repo.FetchRef(t.Context(), "refs/heads/main"); err != nil {
		t.Error(err)
	}
	d.fetch(e, head)
	e.heardAre("GET x-access-token 1 200", "POST x-access-token 1 200",
		"GET x-access-token 1 401", "GET x-access-token 2 200", "GET x-access-token 2 200",
		"GET x-access-token 2 401", "GET x-access-token 3 200", "GET x-access-token 3 200")
	e.madeAre(3)
}

// What git says of it is shown, and that may be the credential itself.
func givesUpAfterOneMore(t *testing.T, e *enterprise) {
	head, d := e.push("main"), e.daemon()
	once := func(status int, kind error, want ...string) {
		t.Helper()
		e.change(func() { e.echo = status })
		d.refused(e, kind, "")
		e.heardAre(want...)
	}
	once(http.StatusUnauthorized, source.ErrCredential, "GET x-access-token 1 401", "GET x-access-token 2 401")
	once(http.StatusUnauthorized, source.ErrCredential, "GET x-access-token 2 401", "GET x-access-token 3 401")
	once(http.StatusForbidden, source.ErrCredential, "GET x-access-token 3 403")
	once(http.StatusNotFound, source.ErrRepository, "GET x-access-token 3 404")
	once(http.StatusBadGateway, source.ErrServer, "GET x-access-token 3 502")
	e.change(func() { e.echo = http.StatusForbidden })
	d.refused(e, source.ErrCredential, "you sent Basic REDACTED, that is REDACTED")
	e.change(func() { e.echo = 0 })
	e.said()
	d.fetch(e, head)
	e.heardAre("GET x-access-token 3 200", "POST x-access-token 3 200")
	e.madeAre(3)
}

func saysWhyThereIsNoToken(t *testing.T, e *enterprise) {
	head, d := e.push("main"), e.daemon()
	e.api.Fail(github.Failure{Fault: github.Forbidden, Path: "/access_tokens"})
	d.refused(e, source.ErrCredential, "asking for a token of the GitHub App")
	e.api.Mend()
	d.fetch(e, head)
	e.api.RevokeTokens()
	e.api.Fail(github.Failure{Fault: github.Forbidden, Path: "/access_tokens"})
	d.refused(e, source.ErrCredential, "check that the installation is not suspended")
	e.api.Mend()
	if err := os.Rename(e.key, e.key+".away"); err != nil {
		t.Fatal(err)
	}
	d.refused(e, source.ErrCredential, "reading the GitHub App's private key: open "+e.key)
	if err := os.Rename(e.key+".away", e.key); err != nil {
		t.Fatal(err)
	}
	d.fetch(e, head)
	e.heardAre("GET x-access-token 1 200", "POST x-access-token 1 200", "GET x-access-token 1 401", "GET x-access-token 2 200")
}

// An App without the right gives tokens for all else.
func needsContents(t *testing.T, e *enterprise) {
	head, d := e.push("main"), e.daemon()
	e.install(map[string]string{"metadata": "read", "statuses": "write"})
	d.refused(e, source.ErrCredential, "credential is missing or refused")
	e.install(map[string]string{"metadata": "read", "statuses": "write", "contents": "write"})
	d.fetch(e, head)
	e.heardAre("GET x-access-token 1 401", "GET x-access-token 2 401", "GET x-access-token 2 401",
		"GET x-access-token 3 200", "POST x-access-token 3 200")
}

// A host that git is sent on to gets no credential, be it below the first one,
// or the same at another port.
func staysAtItsHost(t *testing.T, e *enterprise) {
	head := e.push("main")
	for _, host := range []string{"mirror.example.com", "example.com:8443"} {
		d := e.daemon()
		e.change(func() { e.moved = host })
		d.fetch(e, head)
		d.fetch(e, e.push("main"))
		head = e.run("rev-parse", "HEAD")
	}
	e.heardAre("GET x-access-token 1 301", "GET x-access-token 1 301", "GET x-access-token 2 301", "GET x-access-token 2 301")
	e.change(func() {
		if diff := cmp.Diff(map[string]int{"mirror.example.com": 4, "example.com:8443": 4}, e.requests); diff != "" {
			t.Errorf("requests to the others (-want +got):\n%s", diff)
		}
	})
}

func leavesItToThePassword(t *testing.T, e *enterprise) {
	head := e.push("main")
	e.change(func() { e.person = "bot:planted" })
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("planted\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.daemon("--git-username=bot", "--git-password-file="+file).fetch(e, head)
	t.Setenv("WATCHBILL_GIT_PASSWORD", "planted")
	e.daemon("--git-username=bot").fetch(e, head)
	e.heardAre("GET person 200", "POST person 200", "GET person 200", "POST person 200")
	e.madeAre(0)
}

func leavesOthersAlone(t *testing.T, e *enterprise) {
	e.push("main")
	e.daemon("--github-repository=example/another").refused(e, source.ErrCredential, "")
	e.heardAre("GET nobody 401")
	e.madeAre(0)
}

// Nobody whose certificate is unknown is sent a token.
func trustsWhoItIsTold(t *testing.T, e *enterprise) {
	head := e.push("main")
	e.daemon("--git-ca-file=").refused(e, source.ErrCertificate, "")
	e.heardAre()
	e.daemon().fetch(e, head)
}
