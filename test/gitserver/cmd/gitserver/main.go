// Command gitserver serves a folder of bare git repositories over smart HTTP:
// clone, fetch and push. It serves the demo and the tests and nobody else.
//
//	gitserver --root /srv/git --listen 127.0.0.1:8090
//	git clone http://127.0.0.1:8090/monitoring.git
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/watchbill/watchbill/test/gitserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "gitserver:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("gitserver", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8090", "address to serve on; port 0 picks a free one")
	root := flags.String("root", ".", "folder that holds the bare repositories")
	users := flags.String("basic-auth-file", "", "file of name:password lines; without it everyone may fetch and push")
	if err := flags.Parse(args); err != nil {
		return err
	}
	opts := gitserver.Options{Root: *root}
	var err error
	if *users != "" {
		if opts.Users, err = gitserver.ReadUsers(*users); err != nil {
			return err
		}
	}
	handler, err := gitserver.New(opts)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Printf("serving %s at http://%s\n", *root, listener.Addr())
	return serve(ctx, listener, handler)
}

// serve ends when ctx does, giving requests under way some seconds to finish.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close()
	}
	<-ended
	return nil
}
