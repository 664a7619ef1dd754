package schedule

import (
	"context"
	"fmt"
	"maps"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels of Jobs and their pods.
const (
	labelName      = "app.kubernetes.io/name"
	labelComponent = "app.kubernetes.io/component"
	labelInstance  = "app.kubernetes.io/instance"
	jobName        = "watchbill-job"
)

// onTime is how late a tick is still on time: a daemon may be electing its leader.
const onTime = time.Minute

// what becomes of a tick.
type decision int

const (
	run  decision = iota // start it
	skip                 // the run before is still going
	miss                 // nobody was there, and it is too late
)

// start runs the newest tick that is due, if there is one.
func (s *Scheduler) start(ctx context.Context, p planned) error {
	k, ok := s.kind(p.Kind)
	if !ok {
		return nil
	}
	if _, n := p.cron.due(latest(k.Since, k.Last), s.opts.Now()); n == 0 {
		return nil
	}
	// What is remembered here may be old; now it matters.
	state, err := Load(ctx, s.maps)
	if err != nil {
		return err
	}
	s.remember(state)
	if k, ok = state.Kinds[p.Kind]; !ok {
		s.mu.Lock()
		s.adopted = false // somebody has deleted the state
		s.mu.Unlock()
		s.poke()
		return nil
	}
	now := s.opts.Now()
	tick, n := p.cron.due(latest(k.Since, k.Last), now)
	if n == 0 {
		return nil
	}
	if now.Sub(tick) > max(p.CatchUp, onTime) {
		return s.tick(ctx, p, tick, n, miss)
	}
	busy, err := s.running(ctx, p.Kind)
	if err != nil {
		return err
	}
	name := JobName(p.Kind, tick)
	if busy != "" && busy != name {
		return s.tick(ctx, p, tick, n, skip)
	}
	if err := s.create(ctx, p, tick); err != nil {
		return err
	}
	return s.tick(ctx, p, tick, n, run)
}

// running names a Job of the kind that is not over, if there is one.
func (s *Scheduler) running(ctx context.Context, kind string) (string, error) {
	list, err := s.jobs.List(ctx, metav1.ListOptions{LabelSelector: s.selector() + "," + labelComponent + "=" + kind})
	if err != nil {
		return "", fmt.Errorf("list the jobs of %s: %w", kind, err)
	}
	for i := range list.Items {
		if _, over := ending(&list.Items[i]); !over {
			return list.Items[i].Name, nil
		}
	}
	return "", nil
}

func (s *Scheduler) selector() string {
	return labelName + "=" + jobName + "," + labelInstance + "=" + s.opts.Environment
}

// create makes the tick's Job. That it is there already is as good.
func (s *Scheduler) create(ctx context.Context, p planned, tick time.Time) error {
	j := Instance(p.Template, p.Kind, s.opts.Environment, JobName(p.Kind, tick))
	_, err := s.jobs.Create(ctx, j, metav1.CreateOptions{FieldManager: fieldManager})
	switch {
	case err == nil:
		s.opts.Logger.Info("job started", "kind", p.Kind, "job", j.Name)
		return nil
	case apierrors.IsAlreadyExists(err):
		return nil
	}
	err = fmt.Errorf("create job %s: %w", j.Name, err)
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
		s.fault(ctx, p.Kind, err.Error())
	}
	return err
}

// Instance is the Job of one run, from the template that render made.
func Instance(template *batchv1.Job, kind, environment, name string) *batchv1.Job {
	j := job(template)
	j.ObjectMeta = metav1.ObjectMeta{Name: name, Labels: maps.Clone(j.Labels), Annotations: j.Annotations}
	for _, meta := range []*metav1.ObjectMeta{&j.ObjectMeta, &j.Spec.Template.ObjectMeta} {
		if meta.Labels == nil {
			meta.Labels = map[string]string{}
		}
		meta.Labels[labelName], meta.Labels[labelComponent], meta.Labels[labelInstance] = jobName, kind, environment
	}
	return j
}

// tick writes down what became of a tick, unless somebody has done so.
func (s *Scheduler) tick(ctx context.Context, p planned, tick time.Time, due int64, what decision) error {
	written := false
	state, err := s.update(ctx, func(state *State) bool {
		k := state.Kinds[p.Kind]
		written = k != nil && k.Last.Before(tick)
		if !written {
			return false
		}
		k.Last, k.Fault = tick, ""
		k.Missed += due - 1
		switch what {
		case skip:
			k.Skipped++
		case miss:
			k.Missed++
		case run:
			k.put(Run{Job: JobName(p.Kind, tick), Tick: tick, Result: Result{Outcome: Running, Started: s.opts.Now().UTC()}})
		}
		return true
	})
	if err != nil {
		return err
	}
	s.remember(state)
	if written && what == skip {
		s.opts.Logger.Warn("job skipped, as the run before is still going", "kind", p.Kind, "tick", tick)
	}
	if missed := due - 1; written && (what == miss || missed > 0) {
		s.opts.Logger.Warn("ticks missed", "kind", p.Kind, "until", tick, "ticks", due)
	}
	return nil
}

// fault writes down why a kind of job cannot be started.
func (s *Scheduler) fault(ctx context.Context, kind, why string) {
	news := false
	why = clip(plain(why), maxHint)
	state, err := s.update(ctx, func(state *State) bool {
		k := state.Kinds[kind]
		news = k != nil && k.Fault != why
		if news {
			k.Fault = why
		}
		return news
	})
	if err != nil {
		return // the fault itself is on its way to the log
	}
	s.remember(state)
	if news {
		s.opts.Tell(corev1.EventTypeWarning, "JobNotStarted", kind+": "+why)
	}
}
