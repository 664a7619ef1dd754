package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/hook"
	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/reconcile/review"
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
	// Hook reads the deliveries of the forge's webhook; nil where there is none.
	Hook forge.Hook
	// HookListen is the address that deliveries come to; empty for none. Every
	// replica takes them, also one that stands by.
	HookListen string
	// Reviewer answers on pull requests while this process leads; nil where nobody does.
	Reviewer *review.Reviewer
	// HookProxies are the networks whose X-Forwarded-For is believed there.
	HookProxies []netip.Prefix
	// HookBranch is the branch that a push must be to; empty for any.
	HookBranch string
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
	calls   *waker
	hooks   *hook.Server // nil where there is none
	// proposed is told of pull requests to look at, zero being any; it must not block. Nil where nobody does.
	proposed func(pull int)
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
	d := &Daemon{
		Options: opts,
		client:  client,
		metrics: newMetrics(),
		health:  &health{within: 3*opts.Poll + slack},
		wake:    newTrigger(),
	}
	if opts.Reviewer != nil {
		d.proposed = opts.Reviewer.Wake
	}
	d.calls = newWaker(opts.HookBranch, d.sendCall, opts.Log)
	d.calls.near = d.health.leading.Load
	if opts.Hook == nil {
		return d, nil
	}
	d.hooks, err = hook.New(hook.Options{Hook: opts.Hook, Deliver: d.calls.take, Proxies: opts.HookProxies, Log: opts.Log})
	if err != nil {
		return nil, err
	}
	return d, d.metrics.registry.Register(d.hooks)
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
		g.Go(func() error { return serve(ctx, d.Listen, d.handler(), d.Log) })
	}
	if d.hooks != nil && d.HookListen != "" {
		g.Go(func() error { return d.hooks.ListenAndServe(ctx, d.HookListen) })
	}
	g.Go(func() error { return d.calls.run(ctx) })
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
