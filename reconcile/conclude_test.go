package reconcile

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/render/bundle"
)

// Why a bundle was refused stands in the log alone, and the pod that refused it
// first may have gone with its log.
func TestCauseOfARefusal(t *testing.T) {
	prover := proof.New(func(ctx context.Context, _ proof.Replica, _ uint64, _ time.Duration) (agent.Report, error) {
		<-ctx.Done()
		return agent.Report{}, errors.New("not asked")
	})
	defer prover.Close()
	prover.SetReplicas([]proof.Replica{
		{Component: bundle.Prometheus, Pod: "prometheus-0"}, {Component: bundle.Prometheus, Pod: "prometheus-1"},
		{Component: bundle.Prometheus, Pod: "prometheus-2"}, {Component: bundle.Alertmanager, Pod: "alertmanager-0"},
	})
	for name, test := range map[string]struct {
		by, component string
		logs          map[string]string
		want          string
		asked         []string
	}{
		"its own log": {"prometheus-1", bundle.Prometheus, map[string]string{"prometheus-0": "another", "prometheus-1": "no such file"}, "no such file", []string{"prometheus-1"}},
		"its log has gone": {"prometheus-1", bundle.Prometheus, map[string]string{"prometheus-2": "no such file"}, "no such file",
			[]string{"prometheus-1", "prometheus-0", "prometheus-2"}},
		"no log says it":    {"prometheus-0", bundle.Prometheus, nil, "", []string{"prometheus-0", "prometheus-1", "prometheus-2"}},
		"it answers itself": {"alertmanager-0", bundle.Alertmanager, map[string]string{"prometheus-0": "another"}, "", nil},
	} {
		var asked []string
		began := time.Now()
		p := &pass{Loop: &Loop{prover: prover}, started: began}
		p.refusalLog = func(_ context.Context, pod string, since time.Time) string {
			if !since.Equal(began) {
				t.Errorf("%s: asked for what is older than the pass", name)
			}
			asked = append(asked, pod)
			return test.logs[pod]
		}
		got := p.cause(t.Context(), proof.Refusal{Pod: test.by, Component: test.component})
		if got != test.want {
			t.Errorf("%s: %q", name, got)
		}
		if diff := cmp.Diff(test.asked, asked); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
