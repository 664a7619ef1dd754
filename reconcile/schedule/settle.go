package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// keepJobs is how many Jobs of a kind stay after they are over, for their pods' logs.
const keepJobs = 3

// seenRun is a run, and the Job that it was seen by.
type seenRun struct {
	Run
	kind string
	job  *batchv1.Job // nil when it is gone
}

// settle writes down what has become of the runs, and then lets old Jobs go.
func (s *Scheduler) settle(ctx context.Context) error {
	runs, err := s.look(ctx)
	if err != nil {
		return err
	}
	if err := s.record(ctx, runs); err != nil {
		return err
	}
	return s.sweep(ctx, runs)
}

// look sees all runs: those that have a Job, and those that are on record as
// running and have none, because somebody has deleted it.
func (s *Scheduler) look(ctx context.Context) ([]seenRun, error) {
	s.mu.Lock()
	state, now := s.state, s.opts.Now()
	s.mu.Unlock()
	var runs []seenRun
	there := map[string]bool{}
	for _, obj := range s.seen.List() {
		j, ok := obj.(*batchv1.Job)
		if !ok {
			continue
		}
		kind := j.Labels[labelComponent]
		k := state.Kinds[kind]
		if k == nil {
			continue
		}
		there[j.Name] = true
		known := k.run(j.Name)
		if known != nil && known.Over() {
			runs = append(runs, seenRun{*known, kind, j})
			continue
		}
		pod, err := s.podOf(ctx, j)
		if err != nil {
			return nil, err
		}
		runs = append(runs, seenRun{observe(kind, j, pod, known, now), kind, j})
	}
	for kind, k := range state.Kinds {
		for _, r := range k.Runs {
			if r.Over() || there[r.Job] {
				continue
			}
			gone, err := s.gone(ctx, r.Job)
			if err != nil {
				return nil, err
			}
			if gone {
				r.Result = failed(ReasonLost, "its Job was deleted while it was running")
				r.Started, r.Ended = k.run(r.Job).Started, now.UTC()
				runs = append(runs, seenRun{r, kind, nil})
			}
		}
	}
	return runs, nil
}

// gone asks the API server: the watch may not have heard of a Job yet.
func (s *Scheduler) gone(ctx context.Context, job string) (bool, error) {
	_, err := s.jobs.Get(ctx, job, metav1.GetOptions{})
	if err == nil || apierrors.IsNotFound(err) {
		return err != nil, nil
	}
	return false, fmt.Errorf("look for job %s: %w", job, err)
}

// podOf is the newest pod of a Job. The watch of the pods may be behind that of
// the Jobs, so for a Job that is over the API server is asked.
func (s *Scheduler) podOf(ctx context.Context, j *batchv1.Job) (*corev1.Pod, error) {
	s.mu.Lock()
	pod := s.pods[j.Name]
	s.mu.Unlock()
	if _, over := ending(j); !over || terminated(pod) != nil {
		return pod, nil
	}
	list, err := s.opts.Client.CoreV1().Pods(s.opts.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: s.selector() + "," + batchv1.JobNameLabel + "=" + j.Name,
	})
	if err != nil {
		return nil, fmt.Errorf("list the pods of job %s: %w", j.Name, err)
	}
	for i := range list.Items {
		s.see(&list.Items[i])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pods[j.Name], nil
}

// record writes down what is news among the runs, and tells of it.
func (s *Scheduler) record(ctx context.Context, runs []seenRun) error {
	if s.state.news(runs) == nil {
		return nil
	}
	var news []seenRun
	var told []func()
	state, err := s.update(ctx, func(state *State) bool {
		told = nil
		news = state.news(runs)
		for _, r := range news {
			told = append(told, s.note(state, r))
		}
		return len(news) > 0
	})
	if err != nil {
		return err
	}
	s.remember(state)
	for _, tell := range told {
		tell()
	}
	return nil
}

// news are the runs of which the state does not know all, the oldest first.
func (s *State) news(runs []seenRun) []seenRun {
	var news []seenRun
	for _, r := range runs {
		k := s.Kinds[r.kind]
		if k == nil {
			continue
		}
		known := k.run(r.Job)
		switch {
		case known == nil && len(k.Runs) >= Keep && r.Started.Before(k.Runs[len(k.Runs)-1].Started):
			// Known once, and since forgotten.
		case known == nil, !known.Over() && (r.Over() || r.Reason != known.Reason || r.Hint != known.Hint):
			news = append(news, r)
		}
	}
	slices.SortFunc(news, func(a, b seenRun) int { return a.Started.Compare(b.Started) })
	return news
}

// note puts a run into the state, and gives what there is to tell of it.
func (s *Scheduler) note(state *State, r seenRun) (tell func()) {
	k := state.Kinds[r.kind]
	before := k.before(r.Run)
	k.Last = latest(k.Last, r.Tick)
	k.put(r.Run)
	if !r.Over() {
		return func() {
			if r.Reason != "" {
				s.opts.Tell(corev1.EventTypeWarning, "JobStuck", sentence(r))
			}
		}
	}
	k.Outcomes = maps.Clone(k.Outcomes)
	if k.Outcomes == nil {
		k.Outcomes = map[string]int64{}
	}
	k.Outcomes[r.Outcome]++
	if r.Good() {
		k.LastSuccess = latest(k.LastSuccess, r.Ended)
	}
	return func() {
		log := s.opts.Logger.With("kind", r.kind, "job", r.Job, "outcome", r.Outcome, "duration", r.Ended.Sub(r.Started).Round(time.Millisecond).String())
		switch {
		case !r.Good():
			log.Warn("job failed", "reason", r.Reason, "hint", r.Hint)
			s.opts.Tell(corev1.EventTypeWarning, "JobFailed", sentence(r))
		case before != nil && !before.Good():
			log.Info("job succeeded again")
			s.opts.Tell(corev1.EventTypeNormal, "JobSucceeded", sentence(r))
		default:
			log.Info("job ended")
		}
	}
}

func sentence(r seenRun) string {
	text := r.Job + ": " + r.Outcome
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	if r.Hint != "" {
		text += ": " + r.Hint
	}
	return text
}

// sweep deletes the Jobs that are over and on record, but for the newest of each kind.
func (s *Scheduler) sweep(ctx context.Context, runs []seenRun) error {
	byKind := map[string][]seenRun{}
	for _, r := range runs {
		if r.job != nil && r.Over() && r.job.DeletionTimestamp == nil {
			byKind[r.kind] = append(byKind[r.kind], r)
		}
	}
	var faults []error
	for _, over := range byKind {
		slices.SortFunc(over, func(a, b seenRun) int {
			return cmp.Or(b.job.CreationTimestamp.Compare(a.job.CreationTimestamp.Time), cmp.Compare(b.Job, a.Job))
		})
		for _, r := range over[min(len(over), keepJobs):] {
			background := metav1.DeletePropagationBackground
			err := s.jobs.Delete(ctx, r.job.Name, metav1.DeleteOptions{
				Preconditions: metav1.NewUIDPreconditions(string(r.job.UID)), PropagationPolicy: &background,
			})
			if err != nil && !apierrors.IsNotFound(err) {
				faults = append(faults, fmt.Errorf("delete old job %s: %w", r.job.Name, err))
			}
		}
	}
	return errors.Join(faults...)
}
