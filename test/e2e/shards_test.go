//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

// Two shards have every target between them, each on one; a shard that is given
// up hands its samples over, and the frontend answers as Query does.
func TestShardsShareTheTargets(t *testing.T) {
	fromGood(t)
	ctx := within(t, 6*time.Minute)
	edit(t, prod, "prometheus:\n  replicas: 2", "prometheus:\n  replicas: 1\n  shards: 2")
	edit(t, prod, "query:\n  replicas: 2", "query:\n  replicas: 2\n  frontend: {replicas: 1}")
	record := awaitLive(t, ctx, deliver(t, ctx, "prod: two shards of one replica"))
	if record.Proven[bundle.Prometheus] != "2/2" {
		t.Errorf("proven by %s", record.Proven[bundle.Prometheus])
	}
	const sharded = `up{shard!=""}[15s]`
	var at time.Time
	check(t, s.Until(ctx, "each target to be on one shard", func(ctx context.Context) error {
		at = time.Now()
		m, err := s.AskQuery(ctx, sharded, at, false)
		if err != nil {
			return err
		}
		return onOneShard(m)
	}))
	frontends, err := s.Pods(ctx, "thanos-query-frontend")
	check(t, err)
	if len(frontends) != 1 {
		t.Fatalf("there are %d frontends", len(frontends))
	}
	check(t, s.Until(ctx, "the frontend to answer", func(ctx context.Context) error {
		m, err := s.Matrix(ctx, frontends[0].Name, stack.QueryPort, sharded, at, false)
		if err == nil && len(m) == 0 {
			err = fmt.Errorf("it answers with nothing")
		}
		return err
	}))
	const second = "prometheus-shard-1-0"
	before, err := s.Matrix(ctx, second, stack.PrometheusPort, "up[1h]", at, false)
	check(t, err)

	edit(t, prod, "replicas: 1\n  shards: 2", "replicas: 1")
	awaitLive(t, ctx, deliver(t, ctx, "prod: one shard"))
	check(t, s.AwaitGone(ctx, second))
	check(t, s.Until(ctx, "the shard's samples to be answered from the bucket", func(ctx context.Context) error {
		after, err := s.AskQuery(ctx, `up{replica="`+second+`"}[1h]`, at, false)
		if err != nil {
			return err
		}
		for _, series := range after {
			delete(series.Metric, "shard")
		}
		return holds(withoutExternal(after), samples(before))
	}))
}

// onOneShard says whether every target is scraped by one shard, and each shard has some.
func onOneShard(m model.Matrix) error {
	shards := map[string]string{}
	used := map[string]bool{}
	for _, series := range m {
		target, shard := fmt.Sprintf("%s/%s", series.Metric["job"], series.Metric["instance"]), string(series.Metric["shard"])
		if other, ok := shards[target]; ok && other != shard {
			return fmt.Errorf("%s is on the shards %s and %s", target, other, shard)
		}
		shards[target], used[shard] = shard, true
	}
	if len(used) != 2 || len(shards) < 5 {
		return fmt.Errorf("%d targets on %d shards: %v", len(shards), len(used), shards)
	}
	return nil
}

// A rolling update takes the next replica only when the one before has given its proof.
func TestRollingUpdateWaitsForProof(t *testing.T) {
	fromGood(t)
	ctx := within(t, 3*time.Minute)
	edit(t, prod, "  retention: 4m", "  retention: 5m") // a flag of Prometheus's
	awaitLive(t, ctx, deliver(t, ctx, "prod: keep a little more"))
	pods, err := s.Pods(ctx, bundle.Prometheus)
	check(t, err)
	if len(pods) != 2 {
		t.Fatalf("there are %d replicas", len(pods))
	}
	for _, pod := range pods {
		if args := pod.Spec.Containers[0].Args; !slices.Contains(args, "--storage.tsdb.retention.time=5m") {
			t.Errorf("%s runs with %v", pod.Name, args)
		}
	}
	// The last one is first.
	if first, next := readySince(&pods[1]), pods[0].CreationTimestamp.Time; first.IsZero() || next.Before(first) {
		t.Errorf("prometheus-0 was replaced at %s, and prometheus-1 is ready since %s", next, first)
	}
}

func readySince(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}
