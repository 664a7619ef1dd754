// Package upstream runs the unmodified upstream programs that Watchbill works
// with, for one test: [Prometheus], any other server by [Start], and a command
// that ends by itself by [Run].
//
// Where a program is stands in an environment variable, WATCHBILL_PROMETHEUS for
// prometheus, which `make test` sets; without it the test is skipped. A [Server]
// listens on loopback, at a port that the kernel picks, answers /-/ready before
// the test goes on, and ends with it. What it wrote is in the test's log if that
// fails.
package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Listen has a server take a free port, where it has such a flag.
const Listen = "--web.listen-address=127.0.0.1:0"

// Server is a running program.
type Server struct {
	Address, URL string // host:port, and the same with http://

	name  string
	log   log
	ended chan struct{} // closed when it has
	end   func()
}

// log is read while the program writes it.
type log struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

// Path is where a program is; the test is skipped where there is none.
func Path(t testing.TB, program string) string {
	t.Helper()
	variable := "WATCHBILL_" + strings.ToUpper(program)
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("%s is not set: `make test` builds the real %s and runs this test with it", variable, program)
	}
	return path
}

// Run runs a program to its end, which must be a good one, and gives what it put
// out, with its log behind that.
func Run(t testing.TB, program string, args ...string) string {
	t.Helper()
	var out, log strings.Builder
	command := exec.CommandContext(t.Context(), Path(t, program), args...)
	command.Stdout, command.Stderr = &out, &log
	if err := command.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, &out, &log)
	}
	return out.String() + log.String()
}

// Prometheus starts one on the prometheus.yml of a folder, with its samples in
// data beside it. It can be reloaded.
func Prometheus(t testing.TB, dir string, args ...string) *Server {
	t.Helper()
	return Start(t, "prometheus", append([]string{
		Listen, "--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.enable-lifecycle",
	}, args...)...)
}

// Write puts files into a folder, in place of those of the same names.
func Write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

var listening = regexp.MustCompile(`"Listening on".*\baddress"?[=:]"?(127\.0\.0\.1:\d+)`)

// Start starts a server, whose arguments must have it listen on loopback, and
// waits until it is ready.
func Start(t testing.TB, program string, args ...string) *Server {
	t.Helper()
	path := Path(t, program)
	ctx, cancel := context.WithCancel(context.Background()) // t's ends before its cleanups
	command := exec.CommandContext(ctx, path, args...)
	s := &Server{name: program, ended: make(chan struct{}), end: cancel}
	command.Stdout, command.Stderr = &s.log, &s.log
	if err := command.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("%s says:\n%s", program, s.Log())
		}
	})
	s.Await(t, "listening", func() bool {
		found := listening.FindStringSubmatch(s.Log())
		if found != nil {
			s.Address, s.URL = found[1], "http://"+found[1]
		}
		return found != nil
	})
	s.Await(t, "ready", func() bool {
		status, _ := s.Ask(t, http.MethodGet, "/-/ready")
		return status == http.StatusOK
	})
	return s
}

// Stop kills it, and waits until it has ended.
func (s *Server) Stop() {
	s.end()
	<-s.ended
}

// Log is what it has written so far.
func (s *Server) Log() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.all.String()
}

// Await waits until something is so, and fails the test if the server ends first
// or a minute is over.
func (s *Server) Await(t testing.TB, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for !so() {
		select {
		case <-s.ended:
			t.Fatalf("%s ended before it was %s", s.name, what)
		case <-ctx.Done():
			t.Fatalf("%s is not %s: %v", s.name, what, ctx.Err())
		case <-ticks.C:
		}
	}
}

// connections do not stay open, so that none is left when the test ends.
var connections = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Ask makes a request without a body. The status is 0 where there is no answer.
func (s *Server) Ask(t testing.TB, method, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := connections.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(content)
}
