//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/watchbill/watchbill/reconcile/schedule"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/test/stack"
)

// Two daemons and twenty compactions at once on one bucket: they take turns or
// step back, and what they leave has no overlap.
func TestRacingCompactionsTakeTurns(t *testing.T) {
	fromGood(t)
	ctx := within(t, 6*time.Minute)
	scaleDaemon(t, ctx, 2)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		scaleDaemon(t, ctx, 1)
	})
	uploadDay(t, ctx)
	before := bucket(t, ctx)
	if before.Backlog.JoinBlocks == 0 {
		t.Fatalf("there is nothing to compact: %+v", before.Backlog)
	}

	results := race(t, ctx, 20)
	var worked []schedule.Result
	for _, r := range results {
		switch {
		case r.Good():
			worked = append(worked, r)
		case r.Reason != "locked":
			t.Errorf("a run ended %s, %s: %s %v", r.Outcome, r.Reason, r.Hint, r.Lines)
		}
	}
	t.Logf("%d of %d compactions had their turn, the others stepped back", len(worked), len(results))
	if len(worked) == 0 {
		t.Fatal("not one of them did the work")
	}
	after := bucket(t, ctx)
	if after.Backlog.JoinBlocks >= before.Backlog.JoinBlocks {
		t.Errorf("the backlog went from %+v to %+v", before.Backlog, after.Backlog)
	}
	for _, group := range after.Groups {
		for _, stream := range group.Streams {
			if len(stream.Overlaps) > 0 {
				t.Errorf("%s has overlaps: %+v", stream.Labels, stream.Overlaps)
			}
		}
	}
}

func scaleDaemon(t *testing.T, ctx context.Context, replicas int) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	_, err := s.Client.AppsV1().Deployments(s.Namespace).Patch(ctx, stack.Deployment, types.MergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
	check(t, s.Until(ctx, "the daemons to be ready", func(ctx context.Context) error {
		pods, err := s.Pods(ctx, stack.Deployment)
		ready := 0
		for _, pod := range pods {
			for _, c := range pod.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		if err == nil && (ready != replicas || len(pods) != replicas) {
			err = fmt.Errorf("%d of %d are ready", ready, len(pods))
		}
		return err
	}))
}

// inStore runs a program in the cluster's network with the S3 server's keys.
func inStore(t *testing.T, ctx context.Context, program string, args ...string) string {
	t.Helper()
	address, err := s.ObjectStoreAddress(ctx)
	check(t, err)
	config := "type: S3\nconfig: {bucket: metrics, endpoint: " + address + ", region: us-east-1, insecure: true, bucket_lookup_type: path}\n"
	out, err := s.Cluster.Exec(ctx, []string{"AWS_ACCESS_KEY_ID=" + s.Keys.ID, "AWS_SECRET_ACCESS_KEY=" + s.Keys.Secret},
		append([]string{program}, append(args, "--objstore.config="+config)...)...)
	check(t, err)
	return out
}

// bucket is what watchbill store says.
func bucket(t *testing.T, ctx context.Context) audit.Summary {
	t.Helper()
	var sum audit.Summary
	out := inStore(t, ctx, s.Programs["watchbill"], "store", "--output=json", "--cache-dir="+t.TempDir())
	check(t, json.Unmarshal([]byte(out), &sum))
	return sum
}

// uploadDay gives the bucket a day of two-hour blocks of a Prometheus that is none of the stack's.
func uploadDay(t *testing.T, ctx context.Context) {
	t.Helper()
	programs, err := stack.Programs(ctx, os.Stderr, "promtool", "thanos")
	check(t, err)
	dir := t.TempDir()
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -5)
	var text strings.Builder
	text.WriteString("# TYPE race gauge\n")
	for minute := range 24 * 60 {
		for series := range 5 {
			fmt.Fprintf(&text, "race{series=\"%d\"} %d %d\n", series, minute, begin.Unix()+int64(60*minute))
		}
	}
	text.WriteString("# EOF\n")
	metrics := filepath.Join(dir, "metrics.txt")
	check(t, os.WriteFile(metrics, []byte(text.String()), 0o644))
	blocks := filepath.Join(dir, "blocks")
	_, err = s.Cluster.Exec(ctx, nil, programs["promtool"], "tsdb", "create-blocks-from", "openmetrics", metrics, blocks)
	check(t, err)
	label := fmt.Sprintf("--label=race=%q", time.Now().Format(time.RFC3339)) // a run before this one left its own blocks
	inStore(t, ctx, programs["thanos"], "tools", "bucket", "upload-blocks", "--path="+blocks, label)
}

// race makes that many Jobs of the compaction's template at once, and gives what each says of itself.
// They go without the label by which the daemons would know and tidy them.
func race(t *testing.T, ctx context.Context, runners int) []schedule.Result {
	t.Helper()
	state, err := schedule.Load(ctx, s.Client.CoreV1().ConfigMaps(s.Namespace))
	check(t, err)
	kind := state.Kinds["compact"]
	if kind == nil || kind.Template == nil {
		t.Fatal("the cluster has no template of the compaction")
	}
	const label = "app.kubernetes.io/name"
	jobs := s.Client.BatchV1().Jobs(s.Namespace)
	for n := range runners {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("race-%d", n), Labels: map[string]string{label: "race"}}, Spec: *kind.Template.Spec.DeepCopy()}
		job.Spec.Template.Labels = map[string]string{label: "race"}
		for i := range job.Spec.Template.Spec.Containers {
			c := &job.Spec.Template.Spec.Containers[i]
			c.Resources.Requests = nil                        // the node is small
			c.Args = append(c.Args, "--consistency-delay=0s") // the blocks are a moment old
		}
		_, err := jobs.Create(ctx, job, metav1.CreateOptions{})
		check(t, err)
	}
	t.Cleanup(func() {
		background := metav1.DeletePropagationBackground
		check(t, jobs.DeleteCollection(context.Background(), metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{LabelSelector: label + "=race"}))
	})
	var results []schedule.Result
	check(t, s.Until(ctx, "every compaction to end", func(ctx context.Context) error {
		pods, err := s.Client.CoreV1().Pods(s.Namespace).List(ctx, metav1.ListOptions{LabelSelector: label + "=race"})
		if err != nil {
			return err
		}
		results = nil
		for _, pod := range pods.Items {
			for _, c := range pod.Status.ContainerStatuses {
				if ended := c.State.Terminated; ended != nil {
					r, err := schedule.ParseResult(ended.Message)
					if err != nil {
						return fmt.Errorf("%s: %w: %s", pod.Name, err, ended.Message)
					}
					results = append(results, r)
				}
			}
		}
		if len(results) < runners {
			return fmt.Errorf("%d of %d have", len(results), runners)
		}
		return nil
	}))
	slices.SortFunc(results, func(a, b schedule.Result) int { return a.Started.Compare(b.Started) })
	return results
}
