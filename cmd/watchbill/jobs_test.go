package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/watchbill/watchbill/reconcile/schedule"
)

// jobsWorld is a namespace on a real API server.
type jobsWorld struct {
	t      *testing.T
	client kubernetes.Interface
	ns     string
	path   string
}

func newJobsWorld(t *testing.T) *jobsWorld {
	t.Helper()
	path := os.Getenv("WATCHBILL_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("needs an API server: run it by make test, or set WATCHBILL_TEST_KUBECONFIG")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "jobs-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{})
	})
	return &jobsWorld{t, client, ns.Name, path}
}

// wants runs a command and wants an exit code and matches in what it prints.
func (w *jobsWorld) wants(code int, args string, patterns ...string) {
	w.t.Helper()
	var out bytes.Buffer
	got := run(w.t.Context(), append(strings.Fields(args), "--kubeconfig", w.path, "-n", w.ns), streams{nil, &out, &out})
	if got != code {
		w.t.Errorf("%s: exit code %d, want %d: %s", args, got, code, out.String())
	}
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(out.String()) {
			w.t.Errorf("%s: nothing matches %s in\n%s", args, p, out.String())
		}
	}
}

// schedule has a scheduler take the jobs over, as the daemon does.
func (w *jobsWorld) schedule(jobs ...schedule.Job) (stop func()) {
	w.t.Helper()
	s := schedule.New(schedule.Options{Client: w.client, Namespace: w.ns, Environment: "prod"})
	s.SetJobs(jobs)
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
}

func (w *jobsWorld) until(what string, ok func(schedule.State) bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		state, err := schedule.Load(w.t.Context(), w.client.CoreV1().ConfigMaps(w.ns))
		if err == nil && ok(state) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("in vain: %s: %v", what, err)
		}
	}
}

func TestJobs(t *testing.T) {
	w := newJobsWorld(t)
	w.wants(exitOK, "jobs", "no job has been scheduled")
	w.wants(exitFault, "jobs show compact", "right --namespace")
	w.wants(exitFault, "jobs run compact", "right --namespace")
	w.wants(exitFault, "jobs -o xml", "use one of table, json")

	template := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app.kubernetes.io/instance": "prod"}},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "job", Image: "example.org/watchbill:v1"}},
		}}},
	}
	stop := w.schedule(
		schedule.Job{Kind: "compact", Schedule: "0 0 1 1 *", TimeZone: "Europe/Lisbon", Template: template},
		schedule.Job{Kind: "retain", Schedule: schedule.Never},
	)
	defer stop()
	w.until("the jobs are taken over", func(s schedule.State) bool { return len(s.Kinds) == 2 })
	w.wants(exitOK, "jobs", `^KIND +SCHEDULE +LAST +OUTCOME +DURATION +NEXT +SKIPPED +MISSED$`,
		`^compact +0 0 1 1 \* Europe/Lisbon +- +- +- +in \d+d +0 +0$`, `^retain +never +- +- +- +- +0 +0$`)
	w.wants(exitFault, "jobs show ship", `there is no job "ship"; there are compact, retain`)
	w.wants(exitFault, "jobs run retain", "turned off")

	w.wants(exitOK, "jobs run compact", "^started watchbill-compact-manual-")
	w.until("the run is seen", func(s schedule.State) bool { return len(s.Kinds["compact"].Runs) == 1 })
	w.wants(exitOK, "jobs", `^compact .* ago +running `)
	w.wants(exitFault, "jobs run compact", "is running already")
	w.fail(`{"outcome":"refused","reason":"overlap","hint":"blocks A and B overlap","counts":{"compacted":3},"lines":["the last line"]}`)
	w.until("its end is seen", func(s schedule.State) bool { return s.Kinds["compact"].Runs[0].Over() })
	w.wants(exitFound, "jobs", `refused \(overlap\)`, "^compact refused: blocks A and B overlap$")
	w.wants(exitFound, "jobs -o json", `"reason": "overlap"`, `"next": "`)
	w.wants(exitOK, "jobs show compact", `^watchbill-compact-manual-\d+t\d+ .*refused \(overlap\) +compacted 3$`, `^  \| the last line$`)
	w.wants(exitOK, "jobs show compact -o json", `"kind": "compact"`)
}

// fail plays the kubelet and the Job controller for the one Job that there is.
func (w *jobsWorld) fail(message string) {
	w.t.Helper()
	jobs, pods := w.client.BatchV1().Jobs(w.ns), w.client.CoreV1().Pods(w.ns)
	list, err := jobs.List(w.t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		w.t.Fatalf("%v %v", list, err)
	}
	j := &list.Items[0]
	labels := map[string]string{batchv1.JobNameLabel: j.Name}
	for k, v := range j.Spec.Template.Labels {
		labels[k] = v
	}
	if _, err := w.client.CoreV1().ServiceAccounts(w.ns).Create(w.t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "default"},
	}, metav1.CreateOptions{}); err != nil {
		w.t.Fatal(err)
	}
	pod, err := pods.Create(w.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: j.Name, Labels: labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(j, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec: j.Spec.Template.Spec,
	}, metav1.CreateOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "job", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: message}},
	}}
	if _, err := pods.UpdateStatus(w.t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		w.t.Fatal(err)
	}
	now := metav1.Now()
	j.Status.StartTime, j.Status.Failed = &now, 1
	for _, c := range []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed} {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: c, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	if _, err := jobs.UpdateStatus(w.t.Context(), j, metav1.UpdateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}
