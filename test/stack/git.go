package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/watchbill/watchbill/test/gitserver"
)

// gitPort is the git server's port inside the local cluster's network.
const gitPort = 8090

// GitServer serves the repository to the daemon, from this process, so that it
// ends with it. Its faults are switched by the embedded server's SetFault.
type GitServer struct {
	*gitserver.Server
	// URL of the repository, as pods reach it.
	URL string
}

// serveGit serves the repository where the cluster's pods reach it.
func (s *Stack) serveGit(ctx context.Context) (*GitServer, error) {
	server, err := gitserver.New(gitserver.Options{Root: filepath.Dir(s.Repo.Bare)})
	if err != nil {
		return nil, err
	}
	listener, err := s.gitListener(ctx)
	if err != nil {
		return nil, fmt.Errorf("listen for the git server: %w", err)
	}
	running := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- running.Serve(listener) }()
	s.closers = append(s.closers, func() error {
		err := running.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	g := &GitServer{Server: server, URL: "http://" + listener.Addr().String() + "/" + repoName}
	s.say("git server at %s", g.URL)
	return g, nil
}

func (s *Stack) gitListener(ctx context.Context) (net.Listener, error) {
	if s.Cluster != nil {
		address, err := s.Cluster.Address(ctx)
		if err != nil {
			return nil, err
		}
		return s.Cluster.Listen(net.JoinHostPort(address, strconv.Itoa(gitPort)))
	}
	if address := os.Getenv("WATCHBILL_GIT_ADDRESS"); address != "" {
		return net.Listen("tcp", address)
	}
	host, err := s.shown(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w; set WATCHBILL_GIT_ADDRESS to a host and port that pods reach", err)
	}
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}

// shown is the address that this machine shows to the cluster.
func (s *Stack) shown(ctx context.Context) (string, error) {
	server, err := url.Parse(s.Config.Host)
	if err != nil {
		return "", err
	}
	port := server.Port()
	if port == "" {
		port = "443"
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", net.JoinHostPort(server.Hostname(), port)) // sends nothing
	if err != nil {
		return "", err
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}
