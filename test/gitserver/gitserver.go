// Package gitserver serves a folder of bare git repositories over smart HTTP,
// for tests, benchmarks and the demo. The protocol is git's own: every request
// is handed to `git http-backend`, so clone, fetch and push behave as they do
// against a real host.
//
// A [Server] is an http.Handler; put it behind net/http or httptest. Faults can
// be switched on while it runs, see [Fault]. It is no server for production:
// whoever may reach it may push.
package gitserver

import (
	"bufio"
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// Options say what is served, and to whom.
type Options struct {
	// Root is the folder that holds the bare repositories; the path of a URL is
	// the path below it.
	Root string
	// Users maps names to passwords. With none, everyone may fetch and push.
	Users map[string]string
	// Allow, if set, decides in the place of Users, at each request. Without a
	// credential both are empty.
	Allow func(name, password string) bool
}

// Server hands requests to git http-backend. It is safe for concurrent use.
type Server struct {
	allow    func(name, password string) bool
	backend  cgi.Handler
	fault    atomic.Pointer[Fault]
	requests atomic.Int64
}

// New returns a server for the repositories below opts.Root.
func New(opts Options) (*Server, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("looking for git: %w; install the git package", err)
	}
	root, err := filepath.Abs(opts.Root)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", opts.Root, err)
	}
	if info, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("opening the repositories' folder: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("opening the repositories' folder: %s is not a folder", root)
	}
	allow := opts.Allow
	if allow == nil {
		allow = opts.known
	}
	return &Server{allow: allow, backend: cgi.Handler{
		Path: git,
		Args: []string{"http-backend"},
		Dir:  root,
		Env:  backendEnv(root),
		// git says on stderr what net/http already answers.
		Stderr: io.Discard,
	}}, nil
}

// backendEnv allows pushes, which git forbids to nameless users, and takes
// repositories whatever user owns them. No configuration of the machine or of
// a user plays a part.
func backendEnv(root string) []string {
	return []string{
		"GIT_PROJECT_ROOT=" + root,
		"GIT_HTTP_EXPORT_ALL=1",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
		"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
	}
}

// Requests counts the requests that came in, refused and failed ones too.
func (s *Server) Requests() int64 { return s.requests.Load() }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	if f := s.fault.Load(); f != nil && (f.Match == nil || f.Match(r)) {
		if w = f.strike(w, r); w == nil {
			return
		}
	}
	name, password, _ := r.BasicAuth()
	if !s.allow(name, password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "a name and a password are wanted", http.StatusUnauthorized)
		return
	}
	body, err := sized(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer body()
	s.backend.ServeHTTP(w, r)
}

// known says whether Users let somebody in.
func (o Options) known(name, password string) bool {
	want, known := o.Users[name]
	return len(o.Users) == 0 || known && subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1
}

// sized gives a request of unknown length a length, for CGI knows no chunked
// bodies and git sends every larger push so. The function it returns removes
// the copy.
func sized(r *http.Request) (func(), error) {
	if r.ContentLength >= 0 {
		return func() {}, nil
	}
	f, err := os.CreateTemp("", "gitserver-body-")
	if err != nil {
		return nil, fmt.Errorf("keeping the request's body: %w", err)
	}
	remove := func() { _ = f.Close(); _ = os.Remove(f.Name()) }
	n, err := io.Copy(f, r.Body)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		remove()
		return nil, fmt.Errorf("keeping the request's body: %w", err)
	}
	r.Body, r.ContentLength, r.TransferEncoding = f, n, nil
	return remove, nil
}

// ReadUsers reads a file of lines name:password, the password in plain text.
// Empty lines and lines that begin with # are passed over.
func ReadUsers(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading users: %w", err)
	}
	defer f.Close()
	users := map[string]string{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, password, ok := strings.Cut(line, ":")
		if !ok || name == "" || password == "" {
			return nil, fmt.Errorf("reading users: %s:%d: want name:password", path, n)
		}
		users[name] = password
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading users: %s: %w", path, err)
	}
	if len(users) == 0 {
		return nil, fmt.Errorf("reading users: %s names none; without any, everyone would be let in", path)
	}
	return users, nil
}

// Init makes an empty bare repository at path whose HEAD is branch.
func Init(ctx context.Context, path, branch string) error {
	out, err := exec.CommandContext(ctx, "git", "init", "--quiet", "--bare", "--initial-branch", branch, path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("making repository %s: %w: %s", path, err, out)
	}
	return nil
}
