package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health is what the probes answer from.
type health struct {
	within  time.Duration // the loop must turn at least this often
	beat    atomic.Int64  // when the loop last turned, in Unix seconds
	leading atomic.Bool   // standing by needs no beat
	ready   atomic.Bool
}

func (h *health) turn(now time.Time) { h.beat.Store(now.Unix()) }

func (h *health) lead(now time.Time) {
	h.turn(now)
	h.leading.Store(true)
}

func (h *health) check(now time.Time) error {
	still := now.Sub(time.Unix(h.beat.Load(), 0))
	if h.leading.Load() && still > h.within {
		return fmt.Errorf("the loop has not turned for %s", still.Round(time.Second))
	}
	return nil
}

// handler serves what the daemon says of itself and of pull requests, and the
// poke that makes it look at the repo at once. A poke carries nothing that would
// be believed.
func (d *Daemon) handler() http.Handler {
	mux := handler(d.metrics, d.health, d.wake.fire)
	if d.Reviewer != nil {
		mux.Handle("GET /pulls/{number}", d.Reviewer.Handler())
	}
	return mux
}

func handler(m *metrics, h *health, poke func()) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := h.check(time.Now()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.ready.Load() {
			http.Error(w, "the cluster has not been seen yet", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("POST /-/poke", func(w http.ResponseWriter, _ *http.Request) {
		poke()
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}

// serve answers on the address until the context ends.
func serve(ctx context.Context, address string, h http.Handler, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another address with --listen", address, err)
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
	})
	defer stop()
	log.Info("listening", "address", listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", address, err)
	}
	return nil
}
