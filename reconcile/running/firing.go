package running

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/reconcile/review"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
)

// Firing lists the pending and firing alerts, as one replica of each shard has them.
func (s *Stack) Firing(ctx context.Context, environment string) ([]review.LiveAlert, error) {
	if environment != s.Environment {
		return nil, ErrElsewhere
	}
	pods, err := s.pods(ctx, bundle.Prometheus)
	if err != nil {
		return nil, err
	}
	var out []review.LiveAlert
	for _, pod := range onePerShard(pods) {
		answer, err := s.get(ctx, pod, prometheusPort, "api/v1/rules", url.Values{"type": {"alert"}})
		if err != nil {
			return nil, err
		}
		alerts, err := review.ReadAlerts(bytes.NewReader(answer), cmp.Or(s.folder, render.CurrentBundle))
		if err != nil {
			return nil, err
		}
		out = append(out, alerts...)
	}
	return out, nil
}

func onePerShard(pods []corev1.Pod) []corev1.Pod {
	byShard := map[string]corev1.Pod{}
	for _, pod := range slices.Backward(pods) {
		byShard[pod.Labels[render.ShardLabel]] = pod
	}
	return slices.Collect(maps.Values(byShard))
}
