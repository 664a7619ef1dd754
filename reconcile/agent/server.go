package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxWait caps how long an answer of /live is held back.
const maxWait = time.Minute

// serve answers the daemon, the kubelet and Prometheus until ctx ends, which also ends every wait.
func (a *Agent) serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) { a.answerLive(ctx, w, r) })
	mux.HandleFunc("POST /ship", a.answerShip)
	mux.HandleFunc("GET /startz", a.startz)
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      maxWait + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve the daemon: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = server.Shutdown(ctx) // who is still reading after five seconds is cut off
	err := server.Close()
	if ended := <-done; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// answerLive answers with the report. With version and wait it first waits for another version.
func (a *Agent) answerLive(stop context.Context, w http.ResponseWriter, r *http.Request) {
	report, _ := a.board.newest()
	if query := r.URL.Query(); query.Has("wait") {
		version, err := strconv.ParseUint(query.Get("version"), 10, 64)
		if err != nil {
			http.Error(w, "version: a number is needed beside wait", http.StatusBadRequest)
			return
		}
		limit, err := time.ParseDuration(query.Get("wait"))
		if err != nil || limit < 0 {
			http.Error(w, "wait: a duration like 30s is needed", http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(stop, cancel)()
		report = a.board.wait(ctx, version, min(limit, maxWait))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(report) // an asker that went away needs no answer
}

// startz is good once a bundle lies where the process will look for it.
func (a *Agent) startz(w http.ResponseWriter, _ *http.Request) {
	a.answerProbe(w, a.ready.Load(), "a bundle is here", "no bundle is here yet")
}

// readyz is good once the process has given its first proof, so that a rolling
// update goes on to the next replica only then. It stays good after a refusal:
// the process then runs the bundle before.
func (a *Agent) readyz(w http.ResponseWriter, _ *http.Request) {
	a.answerProbe(w, a.proven.Load(), "the process has given proof", "the process has not given proof yet")
}

func (a *Agent) answerProbe(w http.ResponseWriter, good bool, yes, no string) {
	if good {
		fmt.Fprintln(w, yes)
		return
	}
	report, _ := a.board.newest()
	http.Error(w, no+": "+report.Error, http.StatusServiceUnavailable)
}

// healthz is good while the loop comes round.
func (a *Agent) healthz(w http.ResponseWriter, _ *http.Request) {
	if !a.pulse.alive() {
		http.Error(w, "the loop is stuck", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "the loop comes round")
}
