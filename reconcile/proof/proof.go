// Package proof is the daemon's side of proof: it asks every replica's agent what
// the process beside it runs, and says when all of them run what they should.
//
// A [Prover] keeps one long poll open to each replica, so that it knows of a
// change as soon as the agent does, and holds the newest report of each.
// [Prover.Wait] waits for a set of bundles to be live, for a refusal or for the
// deadline, whichever comes first. Who the replicas are it is told by
// [Prover.SetReplicas]; how to reach them is an [Ask].
//
// It decides nothing: to point the index back after a refusal is the loop's.
package proof

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/render/bundle"
)

// Selector picks, among the pods of a namespace, those with an agent.
var Selector = "app.kubernetes.io/managed-by=watchbill,app.kubernetes.io/name in (" + strings.Join(bundle.Components, ",") + ")"

// Replica is one pod with an agent.
type Replica struct {
	Pod       string
	Component string
	Address   string // the pod's IP
}

// Ask gets an agent's report. It returns when the report is another than this
// version, or the wait is over; a wait of 0 means at once. It may be called for
// many replicas at the same time.
type Ask func(ctx context.Context, r Replica, version uint64, wait time.Duration) (agent.Report, error)

// Prover knows what every replica reported last. See [New].
type Prover struct {
	ask     Ask
	ctx     context.Context // of all long polls; Close ends it
	cancel  context.CancelFunc
	polls   sync.WaitGroup
	changed chan struct{} // one slot
	mu      sync.Mutex
	table   map[string]*entry // by pod
	news    chan struct{}     // closed at the next change of the table
}

// entry is one replica in the table.
type entry struct {
	replica Replica
	report  agent.Report
	heard   bool // the report is the agent's own
	cancel  context.CancelFunc
	nudge   chan struct{} // one slot: ask now, do not wait
}

// New makes a prover without replicas. The caller closes it.
func New(ask Ask) *Prover {
	ctx, cancel := context.WithCancel(context.Background())
	return &Prover{
		ask: ask, ctx: ctx, cancel: cancel,
		changed: make(chan struct{}, 1), table: map[string]*entry{}, news: make(chan struct{}),
	}
}

// Close ends all long polls and waits for them.
func (p *Prover) Close() {
	p.cancel()
	p.polls.Wait()
}

// SetReplicas says who the replicas are by now. What a replica reported is
// forgotten when it goes, or comes back at another address.
func (p *Prover) SetReplicas(replicas []Replica) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return
	}
	now := map[string]Replica{}
	for _, r := range replicas {
		now[r.Pod] = r
	}
	different := false
	for pod, e := range p.table {
		if now[pod] != e.replica {
			e.cancel()
			delete(p.table, pod)
			different = true
			continue
		}
		wake(e.nudge) // something happened to some pod: if it is this one, it may be reachable now
	}
	for pod, r := range now {
		if p.table[pod] == nil {
			p.table[pod] = p.start(r)
			different = true
		}
	}
	if different {
		p.tell()
	}
}

func (p *Prover) start(r Replica) *entry {
	ctx, cancel := context.WithCancel(p.ctx)
	e := &entry{replica: r, cancel: cancel, nudge: make(chan struct{}, 1), report: agent.Report{
		Component: r.Component, Pod: r.Pod, State: agent.Starting, Error: "not asked yet",
	}}
	p.polls.Go(func() { p.follow(ctx, e) })
	return e
}

// Snapshot is the newest report of every replica, sorted by pod. A replica that
// cannot be reached has the state failed, and in Live what it said last.
func (p *Prover) Snapshot() []agent.Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	var reports []agent.Report
	for _, pod := range slices.SortedFunc(maps.Keys(p.table), strings.Compare) {
		reports = append(reports, p.table[pod].report)
	}
	return reports
}

// Changed wakes after any report or replica has changed. It has one slot and is for one receiver.
func (p *Prover) Changed() <-chan struct{} { return p.changed }

// set puts a report into the table, unless the replica has gone meanwhile.
func (p *Prover) set(e *entry, report agent.Report, heard bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Pod and component are what the replica is, not what it says.
	report.Pod, report.Component = e.replica.Pod, e.replica.Component
	if p.table[e.replica.Pod] != e || e.report == report {
		return
	}
	e.report, e.heard = report, heard
	p.tell()
}

// tell wakes everybody; p.mu is held.
func (p *Prover) tell() {
	close(p.news)
	p.news = make(chan struct{})
	wake(p.changed)
}

func wake(slot chan struct{}) {
	select {
	case slot <- struct{}{}:
	default:
	}
}
