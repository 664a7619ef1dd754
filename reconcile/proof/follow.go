package proof

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/watchbill/watchbill/reconcile/agent"
)

const (
	holdBack = 50 * time.Second // how long an agent may hold an answer back
	overdue  = 10 * time.Second // how much later it counts as lost
)

// newBackoff starts with 100 to 200 ms: a pod that has just got its address is there in a moment.
func newBackoff() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 1, Steps: 100, Cap: 2500 * time.Millisecond}
}

// follow asks one replica again and again until ctx ends.
func (p *Prover) follow(ctx context.Context, e *entry) {
	backoff := newBackoff()
	var last agent.Report
	for ctx.Err() == nil {
		began := time.Now()
		// Version 0 is no agent's, so that the first answer comes at once.
		report, err := p.askOnce(ctx, e.replica, last.Version)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			lost := last
			lost.State, lost.Error = agent.Failed, "the agent cannot be reached: "+err.Error()
			p.set(e, lost, false)
			last.Version = 0 // who answers next may be another agent
			pause(ctx, e.nudge, backoff.Step())
			continue
		}
		p.set(e, report, true)
		// An agent that does not hold back must not keep us running in circles.
		if report.Version == last.Version && time.Since(began) < time.Second {
			pause(ctx, nil, backoff.Step())
		} else {
			backoff = newBackoff()
		}
		last = report
	}
}

func (p *Prover) askOnce(ctx context.Context, r Replica, version uint64) (agent.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, holdBack+overdue)
	defer cancel()
	return p.ask(ctx, r, version, holdBack)
}

// pause ends early when it is nudged or ctx ends.
func pause(ctx context.Context, nudge <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-nudge:
	case <-timer.C:
	}
}
