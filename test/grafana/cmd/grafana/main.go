// Command grafana stands in for Grafana in tests; see package grafana for what
// it does and what it does not. It takes its settings from the environment, as
// Grafana's image does, writes no file, and does not look at its arguments,
// which are for Grafana's own command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/watchbill/watchbill/test/grafana"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.LookupEnv, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) error {
	options, err := grafana.FromEnv(lookup)
	if err != nil {
		return err
	}
	options.Log = log
	g, err := grafana.New(options)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", options.Address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	log.Info("HTTP server listen", "address", listener.Addr())
	server := &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	polling, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { g.Run(polling) })
	defer running.Wait()
	defer stop()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close() // who is still reading is cut off
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
