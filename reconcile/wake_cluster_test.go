package reconcile

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/reconcile/forge/github"
	"github.com/watchbill/watchbill/reconcile/hook"
)

const webhookSecret = "planted-webhook-secret"

var exampleHook = &github.Webhook{
	Owner: "example", Name: "monitoring", Log: slog.New(slog.DiscardHandler),
	Secrets: func() ([][]byte, error) { return [][]byte{[]byte(webhookSecret)}, nil },
}

// post sends a delivery as GitHub makes it.
func post(t *testing.T, to http.Handler, event, id, body string) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write([]byte(body))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/github", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", id)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	w := httptest.NewRecorder()
	to.ServeHTTP(w, r)
	if w.Code != http.StatusAccepted {
		t.Fatalf("delivery %s: %d %s", id, w.Code, w.Body)
	}
}

const (
	pushPayload = `{"ref":"refs/heads/main","repository":{"full_name":"example/monitoring"}}`
	pullPayload = `{"action":"opened","number":7,"repository":{"full_name":"example/monitoring"}}`
)

// TestHookIsWired: what the daemon's listener takes is there to be called, of the one branch.
func TestHookIsWired(t *testing.T) {
	d, err := New(Options{
		Config: &rest.Config{Host: "http://192.0.2.1"}, Hook: exampleHook, HookBranch: "main", Log: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	post(t, d.hooks, "push", "1", strings.Replace(pushPayload, "main", "topic", 1))
	if got := d.calls.next().String(); got != "[]" {
		t.Errorf("a push to another branch: %s", got)
	}
	post(t, d.hooks, "push", "2", pushPayload)
	post(t, d.hooks, "pull_request", "3", pullPayload)
	if got := d.calls.next().String(); got != "push [7]" {
		t.Error(got)
	}
	// Taken of one kind of event, and of the other.
	if n, err := testutil.GatherAndCount(d.metrics.registry, "watchbill_webhook_deliveries_total"); n != 2 || err != nil {
		t.Errorf("%d of the listener's metrics are among the daemon's, %v", n, err)
	}
}

// TestOnCall: what stood there before is past, what is written next is heard.
func TestOnCall(t *testing.T) {
	var heard []string
	h := onCall(func(c call) { heard = append(heard, c.String()) })
	cm := &corev1.ConfigMap{Data: map[string]string{"push": "t"}}
	h.OnAdd(cm, true)
	h.OnAdd(cm, false)
	h.OnUpdate(cm, cm)
	h.OnUpdate(cm, &corev1.ConfigMap{Data: map[string]string{"push": "t", "pulls": "t 7"}})
	h.OnDelete(cm)
	if diff := cmp.Diff([]string{"push []", "[]", "[7]"}, heard); diff != "" {
		t.Error(diff)
	}
}

// TestCallIsWrittenByTheOthers: a process that does not lead writes, with what
// it has to say and no more; one that leads writes nothing.
func TestCallIsWrittenByTheOthers(t *testing.T) {
	client := fake.NewClientset()
	maps := client.CoreV1().ConfigMaps("monitoring")
	var pulls []int
	d := &Daemon{
		Options: Options{Namespace: "monitoring"}, client: client, health: &health{}, wake: newTrigger(),
		proposed: func(n int) { pulls = append(pulls, n) },
	}
	d.health.lead(time.Now())
	must(t, d.sendCall(t.Context(), call{push: true, pulls: []int{3}}))
	if _, err := maps.Get(t.Context(), WakeName, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the leader goes through the cluster: %v", err)
	}
	if len(d.wake) != 1 || !cmp.Equal(pulls, []int{3}) {
		t.Errorf("the leader wakes itself: %d, pull requests %v", len(d.wake), pulls)
	}

	d.health.leading.Store(false)
	now := time.Date(2026, 3, 1, 12, 0, 0, 1500, time.UTC)
	must(t, writeCall(t.Context(), maps, "monitoring", call{push: true}, now))
	must(t, writeCall(t.Context(), maps, "monitoring", call{pulls: []int{3, 12}}, now))
	cm, err := maps.Get(t.Context(), WakeName, metav1.GetOptions{})
	must(t, err)
	if diff := cmp.Diff(map[string]string{"pulls": "2026-03-01T12:00:00.0000015Z 3 12"}, cm.Data); diff != "" {
		t.Error(diff)
	}
	must(t, d.sendCall(t.Context(), call{push: true}))
	cm, err = maps.Get(t.Context(), WakeName, metav1.GetOptions{})
	must(t, err)
	if parseCall(nil, cm.Data).String() != "push []" || len(d.wake) != 1 || len(pulls) != 1 {
		t.Errorf("written: %v; woken %d, pull requests %v", cm.Data, len(d.wake), pulls)
	}
}

// TestWokenByAnotherReplica: a delivery that comes to a replica standing by
// wakes the leader, which would not have looked for an hour, and no other look
// at a pull request is asked for. What somebody else writes there has it look,
// and nothing else.
func TestWokenByAnotherReplica(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var told []string // which pull requests to look at, and by whom
	start := func(name string) (*Daemon, func()) {
		d, closeRepo := w.daemon(filepath.Join(t.TempDir(), name), nil)
		d.Identity, d.Poll = name, time.Hour
		d.proposed = func(n int) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(name, " ", n))
		}
		var err error
		d.hooks, err = hook.New(hook.Options{Hook: exampleHook, Deliver: d.calls.take, Log: d.Log})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		stop := sync.OnceFunc(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", name, err)
			}
			closeRepo()
		})
		t.Cleanup(stop)
		return d, stop
	}
	live := func(commit string) {
		t.Helper()
		w.eventually("a commit is live", func() bool { h := w.history(); return h.Live != nil && h.Live.Revision == commit })
	}
	var want []string
	wantTold := func(next ...string) {
		t.Helper()
		want = append(want, next...)
		w.eventually(fmt.Sprint("asked for ", want), func() bool { mu.Lock(); defer mu.Unlock(); return len(told) >= len(want) })
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff(want, told); diff != "" {
			t.Fatalf("looks that were asked for (-want +got):\n%s", diff)
		}
	}
	passes := func(d *Daemon) float64 { return testutil.ToFloat64(d.metrics.passes) }

	leader, stopLeader := start("a")
	live(w.git("rev-parse", "HEAD"))
	wantTold("a 0") // any: whenever the branch has moved, and so with the first revision
	other, stopOther := start("b")
	w.write("README.md", "another commit\n")
	second := w.commit("second")
	post(t, other.hooks, "push", "1", pushPayload)
	live(second)
	wantTold("a 0")
	post(t, other.hooks, "pull_request", "2", pullPayload)
	wantTold("a 7")

	before := passes(leader)
	maps := w.client.CoreV1().ConfigMaps(w.ns)
	cm, err := maps.Get(t.Context(), WakeName, metav1.GetOptions{})
	must(t, err)
	cm.Data = map[string]string{
		"push": "refs/heads/evil", "pulls": "$(reboot) 1; 2", "revision": strings.Repeat("0", 40), "from": second, "to": strings.Repeat("0", 40),
	}
	cm.BinaryData = map[string][]byte{"junk": []byte(strings.Repeat("\x00", 500_000))}
	_, err = maps.Update(t.Context(), cm, metav1.UpdateOptions{})
	must(t, err)
	wantTold("a 0") // of what was written; the branch has not moved
	w.eventually("the leader has looked", func() bool { return passes(leader) > before })
	must(t, maps.Delete(t.Context(), WakeName, metav1.DeleteOptions{}))
	w.write("README.md", "a third commit\n")
	third := w.commit("third")
	post(t, other.hooks, "push", "3", pushPayload)
	live(third)
	wantTold("a 0")
	w.wantLive(third)
	if r := w.history().Records; len(r) != 3 {
		t.Errorf("records: %+v", r)
	}
	stopOther()
	stopLeader()
	wantTold() // and no more until the end
	if passes(other) != 0 {
		t.Error("the replica that stands by has worked")
	}
}
