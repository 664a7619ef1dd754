package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/watchbill/watchbill/reconcile/apply"
	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
)

// Options are what a daemon is told when it starts.
type Options struct {
	Environment string
	// Namespace that the environment lives in, and the only one that is written to.
	Namespace string
	Source    Source
	Reporter  forge.Reporter
	Render    render.Options
	Config    *rest.Config
	// Ask reaches the agents: directly from inside the cluster, else through the API server.
	Ask proof.Ask
	// Listen is the address of /metrics, /healthz, /readyz and /-/poke; empty for none.
	Listen string
	// Poll is how often git is asked when nothing wakes the loop.
	Poll time.Duration
	// ProofWithin is how long every replica may take to give its proof.
	ProofWithin time.Duration
	// Identity names this process to the others; with one, only the leader of them works.
	Identity string
	// Once ends after the newest revision has been taken through.
	Once bool
	Log  *slog.Logger
}

// Daemon runs the loop of one environment.
type Daemon struct {
	Options
	client  kubernetes.Interface
	metrics *metrics
	health  *health
	wake    trigger
}

// ErrNotLive says that the newest revision is not live.
var ErrNotLive = errors.New("the newest revision is not live")

// New makes a daemon.
func New(opts Options) (*Daemon, error) {
	client, err := kubernetes.NewForConfig(opts.Config)
	if err != nil {
		return nil, fmt.Errorf("make a Kubernetes client: %w", err)
	}
	const slack = time.Minute
	return &Daemon{
		Options: opts,
		client:  client,
		metrics: newMetrics(),
		health:  &health{within: 3*opts.Poll + slack},
		wake:    newTrigger(),
	}, nil
}

// Run works until the context ends, or with Once until the newest revision has
// been taken through. Losing the leadership is an error: the process ends, and
// its replacement starts from what the cluster says.
func (d *Daemon) Run(ctx context.Context) error {
	d.health.turn(time.Now())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	if d.Listen != "" {
		g.Go(func() error { return serve(ctx, d.Listen, handler(d.metrics, d.health, d.wake.fire), d.Log) })
	}
	g.Go(func() error {
		defer cancel()
		if d.Identity == "" {
			return d.lead(ctx)
		}
		return d.elect(ctx)
	})
	return g.Wait()
}

// elect leads while this process holds the environment's Lease.
func (d *Daemon) elect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.health.ready.Store(true) // standing by is ready
	led := make(chan error, 1)
	var began atomic.Bool
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name: d.leaseName(),
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Name: d.leaseName(), Namespace: d.Namespace},
			Client:     d.client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: d.Identity},
		},
		LeaseDuration:   15 * time.Second,
		RenewDeadline:   10 * time.Second,
		RetryPeriod:     2 * time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				began.Store(true)
				defer cancel()
				led <- d.lead(ctx)
			},
			OnStoppedLeading: func() {},
			OnNewLeader:      func(id string) { d.Log.Info("leader elected", "leader", id) },
		},
	})
	if err != nil {
		return fmt.Errorf("set up leader election: %w", err)
	}
	elector.Run(ctx)
	lost := ctx.Err() == nil
	cancel()
	if !began.Load() {
		return nil
	}
	err = <-led
	if lost {
		return errors.New("lost the leadership; ending, so that the new leader is alone")
	}
	return err
}

func (d *Daemon) leaseName() string { return "watchbill-" + d.Environment }

// lead sets the loop up from what the cluster says and turns it.
func (d *Daemon) lead(ctx context.Context) error {
	d.metrics.leader.Set(1)
	defer d.metrics.leader.Set(0)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.health.lead(time.Now())
	loop, stop, err := d.loop(ctx)
	if err != nil {
		return err
	}
	defer stop()
	defer cancel() // before stop: it waits for what ends with the context
	d.health.ready.Store(true)
	return d.turn(ctx, loop)
}

// turn makes passes: when something wakes the loop, at the latest after Poll,
// and after an error sooner and then ever later.
func (d *Daemon) turn(ctx context.Context, loop *Loop) error {
	backoff := wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Jitter: .2, Steps: 10, Cap: d.Poll}
	failing := backoff
	for {
		d.health.turn(time.Now())
		d.metrics.passes.Inc()
		err := loop.Pass(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the pass was told to end
		}
		pause := d.Poll
		if err != nil {
			pause = failing.Step()
			d.Log.Error("pass ended with an error", "error", err, "retry", pause.String())
		} else {
			failing = backoff
		}
		if d.Once && !loop.again() {
			return errors.Join(err, loop.verdict())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-time.After(pause):
		}
	}
}

// loop puts the loop's parts together. Stop waits for the goroutines that end with the context.
func (d *Daemon) loop(ctx context.Context) (*Loop, func(), error) {
	view, err := apply.NewView(d.Config, d.Namespace, d.Environment, d.wake.fire)
	if err != nil {
		return nil, nil, err
	}
	applier, err := apply.NewApplier(counted(d.Config, d.metrics.requests), view)
	if err != nil {
		return nil, nil, err
	}
	prover := proof.New(d.Ask)
	pods, err := watchPods(d.client, d.Namespace, d.Environment, prover, d.wake.fire)
	if err != nil {
		return nil, nil, err
	}
	tell, stopTelling := newTeller(d.client, d.Namespace)
	stop := func() { prover.Close(); pods.stop(); view.Stop(); stopTelling() }
	loop := &Loop{
		environment: d.Environment, namespace: d.Namespace,
		source: d.Source, builder: build.New(d.Render), view: view, applier: applier, prover: prover,
		memory:   memory{d.client.CoreV1().ConfigMaps(d.Namespace), d.Namespace, d.Environment},
		reporter: d.Reporter, teller: tell, metrics: d.metrics, log: d.Log, now: time.Now, wake: d.wake,
		rollback: pods.request, refusalLog: refusalFromLog(d.client, d.Namespace),
		proofWithin: d.ProofWithin, poll: d.Poll, beat: func() { d.health.turn(time.Now()) },
		indexes: map[string]bundle.Index{}, built: map[string]*build.Result{},
	}
	if err := errors.Join(view.Start(ctx), pods.start(ctx), loop.recall(ctx, d.client)); err != nil {
		return nil, nil, err
	}
	go loop.showProofs(ctx)
	return loop, stop, nil
}

// recall reads what the cluster remembers: the history, and what the indexes want.
func (l *Loop) recall(ctx context.Context, client kubernetes.Interface) error {
	maps := client.CoreV1().ConfigMaps(l.namespace)
	h, err := history.Load(ctx, maps)
	if err != nil {
		return err
	}
	l.history = h
	for _, component := range []string{bundle.Prometheus, bundle.Alertmanager} {
		cm, err := maps.Get(ctx, bundle.IndexName(component), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the index of %s: %w", component, err)
		}
		index, err := bundle.ParseIndex(cm.Data)
		if err != nil {
			l.log.Warn("index is not readable and is written anew", "object", cm.Name, "error", err)
			continue
		}
		l.indexes[component] = index
	}
	return nil
}

// showProofs keeps the metric of every replica's proof true between passes.
func (l *Loop) showProofs(ctx context.Context) {
	for {
		l.metrics.proven(l.prover.Snapshot())
		select {
		case <-ctx.Done():
			return
		case <-l.prover.Changed():
		}
	}
}

// again says that the newest revision has not been taken through yet.
func (l *Loop) again() bool {
	return l.head != nil && (l.history.Of(l.head.Commit) == nil || len(l.wake) > 0)
}

// verdict is nil if the newest revision is live.
func (l *Loop) verdict() error {
	if l.head == nil {
		return ErrNotLive
	}
	r := l.history.Of(l.head.Commit)
	if r == nil || r.Outcome != history.Live {
		return ErrNotLive
	}
	return nil
}

// memory keeps the history in its ConfigMap.
type memory struct {
	maps                   typedcorev1.ConfigMapInterface
	namespace, environment string
}

func (m memory) Save(ctx context.Context, h history.History) error {
	return history.Save(ctx, m.maps, m.namespace, m.environment, h)
}

// counted counts the requests that go through a configuration.
func counted(config *rest.Config, requests *prometheus.CounterVec) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = -1, -1 // the API server's own fairness is enough
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			requests.WithLabelValues(r.Method).Inc()
			return next.RoundTrip(r)
		})
	})
	return config
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// DryRun tells what a pass would change in the cluster, and writes nothing.
func (d *Daemon) DryRun(ctx context.Context) (plan.Plan, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loop, stop, err := d.loop(ctx)
	if err != nil {
		return plan.Plan{}, err
	}
	defer stop()
	defer cancel()
	return loop.dryRun(ctx)
}
