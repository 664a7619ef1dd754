package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func ended(t corev1.ContainerStateTerminated) corev1.PodStatus {
	return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "job", State: corev1.ContainerState{Terminated: &t}}}}
}

func waiting(reason, message string) corev1.PodStatus {
	return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
		Name: "job", Image: "example.org/none:v1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}}}
}

// TestEndings are runs as Kubernetes shows them, and what becomes of them on record.
func TestEndings(t *testing.T) {
	backoff := "BackoffLimitExceeded"
	tests := []struct {
		name   string
		pod    *corev1.PodStatus
		good   bool
		reason string // of the Job's condition
		want   string // outcome, reason, hint
	}{
		{"its own words", &corev1.PodStatus{ContainerStatuses: ended(corev1.ContainerStateTerminated{
			ExitCode: 1, Message: `{"outcome":"refused","reason":"overlap","hint":"two blocks"}`,
		}).ContainerStatuses}, false, backoff, "refused overlap: two blocks"},
		{"no words, but completed", podStatus(ended(corev1.ContainerStateTerminated{})), true, "", "done no-result: "},
		{"good words, but a bad end", podStatus(ended(corev1.ContainerStateTerminated{ExitCode: 137, Message: `{"outcome":"done"}`})), false, backoff,
			"failed exit-code: it left no result that can be read (exit code 137)"},
		{"bad words, but a good end", podStatus(ended(corev1.ContainerStateTerminated{Message: `{"outcome":"failed","reason":"x"}`})), true, "", "failed x: "},
		{"not JSON", podStatus(ended(corev1.ContainerStateTerminated{ExitCode: 2, Message: "panic: oh"})), false, backoff,
			"failed exit-code: it left no result that can be read (exit code 2)"},
		{"out of memory", podStatus(ended(corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"})), false, backoff,
			"failed out-of-memory: it took more memory than its limit"},
		{"evicted", &corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: ephemeral-storage."}, false, backoff,
			"failed evicted: the node needed what the pod took: The node was low"},
		{"deadline", podStatus(ended(corev1.ContainerStateTerminated{ExitCode: 137})), false, "DeadlineExceeded",
			"failed deadline: it took longer than its deadline of 1h0m0s"},
		{"deadline, in its own words", podStatus(ended(corev1.ContainerStateTerminated{
			ExitCode: 1, Message: `{"outcome":"failed","reason":"deadline","hint":"at block 7"}`,
		})), false, "DeadlineExceeded", "failed deadline: at block 7"},
		{"no image", podStatus(waiting("ImagePullBackOff", "Back-off pulling")), false, "DeadlineExceeded",
			"failed image: it did not begin before its deadline: image example.org/none:v1 cannot be had"},
		{"no secret", podStatus(waiting("CreateContainerConfigError", `secret "s3" not found`)), false, "DeadlineExceeded",
			`failed container-config: it did not begin before its deadline: container job cannot be made: secret "s3" not found`},
		{"an init container", &corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{
			Name: "install", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2, Message: "no space"}},
		}}, ContainerStatuses: waiting("PodInitializing", "").ContainerStatuses}, false, backoff, "failed install: container install ended with exit code 2: no space"},
		{"no pod", nil, false, backoff, "failed lost: its pod was gone before it ended"},
	}
	w := newWorld(t, "2026-01-05 00:30:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at := time.Date(2026, 1, 5, 1+i, 0, 0, 0, time.UTC)
			w.at(s, at.Format(time.DateTime))
			name := JobName("compact", at)
			if test.pod != nil {
				w.pod(name, *test.pod)
			}
			w.end(name, test.good, test.reason, "the Job's words")
			w.turn(s)
			r := w.kind("compact").Runs[0]
			got := r.Outcome + " " + r.Reason + ": " + r.Hint
			if r.Job != name || !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: %q, want %q", r.Job, got, test.want)
			}
			if r.Ended.Before(r.Started) || r.Started.IsZero() {
				t.Errorf("from %s to %s", r.Started, r.Ended)
			}
		})
	}
}

func podStatus(s corev1.PodStatus) *corev1.PodStatus { return &s }

// TestAPodThatIsDeletedLeavesItsWords: the Job controller deletes what still ran at the deadline.
func TestAPodThatIsDeletedLeavesItsWords(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	w.at(s, "2026-01-05 10:00:00")
	name := "watchbill-compact-20260105t1000"
	pod := w.pod(name, ended(corev1.ContainerStateTerminated{ExitCode: 1, Message: `{"outcome":"failed","reason":"deadline","hint":"at block 7"}`}))
	w.eventually("the pod is seen", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return terminated(s.pods[name]) != nil })
	must(t, w.client.CoreV1().Pods(w.ns).Delete(t.Context(), pod.Name, *deleteNow()))
	w.end(name, false, "DeadlineExceeded", "")
	w.turn(s)
	if r := w.kind("compact").Runs[0]; r.Hint != "at block 7" {
		t.Errorf("%+v", r)
	}
}

func TestWhatIsStuckIsToldWhileItRuns(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	w.at(s, "2026-01-05 10:00:00")
	name := "watchbill-compact-20260105t1000"
	pod := w.pod(name, waiting("ErrImagePull", "one"))
	stuck := func() { t.Helper(); w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 running image") }
	w.eventually("the pod is seen", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.pods[name] != nil && len(s.pods[name].Status.ContainerStatuses) > 0
	})
	w.turn(s)
	stuck()
	// At the deadline the pod is taken away; before it goes, the kubelet has this to say.
	pod.Status = ended(corev1.ContainerStateTerminated{ExitCode: 137, Reason: "ContainerStatusUnknown"})
	pod, err := w.client.CoreV1().Pods(w.ns).UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	must(t, err)
	w.eventually("that is seen", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return terminated(s.pods[name]) != nil })
	w.turn(s)
	stuck()
	must(t, w.client.CoreV1().Pods(w.ns).Delete(t.Context(), pod.Name, *deleteNow()))
	w.end(name, false, "DeadlineExceeded", "")
	again := w.scheduler(compactJob("0 * * * *")) // it has never seen the pod
	w.turn(again)
	w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 failed image")
	want := []string{
		"Warning JobStuck watchbill-compact-20260105t1000: running (image): image example.org/none:v1 cannot be had; is its name right, and may the nodes pull it?",
		"Warning JobFailed watchbill-compact-20260105t1000: failed (image): it did not begin before its deadline: image example.org/none:v1 cannot be had; is its name right, and may the nodes pull it?",
	}
	if diff := cmp.Diff(want, w.told); diff != "" {
		t.Error(diff)
	}
}

func TestAJobThatSomebodyDeletes(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	w.at(s, "2026-01-05 10:00:00")
	w.turn(s)
	w.deleteJob("watchbill-compact-20260105t1000")
	w.at(s, "2026-01-05 10:10:00")
	w.is("last 20260105t1000, skipped 0, missed 0: 20260105t1000 failed lost")
	w.at(s, "2026-01-05 11:00:00")
	w.is("last 20260105t1100, skipped 0, missed 0: 20260105t1100 running, 20260105t1000 failed lost")
}

func TestTimesOfAnotherClock(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	s := w.scheduler(compactJob("0 * * * *"))
	w.turn(s)
	w.at(s, "2026-01-05 10:00:00")
	w.clock.set("2026-01-05 10:05:00")
	wrong := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	w.finish("watchbill-compact-20260105t1000", Result{Outcome: Done, Started: wrong, Ended: wrong.Add(time.Hour)})
	w.turn(s)
	k := w.kind("compact")
	if r := k.Runs[0]; r.Ended != w.clock.now() || r.Ended.Sub(r.Started) != 30*time.Second || k.LastSuccess != r.Ended {
		t.Errorf("from %s to %s, success at %s", r.Started, r.Ended, k.LastSuccess)
	}
}

func TestMetricsSurviveARestart(t *testing.T) {
	w := newWorld(t, "2026-01-05 09:58:00")
	ship := compactJob("0 * * * *")
	ship.Kind = "ship"
	off := compactJob(Never)
	off.Kind = "retain"
	s := w.scheduler(compactJob("0 * * * *"), ship, off)
	w.turn(s)
	w.at(s, "2026-01-05 10:00:00")
	w.clock.set("2026-01-05 10:00:30")
	w.finish("watchbill-compact-20260105t1000", Result{Outcome: Done, Counts: map[string]int64{CountBacklog: 4, CountBucketBlocks: 10, CountBucketBytes: 1000}})
	w.finish("watchbill-ship-20260105t1000", Result{Outcome: Failed, Lag: map[string]float64{"prometheus-0": 7200.5}})
	w.turn(s)
	w.at(s, "2026-01-05 11:00:00")
	w.at(s, "2026-01-05 12:00:00")
	again := w.scheduler(compactJob("0 * * * *"), ship, off)
	w.turn(again)
	want := `
# HELP watchbill_bucket_blocks Blocks in the bucket, as the newest run found that looked.
# TYPE watchbill_bucket_blocks gauge
watchbill_bucket_blocks 10
# HELP watchbill_bucket_bytes Bytes of the blocks in the bucket, as the newest run found that looked.
# TYPE watchbill_bucket_bytes gauge
watchbill_bucket_bytes 1000
# HELP watchbill_compact_backlog_blocks Blocks that wait for compaction, as the newest run of compact left them.
# TYPE watchbill_compact_backlog_blocks gauge
watchbill_compact_backlog_blocks 4
# HELP watchbill_job_duration_seconds How long the job's newest run took.
# TYPE watchbill_job_duration_seconds gauge
watchbill_job_duration_seconds{kind="compact"} 30
watchbill_job_duration_seconds{kind="ship"} 30
# HELP watchbill_job_last_success_timestamp_seconds When the job last did all that there was to do.
# TYPE watchbill_job_last_success_timestamp_seconds gauge
watchbill_job_last_success_timestamp_seconds{kind="compact"} 1.76760723e+09
# HELP watchbill_job_missed_total Ticks that nobody was there for and that were not made up for.
# TYPE watchbill_job_missed_total counter
watchbill_job_missed_total{kind="compact"} 0
watchbill_job_missed_total{kind="ship"} 0
# HELP watchbill_job_running 1 if a run of the job is going, else 0.
# TYPE watchbill_job_running gauge
watchbill_job_running{kind="compact"} 1
watchbill_job_running{kind="ship"} 1
# HELP watchbill_job_runs_total Runs of jobs that are over, by what became of them.
# TYPE watchbill_job_runs_total counter
watchbill_job_runs_total{kind="compact",outcome="done"} 1
watchbill_job_runs_total{kind="compact",outcome="failed"} 0
watchbill_job_runs_total{kind="compact",outcome="nothing"} 0
watchbill_job_runs_total{kind="compact",outcome="refused"} 0
watchbill_job_runs_total{kind="ship",outcome="done"} 0
watchbill_job_runs_total{kind="ship",outcome="failed"} 1
watchbill_job_runs_total{kind="ship",outcome="nothing"} 0
watchbill_job_runs_total{kind="ship",outcome="refused"} 0
# HELP watchbill_job_schedule_fault 1 if the job cannot be started, because of its schedule or its Job, else 0.
# TYPE watchbill_job_schedule_fault gauge
watchbill_job_schedule_fault{kind="compact"} 0
watchbill_job_schedule_fault{kind="ship"} 0
# HELP watchbill_job_skipped_total Ticks that were skipped because the run before was still going.
# TYPE watchbill_job_skipped_total counter
watchbill_job_skipped_total{kind="compact"} 1
watchbill_job_skipped_total{kind="ship"} 1
# HELP watchbill_ship_lag_seconds By how much the bucket is behind the replica, as the newest run of ship found.
# TYPE watchbill_ship_lag_seconds gauge
watchbill_ship_lag_seconds{replica="prometheus-0"} 7200.5
`
	for _, c := range []*Scheduler{s, again} {
		if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	}
	problems, err := testutil.CollectAndLint(s)
	must(t, err)
	if len(problems) > 0 {
		t.Error(problems)
	}
	if n := testutil.CollectAndCount(prometheus.Collector(w.unwatched())); n != 0 {
		t.Errorf("a process that does not lead has %d metrics", n)
	}
}
