// Package hook receives the webhook of a forge.
//
// A [Server] is an http.Handler with a listener of its own, for it is the one
// part of the daemon that strangers may reach. It takes a delivery only if the
// forge signed it ([forge.Hook] judges that), hands the hint on ([Options.Deliver]),
// and answers at once. Everything on the way is bounded: connections, sources,
// the pace of each source, bodies that are read at the same time, their size,
// the time they may take, and how many deliveries are remembered.
//
// A delivery that is refused, lost or repeated is no harm. It only saves the
// wait for the next poll, and what it hints at is fetched from where it is
// configured to be.
package hook

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// Options say what is received and how much of it. The zero value of a number
// is its default.
type Options struct {
	// Hook judges deliveries and reads them.
	Hook forge.Hook
	// Deliver is given what happened: pushes and proposals, nothing else. It must not block.
	Deliver func(forge.Event)
	// Path that deliveries are posted to. Default /hooks/github.
	Path string
	// MaxBody in bytes. Default 3 MiB.
	MaxBody int64
	// MaxBodies that are read at the same time; one source may have half of them. Default 16.
	MaxBodies int
	// MaxWait is how long a delivery waits for its turn to be read. Default 1 second.
	MaxWait time.Duration
	// MaxConnections at the same time; others wait in the kernel. Default 512.
	MaxConnections int
	// Rate of deliveries a second that one source may send, and Burst of them at once. Defaults 20 and 200.
	Rate  rate.Limit
	Burst int
	// Penalty is for how many deliveries one counts that was not found to be signed. Default 20.
	Penalty int
	// Proxies are the networks whose X-Forwarded-For is believed. None by default.
	Proxies []netip.Prefix
	// MaxDeliveries that are remembered, to take each once. Default 10,000.
	MaxDeliveries int
	// HeaderTimeout and ReadTimeout are how long a request's header, and all of it, may take. Defaults 5 and 10 seconds.
	HeaderTimeout, ReadTimeout time.Duration
	// Log of what is refused and taken, without payloads and signatures. Default: slog.Default().
	Log *slog.Logger
}

// maxSources is how many sources are told apart at a time.
const maxSources = 4096

// Server is safe for concurrent use. As a prometheus.Collector it counts what came.
type Server struct {
	Options
	sources *lru.Cache[netip.Prefix, *source]
	taken   *lru.Cache[digest, struct{}]
	bodies  slots
	metrics metrics
	// So that strangers cannot fill the log, nor hide a fault of ours in it.
	strange, fault rate.Sometimes
	now            func() time.Time
}

// New makes a server; its caller registers it for metrics, and has it serve.
func New(o Options) (*Server, error) {
	if o.Hook == nil || o.Deliver == nil {
		return nil, errors.New("setting up the webhook: there is nothing to judge deliveries, or nobody to give them to")
	}
	o.fill()
	s := &Server{
		Options: o,
		bodies:  make(slots, o.MaxBodies),
		metrics: newMetrics(),
		strange: rate.Sometimes{First: 1, Interval: time.Minute},
		fault:   rate.Sometimes{First: 1, Interval: time.Minute},
		now:     time.Now,
	}
	var err error
	if s.sources, err = lru.New[netip.Prefix, *source](maxSources); err != nil {
		return nil, err
	}
	s.taken, err = lru.New[digest, struct{}](o.MaxDeliveries)
	return s, err
}

func (o *Options) fill() {
	if o.Path == "" {
		o.Path = "/hooks/github"
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	fallback(&o.MaxBody, 3<<20)
	fallback(&o.MaxBodies, 16)
	fallback(&o.MaxWait, time.Second)
	fallback(&o.MaxConnections, 512)
	fallback(&o.Rate, 20)
	fallback(&o.Burst, 200)
	fallback(&o.Penalty, 20)
	fallback(&o.MaxDeliveries, 10_000)
	fallback(&o.HeaderTimeout, 5*time.Second)
	fallback(&o.ReadTimeout, 10*time.Second)
}

func fallback[T int | int64 | time.Duration | rate.Limit](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != s.Path:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "deliveries are posted", http.StatusMethodNotAllowed)
		return
	}
	address := s.address(r)
	from := s.source(address)
	a := s.take(w, r, from)
	if a.costs {
		from.fine(s.now(), s.Penalty)
	}
	s.record(r, a, address)
	a.write(w)
}
