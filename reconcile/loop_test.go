package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/render/bundle"
)

const (
	extraTeam = "owner: x\nroutes:\n  - receivers:\n      - slack: {channel: x, urlKey: x}\n"
	extraRule = "groups:\n  - name: extra\n    rules:\n      - alert: Extra\n        expr: vector(0) > 1\n"
)

func TestWayOfACommit(t *testing.T) {
	w := newWorld(t)
	first := w.git("rev-parse", "HEAD")
	_, err := w.run(nil)
	must(t, err)
	w.wantLive(first)
	if s := w.said(first); s.State != forge.Success || !strings.HasPrefix(s.Text, "live on 2/2 Prometheus, 3/3 Alertmanager in ") {
		t.Errorf("status: %+v", s)
	}

	// Again, by a new process: nothing is written.
	d, err := w.run(nil)
	must(t, err)
	if n := testutil.ToFloat64(d.metrics.requests.WithLabelValues("DELETE")); n != 0 {
		t.Errorf("%v deletes", n)
	}
	if n := testutil.ToFloat64(d.metrics.drifts); n != 0 {
		t.Errorf("%v drifts where there was none", n)
	}

	w.write("teams/extra/team.yaml", extraTeam)
	w.write("teams/extra/rules/extra.yaml", extraRule)
	second := w.commit("a team")
	_, err = w.run(nil)
	must(t, err)
	w.wantLive(second)

	// A broken team: everyone else's change goes out, and its own rules stay.
	w.edit("teams/extra/rules/extra.yaml", "> 1", ">")
	w.write("teams/extra/rules/more.yaml", strings.ReplaceAll(extraRule, "xtra", "xtra2"))
	w.write("teams/payments/rules/new.yaml", strings.ReplaceAll(extraRule, "Extra", "New"))
	third := w.commit("one is broken")
	_, err = w.run(nil)
	must(t, err)
	w.wantLive(third)
	if q := w.history().Live.Quarantined; len(q) != 1 || q[0].Team != "extra" || q[0].Revision != second {
		t.Errorf("quarantined: %+v", q)
	}
	index, err := w.index(t.Context(), bundle.Prometheus)
	must(t, err)
	rules, err := w.files(t.Context(), bundle.Prometheus, index.Wanted)
	must(t, err)
	for word, want := range map[string]bool{"alert: Extra\n": true, "alert: Extra2\n": false, "alert: New\n": true} {
		if strings.Contains(rules, word) != want {
			t.Errorf("%q is live: %v", word, !want)
		}
	}
	if s := w.said(third); s.State != forge.Failure || !strings.Contains(s.Text, "team extra quarantined: teams/extra/rules/extra.yaml:") {
		t.Errorf("status: %+v", s)
	}
}

func TestStandingBack(t *testing.T) {
	w := newWorld(t)
	w.write("teams/extra/team.yaml", extraTeam)
	w.write("teams/extra/rules/extra.yaml", extraRule)
	good := w.commit("good")
	_, err := w.run(nil)
	must(t, err)
	w.wantLive(good)

	// Refused by a process: back to the last good, everywhere.
	w.refuse = "Unloadable"
	w.edit("teams/extra/rules/extra.yaml", "Extra", "Unloadable")
	refused := w.commit("refused")
	if _, err = w.run(nil); !errors.Is(err, ErrNotLive) {
		t.Errorf("error: %v", err)
	}
	w.wantOutcome(refused, history.Refused, "no such word: Unloadable")
	w.wantLive(good)

	// A restart does not try it again.
	d, err := w.run(nil)
	if !errors.Is(err, ErrNotLive) {
		t.Errorf("error: %v", err)
	}
	if n := testutil.ToFloat64(d.metrics.revisions.WithLabelValues("refused")); n != 0 {
		t.Error("the refused revision was tried again")
	}
	w.wantLive(good)

	// Invalid as a whole.
	w.edit("teams/extra/rules/extra.yaml", "Unloadable", "Extra")
	w.edit("watchbill.yaml", "components:", "componnents:")
	invalid := w.commit("invalid")
	if _, err = w.run(nil); !errors.Is(err, ErrNotLive) {
		t.Errorf("error: %v", err)
	}
	w.wantOutcome(invalid, history.Blocked, "componnents")
	w.wantLive(good)

	// Too much removed: held, and released by the id that the hold names.
	w.edit("watchbill.yaml", "componnents:", "components:")
	must(t, os.RemoveAll(filepath.Join(w.repo, "teams/extra")))
	held := w.commit("a team less")
	if _, err = w.run(nil); !errors.Is(err, ErrNotLive) {
		t.Errorf("error: %v", err)
	}
	w.wantOutcome(held, history.Held, "all of team extra")
	w.wantLive(good)
	h := w.history()
	_, id, _ := strings.Cut(h.Of(held).Reason, "add ")
	id, _, _ = strings.Cut(id, " ")
	w.edit("watchbill.yaml", "guard:\n", fmt.Sprintf("guard:\n  allow: [%q]\n", id))
	released := w.commit("released")
	_, err = w.run(nil)
	must(t, err)
	w.wantLive(released)

	// Back by hand, until the next commit.
	must(t, Rollback{From: released, To: good}.Request(t.Context(), w.client.CoreV1().ConfigMaps(w.ns), w.ns))
	_, _ = w.run(nil)
	w.wantLive(good)
	if s := w.said(released); s.State != forge.Failure || !strings.Contains(s.Text, "rolled back to "+good[:8]) {
		t.Errorf("status: %+v", s)
	}
	w.write("README.md", "a commit that changes nothing that is rendered\n")
	next := w.commit("next")
	_, err = w.run(nil)
	must(t, err)
	w.wantLive(next)
}

func TestDriftWhileAway(t *testing.T) {
	w := newWorld(t)
	_, err := w.run(nil)
	must(t, err)
	index, err := w.index(t.Context(), bundle.Prometheus)
	must(t, err)
	maps := w.client.CoreV1().ConfigMaps(w.ns)
	must(t, maps.Delete(t.Context(), bundle.Name(bundle.Prometheus, index.Wanted.Chunks[0]), metav1.DeleteOptions{}))
	edit := []byte(`{"spec":{"ports":[{"name":"http-web","port":9090,"targetPort":1}]}}`)
	_, err = w.client.CoreV1().Services(w.ns).Patch(t.Context(), "prometheus", types.StrategicMergePatchType, edit, metav1.PatchOptions{FieldManager: "somebody"})
	must(t, err)

	d, err := w.run(nil)
	must(t, err)
	w.wantLive(w.git("rev-parse", "HEAD"))
	if n := testutil.ToFloat64(d.metrics.drifts); n != 2 {
		t.Errorf("%v drifts were put right, want 2", n)
	}
	service, err := w.client.CoreV1().Services(w.ns).Get(t.Context(), "prometheus", metav1.GetOptions{})
	must(t, err)
	if got := service.Spec.Ports[0].TargetPort.String(); got == "1" {
		t.Errorf("target port is still %s", got)
	}
}

// TestKilledAnywhereConverges kills the daemon before and after each of its
// writes in turn, and lets another one find what it left.
func TestKilledAnywhereConverges(t *testing.T) {
	w := newWorld(t)
	_, err := w.run(nil)
	must(t, err)
	finished := false
	for writes := 0; !finished; writes++ {
		for _, arrives := range []bool{false, true} {
			w.write("teams/payments/rules/new.yaml", strings.ReplaceAll(extraRule, "> 1", fmt.Sprintf("> %d%v", writes, map[bool]string{false: "0", true: "1"}[arrives])))
			commit := w.commit(fmt.Sprintf("killed after %d", writes))
			_, err := w.run(killedAfter(writes, arrives))
			finished = err == nil
			if _, err := w.run(nil); err != nil {
				t.Fatalf("after %d writes: %v", writes, err)
			}
			w.wantLive(commit)
		}
		if writes > 30 {
			t.Fatal("a one-line change takes more than 30 writes")
		}
	}
}

// A stricter daemon may find fault with what is live: it stays live, untouched,
// and the loop does not spin over it.
func TestNothingGood(t *testing.T) {
	w := newWorld(t)
	w.edit("watchbill.yaml", "components:", "componnents:")
	invalid := w.commit("the first revision is invalid")
	d, err := w.run(nil)
	if !errors.Is(err, ErrNotLive) {
		t.Errorf("error: %v", err)
	}
	w.wantOutcome(invalid, history.Blocked, "componnents")
	if n := testutil.ToFloat64(d.metrics.passes); n > 2 {
		t.Errorf("%v passes over a revision that only a commit can mend", n)
	}
	sets, err := w.client.AppsV1().StatefulSets(w.ns).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(sets.Items) != 0 {
		t.Errorf("%d workloads were made", len(sets.Items))
	}

	h := w.history()
	h.Live = &history.Record{Revision: invalid, Outcome: history.Live}
	must(t, history.Save(t.Context(), w.client.CoreV1().ConfigMaps(w.ns), w.ns, "prod", h))
	d, err = w.run(nil)
	if !errors.Is(err, ErrNotLive) {
		t.Errorf("error: %v", err)
	}
	if n := testutil.ToFloat64(d.metrics.passes); n > 2 {
		t.Errorf("%v passes over a live revision that is invalid by now", n)
	}
}

// Of two daemons one works and the other stands by, until the first ends.
func TestOneLeads(t *testing.T) {
	w := newWorld(t)
	start := func(name string) (*Daemon, func()) {
		d, closeRepo := w.daemon(filepath.Join(t.TempDir(), name), nil)
		d.Identity = name
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		return d, func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", name, err)
			}
			closeRepo()
		}
	}
	leads := func(d *Daemon) bool { return testutil.ToFloat64(d.metrics.leader) == 1 }
	live := func(commit string) func() bool {
		return func() bool { h := w.history(); return h.Live != nil && h.Live.Revision == commit }
	}

	a, endA := start("a")
	w.eventually("the first leads", func() bool { return leads(a) })
	b, endB := start("b")
	defer endB()
	w.eventually("the first revision is live", live(w.git("rev-parse", "HEAD")))
	if leads(b) || testutil.ToFloat64(b.metrics.passes) != 0 {
		t.Error("the second works beside the first")
	}
	endA()
	w.write("README.md", "another commit\n")
	second := w.commit("second")
	w.eventually("the second has taken over", func() bool { return leads(b) && live(second)() })
}
