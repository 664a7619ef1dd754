// Package schedule runs the environment's jobs (ship, compact, retain) by their
// schedules, as Kubernetes Jobs, and remembers what became of them.
//
// A Job is named by its kind and its tick, so the API server itself sees to it
// that no tick runs twice, however many schedulers there are. What a tick came to
// is written to one ConfigMap after its Job is made: a tick on record is over
// with, and neither a clock that is set back nor a Job that somebody deletes
// brings it up again. Between the two writes only the Job's name speaks.
//
// A tick at which the run before is still going is skipped. Of the ticks that
// nobody was there for, the newest is made up for, if it is not older than the
// job's CatchUp; the others are missed. Both are counted.
//
// A [Scheduler] works in turns: each looks at the Jobs, writes down what ended,
// and starts what is due. What a run did it says itself, by a [Result] in its
// container's termination message; where it could not, the Job and its pod are asked.
package schedule

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	typedbatchv1 "k8s.io/client-go/kubernetes/typed/batch/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/watchbill/watchbill/render"
)

// Job is a job that runs by a schedule, as render makes it. Its schedule may be [Never].
type Job = render.Job

// Options are what a [Scheduler] works with.
type Options struct {
	Client      kubernetes.Interface
	Namespace   string
	Environment string
	Logger      *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Tell tells people by an Event of corev1.EventTypeNormal or …Warning; may be nil.
	Tell func(eventType, reason, text string)
}

// Scheduler keeps the schedules of one environment. It is a prometheus.Collector:
// its metrics are what it remembers, and so survive a restart.
type Scheduler struct {
	opts Options
	maps typedcorev1.ConfigMapInterface
	jobs typedbatchv1.JobInterface
	wake chan struct{}
	seen cache.Store // the Jobs, as watched

	mu      sync.Mutex
	plans   map[string]planned
	adopted bool // the state in the cluster knows the plans
	state   State
	pods    map[string]*corev1.Pod // the newest of each Job, also after it is gone
}

// planned is a job, and its schedule as far as it can be read.
type planned struct {
	Job
	cron  Cron
	fault string
}

func (p planned) off() bool { return p.Schedule == Never || p.fault != "" }

// New makes a Scheduler that has no jobs yet.
func New(opts Options) *Scheduler {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Tell == nil {
		opts.Tell = func(string, string, string) {}
	}
	return &Scheduler{
		opts: opts,
		maps: opts.Client.CoreV1().ConfigMaps(opts.Namespace),
		jobs: opts.Client.BatchV1().Jobs(opts.Namespace),
		wake: make(chan struct{}, 1),
		pods: map[string]*corev1.Pod{},
	}
}

// SetJobs says what there is to run from now on. Until it is called, nothing is
// started. A schedule that cannot be read is told of, and does not hold up the others.
func (s *Scheduler) SetJobs(jobs []Job) {
	plans := make(map[string]planned, len(jobs))
	for _, j := range jobs {
		p := planned{Job: j}
		if j.Schedule != Never {
			c, err := ParseCron(j.Schedule, j.TimeZone)
			if err != nil {
				p.fault = err.Error()
			}
			p.cron = c
		}
		plans[j.Kind] = p
	}
	s.mu.Lock()
	same := s.plans != nil && equality.Semantic.DeepEqual(jobsOf(plans), jobsOf(s.plans))
	if !same {
		s.plans, s.adopted = plans, false
	}
	s.mu.Unlock()
	if !same {
		s.poke()
	}
}

func jobsOf(plans map[string]planned) map[string]Job {
	jobs := make(map[string]Job, len(plans))
	for kind, p := range plans {
		jobs[kind] = p.Job
	}
	return jobs
}

func (s *Scheduler) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run keeps the schedules until ctx ends. One Scheduler should run at a time;
// that several do harms nothing.
func (s *Scheduler) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	stop, err := s.watch(ctx)
	defer stop()
	defer cancel() // before stop, which waits for what ends with it
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	// A clock that is set is noticed after a minute.
	const most = time.Minute
	backoff := wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Jitter: .2, Steps: 10, Cap: most}
	failing := backoff
	for {
		next, err := s.turn(ctx)
		if ctx.Err() != nil {
			return nil
		}
		pause, wake := most, s.wake
		if err != nil {
			pause, wake = failing.Step(), nil
			s.opts.Logger.Error("jobs could not be looked after", "error", err, "retry", pause.String())
		} else {
			failing = backoff
			if !next.IsZero() {
				pause = min(max(next.Sub(s.opts.Now()), 0), most)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-time.After(pause):
		}
	}
}

// turn does all that there is to do now, and says when the next tick is. A turn
// in which nothing is due and nothing has ended asks nothing of the API server.
func (s *Scheduler) turn(ctx context.Context) (next time.Time, err error) {
	plans, ready := s.planned()
	if plans == nil {
		return next, nil
	}
	if !ready {
		if err := s.adopt(ctx, plans); err != nil {
			return next, err
		}
	}
	faults := []error{s.settle(ctx)}
	for _, kind := range slices.Sorted(maps.Keys(plans)) {
		p := plans[kind]
		if p.off() {
			continue
		}
		faults = append(faults, s.start(ctx, p))
		k, ok := s.kind(kind)
		if !ok {
			continue
		}
		tick := p.cron.Next(latest(k.Since, k.Last, s.opts.Now()))
		if next.IsZero() || !tick.IsZero() && tick.Before(next) {
			next = tick
		}
	}
	return next, errors.Join(faults...)
}

func (s *Scheduler) planned() (plans map[string]planned, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plans, s.adopted
}

// kind is what is remembered of a kind of job, as of the last time that it was read.
func (s *Scheduler) kind(kind string) (*Kind, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.state.Kinds[kind]
	return k, ok
}

// remember keeps what was read or written last. It is never changed afterwards.
func (s *Scheduler) remember(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}
