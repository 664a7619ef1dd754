package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/apply"
	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/reconcile/schedule"
	"github.com/watchbill/watchbill/render/bundle"
)

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
	pods, err := watchPods(d.client, d.Namespace, d.Environment, prover, d.wake.fire, d.calls.call)
	if err != nil {
		return nil, nil, err
	}
	tell, stopTelling := newTeller(d.client, d.Namespace)
	jobs := schedule.New(schedule.Options{
		Client: d.client, Namespace: d.Namespace, Environment: d.Environment, Logger: d.Log, Tell: tell.event,
	})
	if err := d.metrics.registry.Register(jobs); err != nil {
		return nil, nil, err
	}
	stop := func() { prover.Close(); pods.stop(); view.Stop(); stopTelling() }
	loop := &Loop{
		environment: d.Environment, namespace: d.Namespace,
		source: d.Source, builder: build.New(d.Render), view: view, applier: applier, prover: prover,
		memory:   memory{d.client.CoreV1().ConfigMaps(d.Namespace), d.Namespace, d.Environment},
		reporter: d.Reporter, teller: tell, metrics: d.metrics, log: d.Log, now: time.Now, wake: d.wake,
		scales: pods.scales, release: releaser(d.client, d.Namespace), jobs: jobs,
		rollback: pods.request, refusalLog: refusalFromLog(d.client, d.Namespace),
		verify: d.Verify, proofWithin: d.ProofWithin, poll: d.Poll, beat: func() { d.health.turn(time.Now()) },
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
	for _, component := range bundle.Components {
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

// showProofs keeps the metric of every replica's proof true between passes, and
// wakes the loop when a pod has left, or has gone after that, and when a process
// refuses what it should run, or does so no longer.
func (l *Loop) showProofs(ctx context.Context) {
	var was []string
	for {
		reports := l.prover.Snapshot()
		l.metrics.proven(reports)
		if now := append(podsIn(reports, agent.Left), podsIn(reports, agent.Refused)...); !slices.Equal(was, now) {
			was = now
			l.wake.fire()
		}
		select {
		case <-ctx.Done():
			return
		case <-l.prover.Changed():
		}
	}
}

// podsIn are the pods whose agents report this state, sorted.
func podsIn(reports []agent.Report, state agent.State) []string {
	var pods []string
	for _, r := range reports {
		if r.State == state {
			pods = append(pods, r.Pod)
		}
	}
	return pods
}

// again says that the newest revision has not been taken through yet.
func (l *Loop) again() bool {
	return l.head != nil && (l.history.Of(l.head.Commit) == nil || len(l.wake) > 0)
}

// headCommit is the newest revision that was fetched; empty before the first.
func (l *Loop) headCommit() string {
	if l.head == nil {
		return ""
	}
	return l.head.Commit
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
