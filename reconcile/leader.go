package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

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
	if d.Once {
		return d.turn(ctx, loop)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return loop.jobs.Run(ctx) })
	if d.Reviewer != nil {
		g.Go(func() error { return d.Reviewer.Run(ctx) })
	}
	g.Go(func() error { return d.turn(ctx, loop) })
	return g.Wait()
}

// turn makes passes: when something wakes the loop, at the latest after Poll,
// and after an error sooner and then ever later.
func (d *Daemon) turn(ctx context.Context, loop *Loop) error {
	backoff := wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Jitter: .2, Steps: 10, Cap: d.Poll}
	failing := backoff
	for {
		d.health.turn(time.Now())
		d.metrics.passes.Inc()
		before := loop.headCommit()
		err := loop.Pass(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the pass was told to end
		}
		if d.proposed != nil && loop.headCommit() != before {
			d.proposed(anyPull) // the result of every merge is another one now
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
