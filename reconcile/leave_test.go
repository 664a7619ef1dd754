package reconcile

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/render/bundle"
)

func TestFarewell(t *testing.T) {
	set := func(name string) plan.ID { return plan.ID{Kind: "StatefulSet", Name: name} }
	for name, c := range map[string]struct {
		scales []scale
		wanted map[string]int32
		pods   []string
		left   []string
		want   farewell
	}{
		"nobody goes": {
			scales: []scale{{"prometheus", 2, true}}, wanted: map[string]int32{"prometheus": 2},
			pods: []string{"prometheus-0", "prometheus-1"}, left: []string{"prometheus-1"},
		},
		"one more": {
			scales: []scale{{"prometheus", 2, true}}, wanted: map[string]int32{"prometheus": 3}, pods: []string{"prometheus-0", "prometheus-1"},
		},
		"the last one is to go": {
			scales: []scale{{"prometheus", 3, true}}, wanted: map[string]int32{"prometheus": 2}, pods: []string{"prometheus-2"},
			want: farewell{leaving: []string{"prometheus-2"}, held: map[string]int32{"prometheus": 3}},
		},
		"it has left, and takes its volume along": {
			scales: []scale{{"prometheus", 3, true}}, wanted: map[string]int32{"prometheus": 2}, left: []string{"prometheus-2"},
			want: farewell{leaving: []string{"prometheus-2"}, claims: []string{"data-prometheus-2"}},
		},
		"it has left and has no volume of its own": {
			scales: []scale{{"prometheus", 3, false}}, wanted: map[string]int32{"prometheus": 2}, left: []string{"prometheus-2"},
			want: farewell{leaving: []string{"prometheus-2"}},
		},
		"the pod is away: it may have samples all the same": {
			scales: []scale{{"prometheus", 3, true}}, wanted: map[string]int32{"prometheus": 2},
			want: farewell{leaving: []string{"prometheus-2"}, held: map[string]int32{"prometheus": 3}},
		},
		"of two, the first has left: the last goes first": {
			scales: []scale{{"prometheus", 3, true}}, wanted: map[string]int32{"prometheus": 1}, left: []string{"prometheus-1"},
			want: farewell{leaving: []string{"prometheus-1", "prometheus-2"}, held: map[string]int32{"prometheus": 3}},
		},
		"of two, the last has left": {
			scales: []scale{{"prometheus", 3, true}}, wanted: map[string]int32{"prometheus": 1}, left: []string{"prometheus-2"},
			want: farewell{leaving: []string{"prometheus-1", "prometheus-2"}, held: map[string]int32{"prometheus": 2}, claims: []string{"data-prometheus-2"}},
		},
		"scaled down, but the pod still runs: it must not come back to life": {
			scales: []scale{{"prometheus", 2, true}}, wanted: map[string]int32{"prometheus": 2}, pods: []string{"prometheus-0", "prometheus-2"},
			want: farewell{leaving: []string{"prometheus-2"}},
		},
		"a shard is given up": {
			scales: []scale{{"prometheus", 2, true}, {"prometheus-shard-1", 2, true}}, wanted: map[string]int32{"prometheus": 2},
			left: []string{"prometheus-shard-1-1"},
			want: farewell{
				leaving: []string{"prometheus-shard-1-0", "prometheus-shard-1-1"},
				keep:    map[plan.ID]bool{set("prometheus-shard-1"): true},
			},
		},
		"a shard has left": {
			scales: []scale{{"prometheus-shard-1", 1, true}}, left: []string{"prometheus-shard-1-0"},
			want: farewell{leaving: []string{"prometheus-shard-1-0"}, claims: []string{"data-prometheus-shard-1-0"}},
		},
		"an environment retires": {
			scales: []scale{{"prometheus", 2, false}}, wanted: map[string]int32{"prometheus": 0}, left: []string{"prometheus-1"},
			want: farewell{leaving: []string{"prometheus-0", "prometheus-1"}, held: map[string]int32{"prometheus": 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			left := map[string]bool{}
			for _, pod := range c.left {
				left[pod] = true
			}
			got := farewellTo(c.scales, c.wanted, c.pods, left)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(farewell{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFarewellWaiting(t *testing.T) {
	f := farewell{leaving: []string{"prometheus-1", "prometheus-2", "prometheus-3"}}
	got := f.waiting([]agent.Report{
		{Pod: "prometheus-0", State: agent.Live},
		{Pod: "prometheus-1", State: agent.Left},
		{Pod: "prometheus-2", State: agent.Leaving, Error: "the store is away"},
		{Pod: "prometheus-3", State: agent.Live},
	})
	if want := "prometheus-2 (the store is away), prometheus-3"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestScaleDown: the StatefulSet keeps the pod until it has left; the revision waits for nothing.
func TestScaleDown(t *testing.T) {
	w := newWorld(t)
	_, err := w.run(nil)
	must(t, err)
	w.edit("environments/prod.yaml", "prometheus:\n  replicas: 2", "prometheus:\n  replicas: 1")
	commit := w.commit("one is enough")
	for range 2 { // also by a daemon that starts anew
		_, err = w.run(nil)
		must(t, err)
		w.wantLive(commit)
		w.wantScale(2, "prometheus-1")
	}
	if s := w.said(commit); !strings.HasPrefix(s.Text, "live on 1/1 Prometheus") {
		t.Errorf("status: %+v", s)
	}

	w.mu.Lock()
	w.handedOver = true
	w.mu.Unlock()
	w.untilScale(1)
	w.wantScale(1, "prometheus-1") // it runs until Kubernetes has ended it, and must not come back to life
	now := int64(0)
	must(t, w.client.CoreV1().Pods(w.ns).Delete(t.Context(), "prometheus-1", metav1.DeleteOptions{GracePeriodSeconds: &now}))
	d, err := w.run(nil)
	must(t, err)
	w.wantScale(1)
	if n := testutil.ToFloat64(d.metrics.drifts); n != 0 {
		t.Errorf("%v drifts, and nobody else has written", n)
	}

	w.edit("environments/prod.yaml", "prometheus:\n  replicas: 1", "prometheus:\n  replicas: 2")
	w.commit("two again")
	_, _ = w.run(nil) // nobody makes the pod here
	w.wantScale(2)
}

func (w *world) wantScale(replicas int32, leaving ...string) {
	w.t.Helper()
	set, err := w.client.AppsV1().StatefulSets(w.ns).Get(w.t.Context(), bundle.Prometheus, metav1.GetOptions{})
	must(w.t, err)
	index, err := w.index(w.t.Context(), bundle.Prometheus)
	must(w.t, err)
	if *set.Spec.Replicas != replicas || !slices.Equal(index.Leaving, leaving) {
		w.t.Errorf("%d replicas and %v leaving, want %d and %v", *set.Spec.Replicas, index.Leaving, replicas, leaving)
	}
}

// untilScale lets daemons run until one has heard of the pod's leaving in time.
func (w *world) untilScale(replicas int32) {
	w.t.Helper()
	for range 20 {
		_, err := w.run(nil)
		must(w.t, err)
		set, err := w.client.AppsV1().StatefulSets(w.ns).Get(w.t.Context(), bundle.Prometheus, metav1.GetOptions{})
		must(w.t, err)
		if *set.Spec.Replicas == replicas {
			return
		}
	}
	w.t.Fatalf("no daemon brought it to %d replicas", replicas)
}
