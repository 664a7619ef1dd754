//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

const (
	platformRules = "teams/platform/rules/prometheus.yaml"
	paymentsRules = "teams/payments/rules/errors.yaml"
	burnRate      = "job:http_requests_errors:ratio_rate1h > 14.4 * 0.001"
	failures      = "expr: instance:prometheus_rule_evaluation_failures:rate5m > 0\n        for: "
)

// pending is for how long the alert PrometheusRuleFailures is pending on each Prometheus, in seconds.
func pending(t *testing.T) []float64 {
	t.Helper()
	ctx := within(t, time.Minute)
	pods, err := s.Pods(ctx, bundle.Prometheus)
	check(t, err)
	var out []float64
	for _, pod := range pods {
		rules, err := s.Rules(ctx, pod.Name, "PrometheusRuleFailures")
		check(t, err)
		if len(rules) != 1 {
			t.Fatalf("%s has %d rules PrometheusRuleFailures", pod.Name, len(rules))
		}
		out = append(out, rules[0].Duration)
	}
	return out
}

func TestMergeToLive(t *testing.T) {
	fromGood(t)
	ctx := within(t, time.Minute)
	edit(t, platformRules, failures+"10m", failures+"7m")
	began := time.Now()
	record := awaitLive(t, ctx, deliver(t, ctx, "platform: page sooner"))
	t.Logf("live and checked after %s; the daemon's stages: %v", time.Since(began).Round(time.Millisecond), record.Stages)
	if diff := cmp.Diff(map[string]string{bundle.Prometheus: "2/2", bundle.Alertmanager: "3/3"}, record.Proven); diff != "" {
		t.Errorf("proven:\n%s", diff)
	}
	if diff := cmp.Diff([]float64{420, 420}, pending(t)); diff != "" {
		t.Errorf("pending, as each Prometheus says:\n%s", diff)
	}
}

func TestMergeToLiveAlertmanager(t *testing.T) {
	before := fromGood(t)
	ctx := within(t, time.Minute)
	edit(t, "watchbill.yaml", "groupWait: 15s", "groupWait: 14s")
	record := awaitLive(t, ctx, deliver(t, ctx, "alertmanager: wait less"))
	if record.Bundles[bundle.Alertmanager] == before.Bundles[bundle.Alertmanager] {
		t.Error("the change made no new bundle for Alertmanager")
	}
	pods, err := s.Pods(ctx, bundle.Alertmanager)
	check(t, err)
	for _, pod := range pods {
		var status struct {
			Config struct{ Original string }
		}
		check(t, s.GetJSON(ctx, &status, pod.Name, stack.AlertmanagerPort, "api/v2/status"))
		contains(t, status.Config.Original, "group_wait: 14s")
	}
}

// The chunk that changed is written and the one that it replaces goes; the
// index is the only other object that any replica reads.
func TestOneLineChangeWritesOneChunkAndOneIndex(t *testing.T) {
	fromGood(t)
	ctx := within(t, time.Minute)
	noLeftovers(t, ctx)
	before := versions(t, ctx)
	edit(t, platformRules, failures+"10m", failures+"8m")
	awaitLive(t, ctx, deliver(t, ctx, "platform: one line"))
	created, changed, _ := changes(before, versions(t, ctx))
	if len(created) != 1 || !strings.HasPrefix(created[0], "ConfigMap/watchbill-prometheus-") {
		t.Errorf("created: %v, not one chunk", created)
	}
	if diff := cmp.Diff([]string{"ConfigMap/watchbill-prometheus"}, changed); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
}

func TestNoOpPassAsksForNothing(t *testing.T) {
	fromGood(t)
	ctx := within(t, time.Minute)
	noLeftovers(t, ctx)
	objects := versions(t, ctx)
	before, err := s.Metrics(ctx)
	check(t, err)
	const passes = 5
	for n := range passes {
		check(t, s.Poke(ctx))
		check(t, s.Until(ctx, "the pass to end", func(ctx context.Context) error {
			m, err := s.Metrics(ctx)
			if err == nil && m["watchbill_passes_total"] < before["watchbill_passes_total"]+float64(n+1) {
				err = fmt.Errorf("%g passes", m["watchbill_passes_total"])
			}
			return err
		}))
	}
	after, err := s.Metrics(ctx)
	check(t, err)
	var requests float64
	for name, value := range after {
		if !strings.HasPrefix(name, "watchbill_kubernetes_requests_total") {
			continue
		}
		if requests += value; value != before[name] {
			t.Errorf("%s went from %g to %g", name, before[name], value)
		}
	}
	if requests == 0 {
		t.Error("the daemon counts no requests at all")
	}
	if diff := cmp.Diff(objects, versions(t, ctx)); diff != "" {
		t.Errorf("a pass with nothing to do wrote:\n%s", diff)
	}
}

func TestReplicaAddedAndRemoved(t *testing.T) {
	fromGood(t)
	ctx := within(t, 3*time.Minute)
	for _, step := range []struct{ from, to, proven string }{{"2", "3", "3/3"}, {"3", "2", "2/2"}} {
		edit(t, "environments/prod.yaml", "prometheus:\n  replicas: "+step.from, "prometheus:\n  replicas: "+step.to)
		record := awaitLive(t, ctx, deliver(t, ctx, "prod: replicas"))
		if record.Proven[bundle.Prometheus] != step.proven {
			t.Errorf("proven by %s, not %s", record.Proven[bundle.Prometheus], step.proven)
		}
	}
}
