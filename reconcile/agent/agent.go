// Package agent is the sidecar that keeps one process, Prometheus,
// Alertmanager or Grafana, on the bundle that its index names, and that tells
// what the process really runs. Beside Prometheus it also sees to it that what
// is on the volume is in the object store, and hands the head over before the
// pod goes for good.
//
// An [Agent] watches one small ConfigMap, the index. When the index names
// another bundle it fetches the chunks that it does not have, writes the bundle
// into a folder named by its digest, swaps one symlink, has the process reload
// and reads back from it what it runs. The result is a [Report], which the
// daemon gets from the agent by long poll (package proof has that side).
//
// Three rules hold everywhere:
//
//   - Everything that can fail comes before the swap. What is on the volume is
//     never trusted for its name: it is held against its digest first.
//   - A bundle that the process refuses is taken back, on disk and in the
//     process, whose failed reload may have left it half applied.
//   - Live is what was read back from the process. That a reload was answered
//     with 200 is not enough.
//
// The agent restarts nothing, decides nothing about other replicas and writes
// nothing to Kubernetes: rolling back is the daemon's, by the index.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/render/bundle"
)

// Options are what an agent is started with.
type Options struct {
	Component string // bundle.Prometheus, bundle.Alertmanager or bundle.Grafana
	Namespace string // where index and chunks are
	Dir       string // the volume that is shared with the process
	URL       string // of the process, over loopback
	// Config is the file of the bundle that the process is started with, where that is not every bundle's: a
	// shard's. Empty means that any bundle will do.
	Config string
	// User and Password are for a process that wants them to reload, as Grafana does.
	User, Password string
	// DataDir is where Prometheus keeps its blocks, and ObjectStore, in Thanos's
	// YAML, where they are shipped to. Without them, the agent ships nothing.
	DataDir, ObjectStore string
	Listen               string // address of /live, /readyz, /healthz and /metrics
	PodName              string // goes into the report
	// ReloadTimeout is how long a reload may take, and how long a process may
	// stay away before the other bundle is tried. 0 means two minutes.
	ReloadTimeout time.Duration
	// Kubeconfig says where the API server is and who we are there.
	Kubeconfig *rest.Config
	Logger     *slog.Logger
}

// Agent keeps one process on the bundle that its index names. See [New].
type Agent struct {
	options Options
	log     *slog.Logger
	kube    *kube
	index   *slot
	volume  *volume
	process *process
	board   *board
	pulse   *pulse
	metrics *instruments
	ready   atomic.Bool // a bundle lies where the process looks for it
	proven  atomic.Bool // the process has shown that it runs one
	state   state
	shipper *shipper

	readEvery time.Duration // how often the process is asked what it runs
	grace     time.Duration // how long the API server may be away before the copy on the volume is used
	fault     func(step string)
}

// New checks the options and opens the volume, where it removes what an agent
// that was killed left half written.
func New(o Options) (*Agent, error) {
	o.ReloadTimeout = cmp.Or(o.ReloadTimeout, 2*time.Minute)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Kubeconfig == nil || o.Namespace == "" || o.Dir == "" {
		return nil, errors.New("an agent needs a cluster, a namespace and a folder")
	}
	kind, ok := kinds[o.Component]
	if !ok {
		return nil, fmt.Errorf("component %q: an agent serves %s", o.Component, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	process, err := newProcess(kind, o.URL)
	if err != nil {
		return nil, err
	}
	process.user, process.password = o.User, o.Password
	shipper, err := newShipper(o)
	if err != nil {
		return nil, err
	}
	kube, err := newKube(o.Kubeconfig, o.Namespace)
	if err != nil {
		return nil, err
	}
	volume, err := openVolume(o.Dir, kind.stamp)
	if err != nil {
		return nil, err
	}
	a := &Agent{
		options: o, log: o.Logger.With("component", o.Component),
		kube: kube, index: newSlot(), volume: volume, process: process,
		board:     newBoard(Report{Started: time.Now(), Component: o.Component, Pod: o.PodName, State: Starting}),
		pulse:     newPulse(),
		readEvery: 10 * time.Second, grace: 3 * time.Second,
		fault:   func(string) {},
		shipper: shipper,
	}
	a.metrics = newInstruments(a.board)
	a.shipper.metrics = a.metrics.registry
	return a, nil
}

// Run does an agent's work until ctx ends, which is no error. It fails at once
// when it cannot listen.
func (a *Agent) Run(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.options.Listen)
	if err != nil {
		return fmt.Errorf("listen for the daemon: %w", err)
	}
	defer a.kube.http.CloseIdleConnections()
	defer a.process.http.CloseIdleConnections()
	watch := &watcher{
		kube: a.kube, name: bundle.IndexName(a.options.Component),
		slot: a.index, log: a.log, reconnects: a.metrics.reconnects,
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.serve(ctx, listener) })
	group.Go(func() error { watch.run(ctx); return nil })
	group.Go(func() error { a.loop(ctx); return nil })
	return group.Wait()
}
