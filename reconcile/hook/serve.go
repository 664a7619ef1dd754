package hook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// ListenAndServe receives deliveries at the address until the context ends.
func (s *Server) ListenAndServe(ctx context.Context, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen for webhooks on %s: %w; choose another address with --webhook-listen", address, err)
	}
	s.Log.Info("listening for webhooks", "address", listener.Addr().String(), "path", s.Path)
	return s.Serve(ctx, listener)
}

// Serve receives deliveries until the context ends, and closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.HeaderTimeout,
		ReadTimeout:       s.ReadTimeout,
		WriteTimeout:      s.ReadTimeout + 5*time.Second,
		IdleTimeout:       s.ReadTimeout,
		MaxHeaderBytes:    16 << 10,
		// What strangers can bring about is no concern of the log.
		ErrorLog:                     slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		DisableGeneralOptionsHandler: true,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(netutil.LimitListener(listener, s.MaxConnections)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve webhooks on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = server.Shutdown(ending) // who is still sending after that is cut off
	err := server.Close()
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
