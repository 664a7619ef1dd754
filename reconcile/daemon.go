package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/render"
)

// Options are what a daemon is told when it starts.
type Options struct {
	Environment string
	// Namespace that the environment lives in, and the only one that is written to.
	Namespace string
	Source    Source
	Reporter  forge.Reporter
	// Verify says why a revision is not trusted; nil trusts all.
	Verify func(source.Revision) error
	Render render.Options
	Config *rest.Config
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
