package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// script answers one request after the other, and notes when each came.
type script struct {
	answers []func() (int, string)
	came    []string
	end     context.CancelFunc
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	what := "list"
	if r.URL.Query().Get("watch") == "1" {
		what = "watch from " + r.URL.Query().Get("resourceVersion")
	}
	s.came = append(s.came, what)
	if len(s.answers) == 0 {
		s.end()
		return nil, context.Canceled
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	code, body := answer()
	if code == 0 {
		return nil, errors.New(body)
	}
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func list(version, value string) func() (int, string) {
	return func() (int, string) {
		return 200, fmt.Sprintf(`{"metadata":{"resourceVersion":%q},"items":[{"metadata":{"resourceVersion":"1"},"data":{"v":%q}}]}`, version, value)
	}
}

// lasting is a watch with these events that the server ends after its time.
func lasting(events ...string) func() (int, string) {
	return func() (int, string) {
		time.Sleep(watchSeconds * time.Second)
		return 200, strings.Join(events, "\n")
	}
}

func broken(code int, body string) func() (int, string) {
	return func() (int, string) { return code, body }
}

func modified(version, value string) string {
	return fmt.Sprintf(`{"type":"MODIFIED","object":{"metadata":{"resourceVersion":%q},"data":{"v":%q}}}`, version, value)
}

// follow plays a script and returns the requests that came and the last value seen.
func follow(t *testing.T, answers ...func() (int, string)) (came []string, last string, took time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &script{answers: answers, end: cancel}
	base, _ := url.Parse("http://api.test/api/v1/namespaces/n/configmaps")
	w := &watcher{
		kube: &kube{http: &http.Client{Transport: s}, base: base}, name: "watchbill-prometheus", slot: newSlot(),
		log: slog.New(slog.DiscardHandler), reconnects: prometheus.NewCounter(prometheus.CounterOpts{Name: "n"}),
	}
	began := time.Now()
	w.run(ctx)
	if seen := w.slot.take(); seen != nil {
		last = seen.data["v"]
	}
	return s.came, last, time.Since(began)
}

func TestWatch(t *testing.T) {
	const gone = `{"type":"ERROR","object":{"code":410,"message":"too old resource version"}}`
	for name, c := range map[string]struct {
		answers []func() (int, string)
		came    []string
		last    string
		least   time.Duration
		most    time.Duration
	}{
		"the server ends a watch: it is resumed where it was": {
			answers: []func() (int, string){list("5", "a"), lasting(modified("7", "b"), `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}`)},
			came:    []string{"list", "watch from 5", "watch from 9"},
			last:    "b",
			least:   watchSeconds * time.Second, most: watchSeconds * time.Second,
		},
		"the version is too old: a fresh look": {
			answers: []func() (int, string){list("5", "a"), lasting(gone), list("20", "b")},
			came:    []string{"list", "watch from 5", "list", "watch from 20"},
			last:    "b",
			least:   watchSeconds*time.Second + 100*time.Millisecond, most: watchSeconds*time.Second + 200*time.Millisecond,
		},
		"too old at once, by its code": {
			answers: []func() (int, string){list("5", "a"), broken(410, `{"message":"gone"}`), list("20", "b")},
			came:    []string{"list", "watch from 5", "list", "watch from 20"},
			last:    "b",
			least:   100 * time.Millisecond, most: 200 * time.Millisecond,
		},
		"the connection breaks: the first retry comes soon, the next later": {
			answers: []func() (int, string){list("5", "a"), broken(0, "connection refused"), broken(0, "connection refused"), list("6", "b")},
			came:    []string{"list", "watch from 5", "list", "list", "watch from 6"},
			last:    "b",
			least:   300 * time.Millisecond, most: 600 * time.Millisecond,
		},
		"half an event": {
			answers: []func() (int, string){list("5", "a"), lasting(modified("7", "b")[:40]), list("8", "c")},
			came:    []string{"list", "watch from 5", "list", "watch from 8"},
			last:    "c",
			least:   watchSeconds*time.Second + 100*time.Millisecond, most: watchSeconds*time.Second + 200*time.Millisecond,
		},
		"deleted: the last one stays": {
			answers: []func() (int, string){list("5", "a"), lasting(`{"type":"DELETED","object":{"metadata":{"resourceVersion":"6"},"data":{"v":"x"}}}`)},
			came:    []string{"list", "watch from 5", "watch from 6"},
			last:    "a",
			least:   watchSeconds * time.Second, most: watchSeconds * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				came, last, took := follow(t, c.answers...)
				if diff := cmp.Diff(c.came, came); diff != "" {
					t.Error(diff)
				}
				if last != c.last {
					t.Errorf("last seen %q, want %q", last, c.last)
				}
				if took < c.least || took > c.most {
					t.Errorf("took %s, want %s to %s", took, c.least, c.most)
				}
			})
		})
	}
}

// TestWatchLeavesServerAlone: a server that says when to come back is believed.
func TestWatchLeavesServerAlone(t *testing.T) {
	err := fmt.Errorf("watch: %w", &statusError{code: 429, retryAfter: 7 * time.Second})
	if got := retryAfter(err); got != 7*time.Second {
		t.Errorf("retry after %s", got)
	}
}

func FuzzWatch(f *testing.F) {
	f.Add(modified("7", "b"))
	f.Add(`{"type":"ERROR","object":{"code":410}}` + "\n" + `{"type":"BOOKMARK","object":{}}`)
	f.Add(`{"type":"ADDED","object":{"metadata":null,"data":{"index.json":"{}"}}}`)
	f.Fuzz(func(t *testing.T, stream string) {
		w := &watcher{slot: newSlot(), log: slog.New(slog.DiscardHandler)}
		_ = w.read(strings.NewReader(stream))
		if seen := w.slot.take(); seen != nil && seen.err == nil && !w.delivered {
			t.Error("something was seen and not delivered")
		}
	})
}
