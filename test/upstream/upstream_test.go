package upstream

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

func TestPrometheus(t *testing.T) {
	dir := t.TempDir()
	Write(t, dir, map[string]string{"prometheus.yml": "global: {scrape_interval: 7s}\n"})
	s := Prometheus(t, dir, "--log.format=json")
	if !strings.HasPrefix(s.Address, "127.0.0.1:") || s.URL != "http://"+s.Address {
		t.Errorf("address %q, URL %q", s.Address, s.URL)
	}
	reload := func(config string, want int) {
		t.Helper()
		Write(t, dir, map[string]string{"prometheus.yml": config})
		if status, body := s.Ask(t, http.MethodPost, "/-/reload"); status != want {
			t.Errorf("the reload is answered with %d, want %d: %s", status, want, body)
		}
	}
	reload("global: {scrape_interval: 8s}\n", http.StatusOK)
	if status, body := s.Ask(t, http.MethodGet, "/api/v1/status/config"); status != http.StatusOK || !strings.Contains(body, "scrape_interval: 8s") {
		t.Errorf("configuration: %d %s", status, body)
	}
	reload("bogus: 1\n", http.StatusInternalServerError)
	s.Await(t, "in its log", func() bool { return strings.Contains(s.Log(), "field bogus not found") })
	s.Stop()
	if status, body := s.Ask(t, http.MethodGet, "/-/ready"); status != 0 || !strings.Contains(body, "connection refused") {
		t.Errorf("stopped, it answers %d %s", status, body)
	}
}

// TestReady: a server that listens may not be ready yet.
func TestReady(t *testing.T) {
	var asked atomic.Int32
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 || r.URL.Path != "/-/ready" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer slow.Close()
	script := filepath.Join(t.TempDir(), "slow")
	text := fmt.Sprintf("#!/bin/sh\necho 'msg=\"Listening on\" address=%s'\nexec sleep 600\n", slow.Listener.Addr())
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WATCHBILL_SLOW", script)
	if s := Start(t, "slow"); s.URL != slow.URL || asked.Load() != 3 {
		t.Errorf("%s is ready after %d questions, want %s after 3", s.URL, asked.Load(), slow.URL)
	}
}

// verdict is a test that keeps what it would fail or be skipped with.
type verdict struct {
	testing.TB
	said string
}

func (v *verdict) end(format string, args ...any) {
	v.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (v *verdict) Fatalf(format string, args ...any) { v.end(format, args...) }
func (v *verdict) Skipf(format string, args ...any)  { v.end(format, args...) }

func TestVerdict(t *testing.T) {
	dir := t.TempDir()
	Path(t, "prometheus")
	t.Setenv("WATCHBILL_NONE", "")
	for name, tt := range map[string]struct {
		do   func(t testing.TB)
		want string
	}{
		"no configuration": {func(t testing.TB) { Prometheus(t, dir) }, "prometheus ended before it was listening"},
		"a bad end":        {func(t testing.TB) { Run(t, "prometheus", "--bogus") }, "prometheus --bogus: exit status 1\nError parsing command line arguments: unknown long flag '--bogus'"},
		"no program":       {func(t testing.TB) { Start(t, "none") }, "WATCHBILL_NONE is not set: `make test` builds the real none and runs this test with it"},
	} {
		t.Run(name, func(t *testing.T) {
			v, done := &verdict{TB: t}, make(chan struct{})
			go func() { defer close(done); tt.do(v) }()
			<-done
			if !strings.HasPrefix(v.said, tt.want) {
				t.Errorf("%q, want %q", v.said, tt.want)
			}
		})
	}
}
