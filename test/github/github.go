// Package github stands in, in tests, for GitHub's REST API, and judges all
// that is said to it by GitHub's own description.
//
//	client ──► front ──► Prism, with GitHub's OpenAPI description ──► stub
//
// A request that the description does not allow is answered with 422 and never
// reaches the stub; an answer of the stub that it does not allow is answered
// with 500. Both are kept among [Server.Violations], and fail the test. What
// Prism has allowed once it is not asked about again, if it is the same to the
// byte but for credentials, times and what is left of the rate limit.
//
//	forge := github.Judge(t)                    // skips without WATCHBILL_PRISM; fails t on a violation
//	forge.AllowToken("planted-token", nil)      // all rights; or {"statuses": "write"}
//	repo := forge.Repo("example", "monitoring") // any other is 404
//	repo.SetPull(github.Pull{Number: 7, Base: "main", Head: sha})
//	… a client whose API base is forge.URL, ending in /api/v3/ as on GitHub Enterprise …
//	repo.Statuses(sha); repo.Comments(7); repo.CheckRuns(sha); repo.Deployments()
//	forge.App(github.App{ID: 1, Key: public})   // installed on every repo; JudgeAt and TokenLife let its tokens expire
//	forge.Fail(github.Failure{Fault: github.BadGateway, Method: "POST", Times: 3}); forge.Mend()
//	forge.Fail(github.Failure{Method: "POST", Do: func() { … }}) // something that happens meanwhile
//	forge.SetLimit(13); forge.SetRemaining(0, time.Now().Add(time.Hour)); forge.SetPageSize(2)
//	forge.Await(ctx, func() bool { return len(repo.Statuses(sha)) == 2 })
//	forge.Requests()                            // all that came: method, path, kind of credential, body, answer
//
// A test in a bubble of testing/synctest begins with [JudgeBubble] outside of it.
// Outside of tests, [Start] does the same and [Server.Close] ends it. What the
// description does not say, the stub knows: rights, 1,000 statuses of a commit
// and context, the length of texts, who may write check runs. It has GitHub's
// own examples for its answers, and of a repository only what tests set: no git.
//
// [Payloads] are GitHub's example payloads of webhooks, and [Server] sends none.
package github

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options of Start.
type Options struct {
	// Prism is the program that `go run ./test/programs/build prism` prints. Default WATCHBILL_PRISM.
	Prism string
	// Listener is where clients come in, for those in a network of their own.
	// Default a port of 127.0.0.1. It is closed with the server.
	Listener net.Listener
	// Clock is what the stub takes for now. Default time.Now.
	Clock func() time.Time
}

// ErrNoPrism says that there is no judge.
var ErrNoPrism = errors.New("WATCHBILL_PRISM is not set: `go run ./test/programs/build prism` builds it and says where it is")

// Server is a stand-in for GitHub: the stub's state, and the way to it through
// the judge. It is safe for concurrent use.
type Server struct {
	*Stub
	// URL is the base of the API.
	URL string

	front *front
	http  *http.Server
	ended chan error
	// close ends the judge, if it is this server's alone.
	close func() error
	once  sync.Once
}

// Start starts a stand-in with a judge of its own.
func Start(ctx context.Context, opts Options) (*Server, error) {
	j, err := startJudge(ctx, opts.Prism)
	if err != nil {
		if opts.Listener != nil {
			err = errors.Join(err, opts.Listener.Close())
		}
		return nil, err
	}
	s, err := serve(j, opts)
	if err != nil {
		return nil, errors.Join(err, j.close())
	}
	s.close = j.close
	return s, nil
}

// serve opens a new stand-in before a judge.
func serve(j *judge, opts Options) (*Server, error) {
	l := opts.Listener
	var err error
	if l == nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	base := "http://" + l.Addr().String() + enterprise
	s := &Server{Stub: newStub(base, j.examples, opts.Clock), URL: base + "/", ended: make(chan error, 1)}
	if s.front, err = newFront(j, s.Stub); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.http = &http.Server{Handler: s.front, ReadHeaderTimeout: 10 * time.Second}
	go func() { s.ended <- s.http.Serve(l) }()
	return s, nil
}

// Close ends it, and the judge if Start started it. Requests that wait are cut off. Closing again does nothing.
func (s *Server) Close() (err error) {
	s.once.Do(func() { err = s.end() })
	return err
}

func (s *Server) end() error {
	s.front.close()
	err := s.http.Close()
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if s.close != nil {
		err = errors.Join(err, s.close())
	}
	return err
}

// Violations are what GitHub's description does not allow, in the order in which it was said.
func (s *Server) Violations() []Violation { return s.front.said() }

// Requests are all that came, refused ones too.
func (s *Server) Requests() []Request { return s.front.came() }

// Delay makes every answer come later by so much.
func (s *Server) Delay(d time.Duration) { s.front.delayBy(d) }

// Fail breaks the server in some way, on top of those that it is broken in already.
func (s *Server) Fail(f Failure) { s.front.fail(f) }

// Mend ends every failure and delay.
func (s *Server) Mend() { s.front.mend() }

// pkg is a file of one of the npm packages that lie beside the judge.
func pkg(prism string, path ...string) (string, error) {
	if prism == "" {
		prism = os.Getenv("WATCHBILL_PRISM")
	}
	if prism == "" {
		return "", ErrNoPrism
	}
	file := filepath.Join(append([]string{filepath.Dir(prism), "node_modules"}, path...)...)
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("find what lies beside %s: %w", prism, err)
	}
	return file, nil
}
