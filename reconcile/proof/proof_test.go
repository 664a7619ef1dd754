package proof

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/reach"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fleet stands for agents that hold answers back as the real ones do.
type fleet struct {
	mu      sync.Mutex
	reports map[string]agent.Report // by address
	changed chan struct{}
	asked   map[string]int
}

func newFleet() *fleet {
	return &fleet{reports: map[string]agent.Report{}, changed: make(chan struct{}), asked: map[string]int{}}
}

// say has the agent at the address report something else; without a state it cannot be reached.
func (f *fleet) say(address string, state agent.State, wanted, live, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports[address] = agent.Report{
		Version: f.reports[address].Version + 1, State: state, Wanted: wanted, Live: live, Error: text,
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fleet) questions(pod string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[pod]
}

func (f *fleet) ask(ctx context.Context, r Replica, version uint64, wait time.Duration) (agent.Report, error) {
	f.mu.Lock()
	f.asked[r.Pod]++
	f.mu.Unlock()
	limit := time.NewTimer(wait)
	defer limit.Stop()
	for {
		f.mu.Lock()
		report, changed := f.reports[r.Address], f.changed
		f.mu.Unlock()
		if report.State == "" {
			return agent.Report{}, errors.New("connection refused")
		}
		if report.Version != version {
			return report, nil
		}
		select {
		case <-changed:
		case <-limit.C:
			return report, nil
		case <-ctx.Done():
			return agent.Report{}, ctx.Err()
		}
	}
}

func replicas(pods ...string) []Replica {
	var out []Replica
	for _, pod := range pods {
		component := "prometheus"
		if pod[0] == 'a' {
			component = "alertmanager"
		}
		out = append(out, Replica{Pod: pod, Component: component, Address: "ip-" + pod})
	}
	return out
}

// with runs a test beside a prover, in a bubble of its own time.
func with(t *testing.T, test func(t *testing.T, f *fleet, p *Prover)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		p := New(f.ask)
		defer p.Close()
		test(t, f, p)
	})
}

var both = []Want{{Component: "prometheus", Digest: "new", Replicas: 2}, {Component: "alertmanager", Digest: "newer", Replicas: 1}}

func TestWaitLive(t *testing.T) {
	with(t, func(t *testing.T, f *fleet, p *Prover) {
		for _, pod := range []string{"p0", "p1", "a0"} {
			f.say("ip-"+pod, agent.Live, "old", "old", "")
		}
		p.SetReplicas(replicas("p0", "p1", "a0"))
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			f.say("ip-p0", agent.Live, "new", "new", "")
			f.say("ip-a0", agent.Live, "newer", "newer", "")
			time.Sleep(time.Second)
			f.say("ip-p1", agent.Applying, "new", "old", "")
			time.Sleep(time.Second)
			f.say("ip-p1", agent.Live, "new", "new", "")
		}()
		result, err := p.Wait(t.Context(), both)
		if err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %s, want the proof at once when it is there", err, time.Since(began))
		}
		if diff := cmp.Diff([]Count{{"prometheus", 2, 2}, {"alertmanager", 1, 1}}, result.Components); diff != "" || result.Missing() != "" {
			t.Error(diff, result.Missing())
		}
	})
}

func TestWaitRefused(t *testing.T) {
	with(t, func(t *testing.T, f *fleet, p *Prover) {
		f.say("ip-p0", agent.Applying, "new", "old", "")
		f.say("ip-p1", agent.Refused, "before", "old", "an older refusal") // of another bundle
		f.say("ip-a0", agent.Live, "newer", "newer", "")
		p.SetReplicas(replicas("p0", "p1", "a0"))
		go func() {
			time.Sleep(time.Second)
			f.say("ip-p1", agent.Refused, "new", "old", "bad CA")
		}()
		began := time.Now()
		result, err := p.Wait(t.Context(), both)
		want := &Refusal{Pod: "p1", Component: "prometheus", Digest: "new", Words: "bad CA"}
		if diff := cmp.Diff(want, result.Refused); diff != "" || time.Since(began) != time.Second {
			t.Errorf("after %s: %s", time.Since(began), diff)
		}
		if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Words != "bad CA" {
			t.Errorf("error %v", err)
		}
		if got := result.Missing(); got != "p0 is applying; p1 is refused: bad CA" {
			t.Errorf("missing %q", got)
		}
	})
}

func TestWaitDeadline(t *testing.T) {
	with(t, func(t *testing.T, f *fleet, p *Prover) {
		f.say("ip-p0", agent.Live, "new", "new", "")
		f.say("ip-a0", agent.Live, "old", "old", "")
		p.SetReplicas(replicas("p0", "a0"))
		cause := errors.New("a newer revision")
		for _, end := range []error{context.DeadlineExceeded, cause} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, end)
			result, err := p.Wait(ctx, both)
			cancel()
			if !errors.Is(err, end) {
				t.Errorf("error %v, want %v", err, end)
			}
			want := "1 of 2 prometheus replicas have no running pod; a0 is live, its index is not seen yet"
			if got := result.Missing(); got != want {
				t.Errorf("missing %q, want %q", got, want)
			}
		}
	})
}

// TestUnreachable: a replica that cannot be reached gives no proof, however good its last word was.
func TestUnreachable(t *testing.T) {
	with(t, func(t *testing.T, f *fleet, p *Prover) {
		p.SetReplicas(replicas("p0"))
		synctest.Wait()
		want := "the agent cannot be reached: connection refused"
		if s := p.Snapshot(); s[0].State != agent.Failed || s[0].Error != want || s[0].Pod != "p0" || s[0].Component != "prometheus" {
			t.Errorf("snapshot %+v", s)
		}
		began := time.Now()
		f.say("ip-p0", agent.Live, "new", "new", "")
		if _, err := p.Wait(t.Context(), []Want{{Component: "prometheus", Digest: "new", Replicas: 1}}); err != nil || time.Since(began) > 250*time.Millisecond {
			t.Errorf("%v after %s, want a first retry within 250 ms", err, time.Since(began))
		}
		f.say("ip-p0", "", "", "", "")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		before := f.questions("p0")
		if result, err := p.Wait(ctx, []Want{{Component: "prometheus", Digest: "new", Replicas: 1}}); err == nil {
			t.Errorf("proof of a replica that cannot be reached: %+v", result)
		}
		if n := f.questions("p0") - before; n < 120 || n > 300 {
			t.Errorf("%d questions in ten minutes, want one in 2 to 5 seconds", n)
		}
		if s := p.Snapshot(); s[0].Live != "new" {
			t.Errorf("what it said last is forgotten: %+v", s)
		}
	})
}

// TestReplicaComesBack: the pod of this name is another one now; what the old one said is no proof.
func TestReplicaComesBack(t *testing.T) {
	with(t, func(t *testing.T, f *fleet, p *Prover) {
		f.say("ip-p0", agent.Live, "new", "new", "")
		p.SetReplicas(replicas("p0"))
		synctest.Wait()
		p.SetReplicas([]Replica{{Pod: "p0", Component: "prometheus", Address: "other"}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Wait(ctx, []Want{{Component: "prometheus", Digest: "new", Replicas: 1}}); err == nil {
			t.Error("the proof of a pod that has gone")
		}
		time.Sleep(5 * time.Minute)
		f.say("other", agent.Live, "new", "new", "")
		p.SetReplicas([]Replica{{Pod: "p0", Component: "prometheus", Address: "other"}}) // its pod became ready, say
		synctest.Wait()
		if _, err := p.Wait(t.Context(), []Want{{Component: "prometheus", Digest: "new", Replicas: 1}}); err != nil {
			t.Error(err)
		}
		p.SetReplicas(nil)
		if s := p.Snapshot(); len(s) != 0 {
			t.Errorf("replicas that have gone: %+v", s)
		}
	})
}

func TestChanged(t *testing.T) {
	with(t, func(t *testing.T, f *fleet, p *Prover) {
		f.say("ip-p0", agent.Live, "a", "a", "")
		p.SetReplicas(replicas("p0"))
		synctest.Wait()
		<-p.Changed()
		select {
		case <-p.Changed():
			t.Error("woken twice")
		case <-time.After(time.Hour):
		}
		f.say("ip-p0", agent.Live, "b", "b", "")
		began := time.Now()
		<-p.Changed()
		if time.Since(began) != 0 {
			t.Errorf("woken after %s", time.Since(began))
		}
	})
}

// TestAgentThatDoesNotWait: it is not asked in a tight loop.
func TestAgentThatDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		p := New(func(context.Context, Replica, uint64, time.Duration) (agent.Report, error) {
			asked++
			return agent.Report{Version: 1, State: agent.Live}, nil
		})
		p.SetReplicas(replicas("p0"))
		time.Sleep(time.Minute)
		p.Close()
		if asked > 60 {
			t.Errorf("%d questions in a minute", asked)
		}
	})
}

func TestClosed(t *testing.T) {
	p := New(newFleet().ask)
	p.Close()
	p.SetReplicas(replicas("p0"))
	if _, err := p.Wait(t.Context(), []Want{{Component: "prometheus", Digest: "x", Replicas: 1}}); err == nil {
		t.Error("proof without a prover")
	}
}

func TestTransports(t *testing.T) {
	var got string
	answer, code := `{"version":7,"state":"live","live":"x","wanted":"x"}`, 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.String()
		w.WriteHeader(code)
		fmt.Fprint(w, answer)
	}))
	defer server.Close()
	proxy, err := reach.ThroughAPIServer(&rest.Config{Host: server.URL}, "monitoring")
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(server.URL, "http://")
	for _, c := range []struct {
		name string
		ask  Ask
		want string
	}{
		{"direct", Through(reach.Direct()), "/live?version=6&wait=30s"},
		{"proxy", Through(proxy), "/api/v1/namespaces/monitoring/pods/p-0:9533/proxy/live?version=6&wait=30s"},
	} {
		r := Replica{Pod: "p-0", Address: address}
		code, answer = 200, `{"version":7,"state":"live","live":"x","wanted":"x"}`
		if report, err := c.ask(t.Context(), r, 6, 30*time.Second); err != nil || report.Version != 7 || report.Live != "x" {
			t.Errorf("%s: %+v, %v", c.name, report, err)
		}
		if got != c.want {
			t.Errorf("%s: asked %s, want %s", c.name, got, c.want)
		}
		code, answer = 503, `{"kind":"Status","message":"no route to pod"}`
		if _, err := c.ask(t.Context(), r, 6, 0); err == nil || err.Error() != "503 Service Unavailable: no route to pod" {
			t.Errorf("%s: error %v", c.name, err)
		}
		code, answer = 200, "<html>"
		if _, err := c.ask(t.Context(), r, 6, 0); err == nil {
			t.Errorf("%s: a page was taken for a report", c.name)
		}
	}
	if _, err := Through(reach.Direct())(t.Context(), Replica{Pod: "p-0"}, 0, 0); err == nil || !strings.Contains(err.Error(), "no address") {
		t.Errorf("error %v", err)
	}
	server.CloseClientConnections()
}

func FuzzParseReport(f *testing.F) {
	f.Add([]byte(`{"version":7,"state":"live","since":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"version":0,"state":"live"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if report, err := parseReport(raw); err == nil && (report.Version == 0 || report.State == "") {
			t.Errorf("taken for a report: %+v", report)
		}
		_ = message(raw)
	})
}
