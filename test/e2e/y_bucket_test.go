//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

// It runs late, when what the stack began with is older than the local retention.
func TestOldDataIsAnsweredFromTheBucket(t *testing.T) {
	fromGood(t)
	ctx := within(t, 9*time.Minute)
	const window = "[30s]" // of a scrape every 5 s
	at := started.Add(40 * time.Second)
	check(t, s.Until(ctx, "the local data to go", func(ctx context.Context) error {
		pods, err := s.Pods(ctx, bundle.Prometheus)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			m, err := s.Matrix(ctx, pod.Name, stack.PrometheusPort, itself+window, at, false)
			if err != nil {
				return err
			}
			if len(m) > 0 {
				return fmt.Errorf("%s still has %d series of then", pod.Name, len(m))
			}
		}
		return nil
	}))
	// The tests before have just replaced pods, and Query refuses an answer while it still asks one that has gone.
	var m model.Matrix
	check(t, s.Until(within(t, time.Minute), "an answer from Thanos Query", func(ctx context.Context) (err error) {
		m, err = s.AskQuery(ctx, itself+window, at, true)
		return err
	}))
	if len(m) == 0 || len(m[0].Values) < 3 {
		t.Fatalf("Thanos Query answers %v", m)
	}
	t.Logf("%d series of %s ago, all from the bucket", len(m), time.Since(at).Round(time.Second))
}
