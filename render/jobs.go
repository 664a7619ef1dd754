package render

import (
	"cmp"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Kinds of jobs.
const (
	Ship    = "ship"    // checks that what is on the volumes is in the bucket, and uploads what is missing
	Compact = "compact" // joins and downsamples blocks
	Retain  = "retain"  // lets go of old blocks
)

// never is the schedule of a job that is turned off.
const never = "never"

// Job is what runs by a schedule. The Template has no name: that is for the one
// to give who knows the tick.
type Job struct {
	Kind     string
	Schedule string // in cron's five fields, or @hourly and the like
	TimeZone string // that the schedule is read in, of the IANA database
	CatchUp  time.Duration
	Template *batchv1.Job
}

// work is what the pod of a job does: first the preparation, if there is one, and then the main program.
type work struct {
	kind, description string
	timing, defaults  timing
	prepare           []program
	main              program
	volumes           []corev1.Volume
}

type timing struct {
	schedule          string
	catchUp, deadline repolayout.Duration
}

// jobs are those of one environment, sorted by kind: none without a bucket, none
// that is turned off, and none in an environment that is to go.
func (r *Renderer) jobs(repo *repolayout.Repo, env *repolayout.Environment) ([]Job, error) {
	if env.ObjectStore == nil || env.Retired {
		return nil, nil
	}
	works, err := r.works(repo, env)
	if err != nil {
		return nil, fmt.Errorf("render the jobs of environment %s: %w", env.Name, err)
	}
	var out []Job
	for _, w := range works {
		job, err := w.job(env)
		if err != nil {
			return nil, fmt.Errorf("render the job %s of environment %s: %w", w.kind, env.Name, err)
		}
		if job.Schedule != never {
			out = append(out, job)
		}
	}
	return out, nil
}

func (w *work) job(env *repolayout.Environment) (Job, error) {
	catchUp, err := model.ParseDuration(string(cmp.Or(w.timing.catchUp, w.defaults.catchUp)))
	if err != nil {
		return Job{}, fmt.Errorf("catchUp: %w", err)
	}
	deadline, err := model.ParseDuration(string(cmp.Or(w.timing.deadline, w.defaults.deadline)))
	if err != nil {
		return Job{}, fmt.Errorf("deadline: %w", err)
	}
	pod, err := w.pod()
	if err != nil {
		return Job{}, err
	}
	tries, seconds := int32(0), int64(time.Duration(deadline).Seconds())
	template := &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: meta(env, jobPods, "", w.description),
		Spec: batchv1.JobSpec{
			BackoffLimit:          &tries, // what may pass is tried again by the program itself, which can tell
			ActiveDeadlineSeconds: &seconds,
			Template:              corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labelsOf(env, jobPods)}, Spec: pod},
		},
	}
	for _, labels := range []map[string]string{template.Labels, template.Spec.Template.Labels} {
		labels["app.kubernetes.io/component"] = w.kind
	}
	return Job{
		Kind:     w.kind,
		Schedule: cmp.Or(w.timing.schedule, w.defaults.schedule),
		TimeZone: cmp.Or(env.TimeZone, repolayout.DefaultEnvironment().TimeZone),
		CatchUp:  time.Duration(catchUp),
		Template: template,
	}, nil
}

func (w *work) pod() (corev1.PodSpec, error) {
	pod := hardenedPod(jobRunners)
	pod.RestartPolicy = corev1.RestartPolicyNever
	pod.Volumes = w.volumes
	for i := range w.prepare {
		c, err := w.prepare[i].container()
		if err != nil {
			return pod, err
		}
		pod.InitContainers = append(pod.InitContainers, c)
	}
	c, err := w.main.container()
	pod.Containers = []corev1.Container{c}
	return pod, err
}

// jobComponent is what the pods of all jobs share.
func jobComponent(env *repolayout.Environment) *component {
	return &component{name: jobRunners, pods: jobPods, store: env.ObjectStore}
}

func timingOf(j repolayout.JobSpec) timing { return timing{j.Schedule, j.CatchUp, j.Deadline} }

func compactTiming(c repolayout.CompactSpec) timing { return timing{c.Schedule, c.CatchUp, c.Deadline} }
