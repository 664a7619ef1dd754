package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/watchbill/watchbill/render/bundle"
)

// value reads one of the agent's own metrics.
func value(t *testing.T, a agentUnderTest, name string) float64 {
	t.Helper()
	families, err := a.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// serveOnly runs the server of an agent whose loop does not run.
func serveOnly(t *testing.T) (*Agent, string, context.CancelFunc) {
	t.Helper()
	a := newAgent(t, newFakeKube(t), bundle.Prometheus, t.TempDir(), "http://127.0.0.1:1")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.serve(ctx, listener) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	t.Cleanup(stop)
	return a, "http://" + listener.Addr().String(), stop
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestServer(t *testing.T) {
	a, url, _ := serveOnly(t)
	check := func(path string, want int, text string) {
		t.Helper()
		if code, body := get(t, url+path); code != want || !strings.Contains(body, text) {
			t.Errorf("GET %s: %d %q, want %d and %q", path, code, body, want, text)
		}
	}
	check("/live", 200, `"state":"starting"`)
	check("/live?wait=1s&version=0", 200, `"version":1`)
	check("/live?wait=10ms&version=1", 200, `"version":1`)
	check("/live?wait=1s", 400, "version")
	check("/live?wait=soon&version=1", 400, "duration")
	check("/live?wait=-1s&version=1", 400, "duration")
	check("/startz", 503, "no bundle is here yet")
	check("/readyz", 503, "not given proof yet")
	check("/healthz", 200, "comes round")
	check("/metrics", 200, `watchbill_agent_state{state="starting"} 1`)
	check("/debug/pprof/", 404, "")
	a.ready.Store(true)
	check("/startz", 200, "")
	check("/readyz", 503, "not given proof yet")
	a.proven.Store(true)
	check("/readyz", 200, "")
	ship, err := http.Post(url+"/ship", "", nil)
	if err != nil || ship.StatusCode != http.StatusNotFound {
		t.Errorf("POST /ship without a store: %v, %v", ship.StatusCode, err)
	}
	ship.Body.Close()
	a.pulse.due.Store(time.Now().Add(-time.Second).UnixNano())
	check("/healthz", 503, "stuck")
	response, err := http.Post(url+"/live", "text/plain", nil)
	if err != nil || response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /live: %v, %v", response.StatusCode, err)
	}
	response.Body.Close()
	problems, err := testutil.GatherAndLint(a.metrics.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

// TestLongPoll: many askers wait, all hear of the change at once, and the end of the agent ends their wait.
func TestLongPoll(t *testing.T) {
	a, url, stop := serveOnly(t)
	ask := func(version, n int) <-chan Report {
		answers := make(chan Report, n)
		for range n {
			go func() {
				response, err := http.Get(url + "/live?wait=50s&version=" + strconv.Itoa(version))
				if err != nil {
					t.Error(err)
					answers <- Report{}
					return
				}
				defer response.Body.Close()
				var report Report
				if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
					t.Error(err)
				}
				answers <- report
			}()
		}
		return answers
	}
	answers := ask(1, 100)
	time.Sleep(100 * time.Millisecond)
	changed := time.Now()
	a.board.update(func(r *Report) { r.State = Live })
	for range 100 {
		if report := <-answers; report.Version != 2 || report.State != Live {
			t.Errorf("answer %+v", report)
		}
	}
	if took := time.Since(changed); took > time.Second {
		t.Errorf("a hundred answers took %s", took)
	}
	answers = ask(2, 10)
	time.Sleep(100 * time.Millisecond)
	stopped := time.Now()
	stop()
	for range 10 {
		if report := <-answers; report.Version != 2 {
			t.Errorf("answer at the end: %+v", report)
		}
	}
	if took := time.Since(stopped); took > 3*time.Second {
		t.Errorf("the end took %s", took)
	}
}

func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(Report{State: Starting})
		began := time.Now()
		if r := b.wait(t.Context(), 1, 30*time.Second); r.Version != 1 || time.Since(began) != 30*time.Second {
			t.Errorf("an unchanged report came after %s: %+v", time.Since(began), r)
		}
		go func() {
			time.Sleep(time.Second)
			b.update(func(r *Report) {}) // no change, nobody is told
			time.Sleep(time.Second)
			b.update(func(r *Report) { r.State = Live })
		}()
		began = time.Now()
		if r := b.wait(t.Context(), 1, time.Minute); r.Version != 2 || time.Since(began) != 2*time.Second {
			t.Errorf("a changed report came after %s: %+v", time.Since(began), r)
		}
		if r := b.wait(t.Context(), 1, time.Minute); r.Version != 2 {
			t.Errorf("an old version was waited for: %+v", r)
		}
	})
}

func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		p.beat(2 * time.Minute)
		time.Sleep(179 * time.Second)
		if !p.alive() {
			t.Error("stuck during a step that may take that long")
		}
		time.Sleep(2 * time.Second)
		if p.alive() {
			t.Error("alive a minute after the step should have ended")
		}
	})
}

func TestReportFields(t *testing.T) {
	raw, err := json.Marshal(Report{Version: 3, Component: "prometheus", Pod: "p-0", State: Starting})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("since")) || bytes.Contains(raw, []byte("live")) {
		t.Errorf("empty fields are sent: %s", raw)
	}
}
