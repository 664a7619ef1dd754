// Package notify stands in, in tests, for those that Alertmanager tells: Slack's
// incoming webhooks, PagerDuty's Events API v2, and a webhook of one's own.
//
// A [Server] takes what the published formats allow and nothing else: a key that
// they do not name, or a value that they do not admit, is answered as the real
// one does and kept among [Server.Faults]. What it took is in [Server.Received],
// in the order in which it came and as often as it came. [Server.Fail] has it
// answer with errors for a while.
//
//	POST /services/T…/B…/…   Slack
//	POST /v2/enqueue         PagerDuty
//	POST /webhook, /webhook/…  Alertmanager's webhook payload, version 4
//
// It does not group a trigger and its resolve to an incident, limits no rate, and
// takes every well-formed key: who may send is not its business.
package notify

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kinds of those who are told.
const (
	Slack     = "slack"
	PagerDuty = "pagerduty"
	Webhook   = "webhook"
)

// Statuses of a notification.
const (
	Firing   = "firing"
	Resolved = "resolved"
)

// most bounds what is kept of notifications and of faults, the newest.
const most = 10000

// maxBody is that of PagerDuty, the smallest of the three.
const maxBody = 512 << 10

// Notification is one request that was taken.
type Notification struct {
	// Kind is Slack, PagerDuty or Webhook.
	Kind    string
	Arrived time.Time
	// Path of the request; for Slack and webhooks it tells the receivers apart.
	Path string
	// Key is PagerDuty's routing key.
	Key string
	// Channel of Slack.
	Channel string
	// Action of PagerDuty: trigger, acknowledge or resolve.
	Action string
	// Dedup is PagerDuty's dedup_key, and the groupKey of a webhook.
	Dedup string
	// Severity of PagerDuty.
	Severity string
	// Receiver is Alertmanager's, as a webhook names it.
	Receiver string
	// Title of Slack's first attachment, and PagerDuty's summary.
	Title string
	// Text of Slack's first attachment.
	Text string
	// Status is Firing or Resolved. Slack has no such thing: there it is told by
	// the colour good, which Alertmanager gives to what is resolved.
	Status string
	// Alerts of a webhook.
	Alerts []Alert
	// Body as it came.
	Body string
}

// Alert is one of a webhook's alerts.
type Alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// Server is safe for concurrent use.
type Server struct {
	http *http.Server
	mux  *http.ServeMux

	mu       sync.Mutex
	received []Notification
	faults   []string
	requests int
	gone     map[string]bool // channels that are not there
	failures int
	status   int
}

// New returns a server that has received nothing.
func New() *Server {
	s := &Server{mux: http.NewServeMux(), gone: map[string]bool{}}
	s.mux.HandleFunc("/services/{team}/{app}/{token}", s.slack)
	s.mux.HandleFunc("/services/", s.noService)
	s.mux.HandleFunc("/v2/enqueue", s.pagerDuty)
	s.mux.HandleFunc("/webhook", s.webhook)
	s.mux.HandleFunc("/webhook/", s.webhook)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fault("request", "nobody is at "+r.Method+" "+r.URL.Path)
		http.NotFound(w, r)
	})
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	return s
}

// Serve serves until Close, and then returns nil.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve notifications: %w", err)
	}
	return nil
}

// Close ends Serve.
func (s *Server) Close() error { return s.http.Close() }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests++
	status := 0
	if s.failures > 0 {
		s.failures--
		status = s.status
	}
	s.mu.Unlock()
	if status != 0 {
		_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody)) // so that the client reads the answer
		http.Error(w, strings.ToLower(http.StatusText(status)), status)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Received is what was taken so far.
func (s *Server) Received() []Notification {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// Faults are the requests that were no good, and why. No secret is in them.
func (s *Server) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

// Requests counts all that came, failed ones too.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Fail answers the next n requests with an HTTP status, and takes nothing from them.
func (s *Server) Fail(n, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures, s.status = n, status
}

// WithoutChannels makes Slack know every channel but those.
func (s *Server) WithoutChannels(channels ...string) {
	gone := map[string]bool{}
	for _, c := range channels {
		gone[c] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = maps.Clone(gone)
}

func (s *Server) take(n Notification) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.Arrived = time.Now()
	s.received = newest(append(s.received, n))
}

func (s *Server) fault(kind, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = newest(append(s.faults, kind+": "+why))
}

func newest[T any](all []T) []T { return all[max(0, len(all)-most):] }
