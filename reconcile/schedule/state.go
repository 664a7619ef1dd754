package schedule

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/util/retry"
)

// Name is the name of the ConfigMap.
const Name = "watchbill-jobs"

// Keep is how many runs of a kind are remembered.
const Keep = 20

const (
	dataKey      = "jobs.json"
	fieldManager = "watchbill-jobs"
)

// State is what the cluster remembers of the jobs. The zero value is that of a new environment.
type State struct {
	Kinds map[string]*Kind `json:"kinds"`
}

// Kind is what is remembered of one kind of job.
type Kind struct {
	Schedule string `json:"schedule"`
	TimeZone string `json:"timeZone,omitempty"`
	// Fault is why the schedule cannot be kept.
	Fault string `json:"fault,omitempty"`
	// Since is when this schedule was first seen: ticks before are none of it.
	Since time.Time `json:"since"`
	// Last is the newest tick that is over with: started, skipped or missed. No
	// tick up to it ever runs again, whatever the clock says.
	Last        time.Time `json:"last,omitzero"`
	Skipped     int64     `json:"skipped,omitempty"` // ticks at which a run was still going
	Missed      int64     `json:"missed,omitempty"`  // ticks that nobody was there for
	LastSuccess time.Time `json:"lastSuccess,omitzero"`
	// Outcomes counts the runs that are over.
	Outcomes map[string]int64 `json:"outcomes,omitempty"`
	Runs     []Run            `json:"runs,omitempty"` // the newest first
	// Template is the Job that a tick makes.
	Template *batchv1.Job `json:"template,omitempty"`
}

// Run is one run of a job.
type Run struct {
	Job  string    `json:"job"`           // the Job's name
	Tick time.Time `json:"tick,omitzero"` // none where a person started it
	Result
}

// Over says that the run has ended.
func (r *Run) Over() bool { return r.Outcome != Running }

// Next is the tick that comes next; zero when none does.
func (k *Kind) Next(now time.Time) time.Time {
	c, err := ParseCron(k.Schedule, k.TimeZone)
	if err != nil {
		return time.Time{}
	}
	return c.Next(latest(k.Since, k.Last, now))
}

func (k *Kind) run(job string) *Run {
	for i := range k.Runs {
		if k.Runs[i].Job == job {
			return &k.Runs[i]
		}
	}
	return nil
}

// put adds a run, or replaces what was known of it.
func (k *Kind) put(r Run) {
	if known := k.run(r.Job); known != nil {
		*known = r
		return
	}
	k.Runs = slices.Insert(k.Runs, 0, r)
	slices.SortStableFunc(k.Runs, func(a, b Run) int { return b.Started.Compare(a.Started) })
	k.Runs = k.Runs[:min(len(k.Runs), Keep)]
}

// before is the newest run that was over before this one began; nil if there is none.
func (k *Kind) before(r Run) *Run {
	for i := range k.Runs {
		if other := &k.Runs[i]; other.Job != r.Job && other.Over() && other.Started.Before(r.Started) {
			return other
		}
	}
	return nil
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}

// Load reads the state; none is the zero value.
func Load(ctx context.Context, maps typedcorev1.ConfigMapInterface) (State, error) {
	s, _, err := load(ctx, maps)
	return s, err
}

func load(ctx context.Context, maps typedcorev1.ConfigMapInterface) (State, *corev1.ConfigMap, error) {
	s := State{Kinds: map[string]*Kind{}}
	cm, err := maps.Get(ctx, Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return s, nil, nil
	}
	if err != nil {
		return s, nil, fmt.Errorf("read configmap %s: %w", Name, err)
	}
	if err := json.Unmarshal([]byte(cm.Data[dataKey]), &s); err != nil {
		return s, nil, fmt.Errorf("read %s of configmap %s: %w; no job is started; delete the configmap to begin anew", dataKey, Name, err)
	}
	for kind, k := range s.Kinds {
		if k == nil {
			delete(s.Kinds, kind)
		}
	}
	if s.Kinds == nil {
		s.Kinds = map[string]*Kind{}
	}
	return s, cm, nil
}

// update changes the state as it is in the cluster, and gives what is there then.
// When somebody else has written meanwhile, change is called again, with what they
// have left; it says whether there is anything to write.
func (s *Scheduler) update(ctx context.Context, change func(*State) bool) (State, error) {
	var state State
	backoff := wait.Backoff{Duration: 5 * time.Millisecond, Factor: 1.3, Jitter: 1, Steps: 25}
	taken := func(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }
	err := retry.OnError(backoff, taken, func() error {
		var cm *corev1.ConfigMap
		var err error
		if state, cm, err = load(ctx, s.maps); err != nil {
			return err
		}
		if !change(&state) {
			return nil
		}
		return s.save(ctx, state, cm)
	})
	if err != nil {
		return State{}, err
	}
	return state, nil
}

// save writes over what was read, and over nothing else.
func (s *Scheduler) save(ctx context.Context, state State, read *corev1.ConfigMap) error {
	raw, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("write the jobs' state: %w", err)
	}
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: Name, Labels: map[string]string{
			"app.kubernetes.io/name":     "watchbill",
			"app.kubernetes.io/part-of":  "watchbill",
			"app.kubernetes.io/instance": s.opts.Environment,
		}},
		Data: map[string]string{dataKey: string(raw)},
	}
	if read == nil {
		_, err = s.maps.Create(ctx, cm, metav1.CreateOptions{FieldManager: fieldManager})
	} else {
		cm.ResourceVersion = read.ResourceVersion
		var patch []byte
		if patch, err = json.Marshal(cm); err != nil {
			return fmt.Errorf("write configmap %s: %w", Name, err)
		}
		_, err = s.maps.Patch(ctx, Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
	}
	if err != nil {
		return fmt.Errorf("write configmap %s: %w", Name, err)
	}
	return nil
}
