package schedule

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// ahead is how far in the future a record may lie before it is held for one of a clock that was wrong.
const ahead = 25 * time.Hour

// adopt brings what the cluster remembers in line with the jobs that there are
// now. A schedule that is new or another one counts from now: what it would have
// run before is none of its ticks.
func (s *Scheduler) adopt(ctx context.Context, plans map[string]planned) error {
	var faults []string
	state, err := s.update(ctx, func(state *State) bool {
		faults = nil
		changed := false
		for kind, p := range plans {
			k := state.Kinds[kind]
			if k == nil {
				k = &Kind{}
				state.Kinds[kind] = k
			}
			fault := k.Fault
			changed = k.plan(p, s.opts.Now().UTC()) || changed
			if k.Fault != "" && k.Fault != fault {
				faults = append(faults, kind+": "+k.Fault)
			}
		}
		for kind, k := range state.Kinds {
			if _, ok := plans[kind]; !ok {
				changed = k.plan(planned{Job: Job{Schedule: Never}}, s.opts.Now().UTC()) || changed
			}
		}
		return changed
	})
	if err != nil {
		return err
	}
	s.remember(state)
	s.mu.Lock()
	s.adopted = true
	s.mu.Unlock()
	for _, f := range faults {
		s.opts.Logger.Warn("schedule cannot be kept", "fault", f)
		s.opts.Tell(corev1.EventTypeWarning, "ScheduleFault", f)
	}
	return nil
}

// plan takes the job as it is now, and says whether that changed anything.
func (k *Kind) plan(p planned, now time.Time) bool {
	before := *k
	if k.Schedule != p.Schedule || k.TimeZone != p.TimeZone || k.Since.After(now.Add(ahead)) {
		k.Schedule, k.TimeZone, k.Since = p.Schedule, p.TimeZone, now
	}
	k.Template = job(p.Template)
	k.Fault = p.fault
	if k.Fault == "" && k.Last.After(now.Add(ahead)) {
		k.Fault = fmt.Sprintf("the last tick on record, %s, lies in the future, so nothing runs until then; "+
			"if the clock was wrong, delete configmap %s to begin anew", k.Last.Format(time.RFC3339), Name)
	}
	return k.Schedule != before.Schedule || k.TimeZone != before.TimeZone || k.Since != before.Since ||
		k.Fault != before.Fault || !equality.Semantic.DeepEqual(k.Template, before.Template)
}

// job is a template without what only the API server writes.
func job(template *batchv1.Job) *batchv1.Job {
	if template == nil {
		return nil
	}
	return &batchv1.Job{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: *template.Spec.DeepCopy()}
}
