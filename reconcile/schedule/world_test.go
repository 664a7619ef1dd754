package schedule

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// world is a namespace on a real API server that has no Job controller: this
// test plays it, and the kubelet.
type world struct {
	t      *testing.T
	client kubernetes.Interface
	ns     string
	clock  *clock
	asked  *atomic.Int64 // requests that are no watches
	mu     sync.Mutex
	told   []string
}

// counting counts requests.
type counting struct {
	next  http.RoundTripper
	asked *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Query().Get("watch") == "" {
		c.asked.Add(1)
	}
	return c.next.RoundTrip(r)
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(text string) {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func TestMain(m *testing.M) {
	klog.SetSlogLogger(slog.New(slog.DiscardHandler)) // what client-go says of watches that end
	os.Exit(m.Run())
}

func newWorld(t *testing.T, at string) *world {
	t.Helper()
	path := os.Getenv("WATCHBILL_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("needs an API server: run it by make test, or set WATCHBILL_TEST_KUBECONFIG")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	must(t, err)
	config.QPS = -1
	asked := new(atomic.Int64)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next, asked} })
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "jobs-"},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{})
	})
	_, err = client.CoreV1().ServiceAccounts(ns.Name).Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "default"},
	}, metav1.CreateOptions{})
	must(t, err)
	w := &world{t: t, client: client, ns: ns.Name, clock: &clock{}, asked: asked}
	w.clock.set(at)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// scheduler is a new process: it knows nothing but what it sees.
func (w *world) scheduler(jobs ...Job) *Scheduler {
	w.t.Helper()
	s := w.unwatched()
	s.SetJobs(jobs)
	ctx, cancel := context.WithCancel(context.Background())
	stop, err := s.watch(ctx)
	must(w.t, err)
	w.t.Cleanup(func() { cancel(); stop() })
	return s
}

func (w *world) unwatched() *Scheduler {
	return New(Options{
		Client: w.client, Namespace: w.ns, Environment: "prod", Now: w.clock.now,
		Tell: func(eventType, reason, text string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, eventType+" "+reason+" "+text)
		},
	})
}

// at sets the clock, and has the scheduler look.
func (w *world) at(s *Scheduler, t string) {
	w.t.Helper()
	w.clock.set(t)
	w.turn(s)
}

func (w *world) turn(s *Scheduler) {
	w.t.Helper()
	w.caughtUp(s)
	_, err := s.turn(w.t.Context())
	must(w.t, err)
}

// caughtUp waits until the watch has heard of all that there is.
func (w *world) caughtUp(s *Scheduler) {
	w.t.Helper()
	want := map[string]string{}
	for _, j := range w.list() {
		want[j.Name] = j.ResourceVersion
	}
	w.eventually("the watch catches up", func() bool {
		list := s.seen.List()
		for _, obj := range list {
			if j := obj.(*batchv1.Job); want[j.Name] != j.ResourceVersion {
				return false
			}
		}
		return len(list) == len(want)
	})
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("in vain: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) list() []batchv1.Job {
	w.t.Helper()
	list, err := w.client.BatchV1().Jobs(w.ns).List(w.t.Context(), metav1.ListOptions{})
	must(w.t, err)
	return list.Items
}

func (w *world) names() []string {
	w.t.Helper()
	var names []string
	for _, j := range w.list() {
		names = append(names, j.Name)
	}
	slices.Sort(names)
	return names
}

func (w *world) kind(kind string) *Kind {
	w.t.Helper()
	state, err := Load(w.t.Context(), w.client.CoreV1().ConfigMaps(w.ns))
	must(w.t, err)
	if state.Kinds[kind] == nil {
		w.t.Fatalf("nothing is remembered of %s", kind)
	}
	return state.Kinds[kind]
}

func (w *world) deleteJob(name string) {
	w.t.Helper()
	background := metav1.DeletePropagationBackground
	must(w.t, w.client.BatchV1().Jobs(w.ns).Delete(w.t.Context(), name, metav1.DeleteOptions{PropagationPolicy: &background}))
}

// finish has a Job's pod end with a message, and then the Job.
func (w *world) finish(name string, r Result) {
	w.t.Helper()
	raw, err := json.Marshal(r)
	must(w.t, err)
	ended := corev1.ContainerStateTerminated{Message: string(raw), Reason: "Completed"}
	if !r.Good() {
		ended.ExitCode, ended.Reason = 1, "Error"
	}
	w.pod(name, corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
		Name: "job", State: corev1.ContainerState{Terminated: &ended},
	}}})
	w.end(name, ended.ExitCode == 0, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
}

// pod gives a Job a pod in some state.
func (w *world) pod(name string, status corev1.PodStatus) *corev1.Pod {
	w.t.Helper()
	j, err := w.client.BatchV1().Jobs(w.ns).Get(w.t.Context(), name, metav1.GetOptions{})
	must(w.t, err)
	labels := map[string]string{batchv1.JobNameLabel: name}
	for k, v := range j.Spec.Template.Labels {
		labels[k] = v
	}
	pods := w.client.CoreV1().Pods(w.ns)
	pod, err := pods.Create(w.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: name + "-", Labels: labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(j, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec: *j.Spec.Template.Spec.DeepCopy(),
	}, metav1.CreateOptions{})
	must(w.t, err)
	pod.Status = status
	pod, err = pods.UpdateStatus(w.t.Context(), pod, metav1.UpdateOptions{})
	must(w.t, err)
	return pod
}

// end is what the Job controller says when a Job is over.
func (w *world) end(name string, good bool, reason, message string) {
	w.t.Helper()
	jobs := w.client.BatchV1().Jobs(w.ns)
	j, err := jobs.Get(w.t.Context(), name, metav1.GetOptions{})
	must(w.t, err)
	now := metav1.NewTime(w.clock.now())
	began := metav1.NewTime(now.Add(-30 * time.Second))
	j.Status.StartTime = &began
	first, last := batchv1.JobFailureTarget, batchv1.JobFailed
	if good {
		first, last, reason = batchv1.JobSuccessCriteriaMet, batchv1.JobComplete, ""
		j.Status.CompletionTime, j.Status.Succeeded = &now, 1
	} else {
		j.Status.Failed = 1
	}
	for _, c := range []batchv1.JobConditionType{first, last} {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{
			Type: c, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastTransitionTime: now, LastProbeTime: now,
		})
	}
	_, err = jobs.UpdateStatus(w.t.Context(), j, metav1.UpdateOptions{})
	must(w.t, err)
}

func compactJob(schedule string) Job {
	none, deadline := int32(0), int64(3600)
	return Job{
		Kind: "compact", Schedule: schedule, TimeZone: "Europe/Lisbon",
		Template: &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{Name: "watchbill-compact", Labels: map[string]string{"app.kubernetes.io/managed-by": "watchbill"}},
			Spec: batchv1.JobSpec{
				BackoffLimit: &none, ActiveDeadlineSeconds: &deadline,
				Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
					RestartPolicy: corev1.RestartPolicyNever,
					Containers:    []corev1.Container{{Name: "job", Image: "example.org/watchbill:v1"}},
				}},
			},
		},
	}
}

func deleteNow() *metav1.DeleteOptions { return metav1.NewDeleteOptions(0) }
