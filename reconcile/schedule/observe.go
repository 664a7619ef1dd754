package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// Reasons of runs that could not speak for themselves.
const (
	ReasonDeadline   = "deadline"
	ReasonMemory     = "out-of-memory"
	ReasonEvicted    = "evicted"
	ReasonImage      = "image"
	ReasonPending    = "pending"
	ReasonConfig     = "container-config"
	ReasonExit       = "exit-code"
	ReasonLost       = "lost"
	ReasonInstall    = "install"
	reasonNoMessage  = "no-result"
	clockDifference  = time.Minute
	resultUnreadable = "it left no result that can be read"
)

// ending is the condition by which a Job is over.
func ending(j *batchv1.Job) (batchv1.JobCondition, bool) {
	for _, c := range j.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return c, true
		}
	}
	return batchv1.JobCondition{}, false
}

// observe says what is to be seen of a run. The pod is the Job's newest, or nil.
// What was known of the run before helps where its pod is gone.
func observe(kind string, j *batchv1.Job, pod *corev1.Pod, known *Run, now time.Time) Run {
	r := Run{Job: j.Name}
	r.Tick, _ = tickOf(kind, j.Name)
	end, over := ending(j)
	if !over {
		r.Outcome, r.Started = Running, began(j)
		r.Reason, r.Hint = stuck(pod)
		if r.Reason == "" && known != nil && !ran(pod) {
			r.Reason, r.Hint = known.Reason, known.Hint // a pod that is taken away says nothing more
		}
		return r
	}
	r.Result = conclude(j, end, pod, known)
	// Times come from the container, whose clock is another one.
	first, last := began(j), cmp.Or(end.LastTransitionTime.Time, now)
	if r.Started.Before(first.Add(-clockDifference)) || r.Ended.After(last.Add(clockDifference)) || r.Ended.Before(r.Started) {
		r.Started, r.Ended = first, last
	}
	r.Started, r.Ended = r.Started.UTC(), r.Ended.UTC()
	return r
}

func began(j *batchv1.Job) time.Time {
	if j.Status.StartTime != nil {
		return j.Status.StartTime.UTC()
	}
	return j.CreationTimestamp.UTC()
}

// conclude is the result of a Job that is over: by its own words where they can be
// had, and in any case not better than what Kubernetes says.
func conclude(j *batchv1.Job, end batchv1.JobCondition, pod *corev1.Pod, known *Run) Result {
	var said Result
	spoke := false
	main := terminated(pod)
	if main != nil {
		var err error
		said, err = ParseResult(main.Message)
		spoke = err == nil
	}
	completed := end.Type == batchv1.JobComplete
	switch {
	case spoke && (completed || !said.Good()):
		return said
	case completed:
		return Result{Outcome: Done, Reason: reasonNoMessage}
	case end.Reason == batchv1.JobReasonDeadlineExceeded:
		return overdue(j, pod, known)
	case pod == nil:
		return failed(ReasonLost, "its pod was gone before it ended: "+cmp.Or(end.Message, end.Reason))
	case pod.Status.Reason == "Evicted":
		return failed(ReasonEvicted, "the node needed what the pod took: "+pod.Status.Message+"; raise the job's resources or its scratch space")
	case main != nil && main.Reason == "OOMKilled":
		return failed(ReasonMemory, "it took more memory than its limit; raise limits.memory of the job's resources in the environment file")
	case main != nil && main.ExitCode != 0:
		return failed(ReasonExit, fmt.Sprintf("%s (exit code %d); see the log of pod %s", resultUnreadable, main.ExitCode, pod.Name))
	}
	for _, c := range pod.Status.InitContainerStatuses {
		if t := c.State.Terminated; t != nil && t.ExitCode != 0 {
			return failed(ReasonInstall, fmt.Sprintf("container %s ended with exit code %d: %s", c.Name, t.ExitCode, t.Message))
		}
	}
	return failed(ReasonLost, resultUnreadable+": "+cmp.Or(pod.Status.Message, end.Message, end.Reason))
}

func failed(reason, hint string) Result {
	return tidied(Result{Outcome: Failed, Reason: reason, Hint: hint})
}

func tidied(r Result) Result {
	r.tidy()
	return r
}

// overdue is a run that its deadline ended, perhaps before it began.
func overdue(j *batchv1.Job, pod *corev1.Pod, known *Run) Result {
	if reason, hint := stuck(pod); reason != "" {
		return failed(reason, "it did not begin before its deadline: "+hint)
	}
	if known != nil && known.Reason != "" && !ran(pod) {
		return failed(known.Reason, "it did not begin before its deadline: "+known.Hint)
	}
	limit := "its deadline"
	if seconds := j.Spec.ActiveDeadlineSeconds; seconds != nil {
		limit = "its deadline of " + (time.Duration(*seconds) * time.Second).String()
	}
	return failed(ReasonDeadline, "it took longer than "+limit+"; give it more time or more resources in the environment file")
}

// terminated is how the pod's main container ended; nil if it has not.
func terminated(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	if pod == nil || len(pod.Status.ContainerStatuses) == 0 {
		return nil
	}
	// With a side container beside it, the one that left a message is meant.
	i := max(0, slices.IndexFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.State.Terminated != nil && c.State.Terminated.Message != ""
	}))
	return pod.Status.ContainerStatuses[i].State.Terminated
}

// ran says that the pod's main container began.
func ran(pod *corev1.Pod) bool {
	return pod != nil && slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.State.Running != nil || c.State.Terminated != nil && !c.State.Terminated.StartedAt.IsZero()
	})
}

// stuck says why a pod does not get to run.
func stuck(pod *corev1.Pod) (reason, hint string) {
	if pod == nil {
		return "", ""
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		w := c.State.Waiting
		if w == nil {
			continue
		}
		switch w.Reason {
		case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable":
			// Its message changes with every try.
			return ReasonImage, clip(plain("image "+c.Image+" cannot be had; is its name right, and may the nodes pull it?"), maxHint)
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return ReasonConfig, clip(plain("container "+c.Name+" cannot be made: "+w.Message), maxHint)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return ReasonPending, clip(plain("no node takes the pod: "+c.Message), maxHint)
		}
	}
	return "", ""
}
