package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/wait"
)

// sighting is the newest that is known of the index.
type sighting struct {
	data map[string]string // nil while there is no index
	err  error             // why nothing is known
}

// slot holds the newest sighting and wakes the one who waits for it. What was
// in it before is overwritten: nobody wants an old index.
type slot struct {
	mu     sync.Mutex
	newest *sighting
	wake   chan struct{}
}

func newSlot() *slot { return &slot{wake: make(chan struct{}, 1)} }

func (s *slot) put(seen sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = &seen
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the newest sighting once, and nil until there is another.
func (s *slot) take() *sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.newest
	s.newest = nil
	return seen
}

// waiting says whether there is a sighting of an index that nobody took.
func (s *slot) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest != nil && s.newest.err == nil
}

// watcher keeps the slot at the newest state of one ConfigMap.
type watcher struct {
	kube       *kube
	name       string
	slot       *slot
	log        *slog.Logger
	reconnects prometheus.Counter
	version    string // to go on from; empty for a fresh look
	delivered  bool   // the index was seen; from then on the loop goes on with what it knows while we reconnect
}

const watchBackoff = 3 * time.Second

// newBackoff makes a first retry within 200 ms, so that a restarted API server costs little; then slower, spread out over all agents.
func newBackoff(limit time.Duration) wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 1, Steps: 100, Cap: limit}
}

func (w *watcher) run(ctx context.Context) {
	backoff := newBackoff(watchBackoff)
	for ctx.Err() == nil {
		began := time.Now()
		err := w.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		w.reconnects.Inc()
		// A watch that the server ends after its time is resumed; after anything else we look afresh.
		if err == nil && time.Since(began) > time.Second {
			continue
		}
		if time.Since(began) > 10*time.Second {
			backoff = newBackoff(watchBackoff)
		}
		w.lost(err)
		_ = sleep(ctx, max(backoff.Step(), retryAfter(err)))
	}
}

func (w *watcher) lost(err error) {
	w.version = ""
	if err == nil {
		return
	}
	w.log.Warn("watch of the index was lost", "err", err)
	if !w.delivered {
		w.slot.put(sighting{err: err})
	}
}

// follow looks at the ConfigMap if need be, and then watches it until the watch ends.
func (w *watcher) follow(ctx context.Context) error {
	if w.version == "" {
		found, version, err := w.kube.one(ctx, w.name)
		if err != nil {
			return fmt.Errorf("read the index: %w", err)
		}
		w.version = version
		w.saw(found)
	}
	ctx, cancel := context.WithTimeout(ctx, (watchSeconds+15)*time.Second)
	defer cancel()
	body, err := w.kube.open(ctx, w.kube.query(w.name, url.Values{
		"watch":               {"1"},
		"resourceVersion":     {w.version},
		"allowWatchBookmarks": {"true"},
		"timeoutSeconds":      {strconv.Itoa(watchSeconds)},
	}))
	if err != nil {
		return fmt.Errorf("watch the index: %w", err)
	}
	defer body.Close()
	return w.read(body)
}

// read takes the events of a watch until it ends.
func (w *watcher) read(stream io.Reader) error {
	decoder := json.NewDecoder(stream)
	for {
		var event struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := decoder.Decode(&event); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("watch the index: %w", err)
		}
		if err := w.take(event.Type, event.Object); err != nil {
			return err
		}
	}
}

func (w *watcher) take(kind string, raw json.RawMessage) error {
	if kind == "ERROR" {
		var status struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		}
		_ = json.Unmarshal(raw, &status) // a code of 0 serves as well
		return fmt.Errorf("watch the index: %w", &statusError{code: status.Code, message: status.Message})
	}
	var object configMap
	if err := json.Unmarshal(raw, &object); err != nil {
		return fmt.Errorf("watch the index: %w", err)
	}
	if object.Metadata.ResourceVersion != "" {
		w.version = object.Metadata.ResourceVersion
	}
	switch kind {
	case "ADDED", "MODIFIED":
		w.saw(&object)
	case "DELETED":
		// The daemon puts it back. Until then what is live stays live.
		w.log.Warn("the index was deleted")
	}
	return nil
}

func (w *watcher) saw(found *configMap) {
	if found == nil {
		if !w.delivered {
			w.slot.put(sighting{err: fmt.Errorf("there is no ConfigMap %s yet; the daemon writes it", w.name)})
		}
		return
	}
	w.delivered = true
	w.slot.put(sighting{data: found.Data})
}

// retryAfter is how long the API server itself wants to be left alone. A 410 is no trouble of its, only an old version.
func retryAfter(err error) time.Duration {
	status, ok := errors.AsType[*statusError](err)
	if !ok || status.code == http.StatusGone {
		return 0
	}
	return status.retryAfter
}

// sleep returns early, with its error, when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
