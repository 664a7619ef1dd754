package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/watchbill/watchbill/reconcile/apply"
	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/reconcile/schedule"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/render/bundle"
)

// Source is the watched branch of the monitoring repo.
type Source interface {
	// Fetch brings the newest revision.
	Fetch(ctx context.Context) (source.Revision, error)
	// At gives an older revision, from the clone alone.
	At(commit string) (source.Revision, error)
}

// Memory keeps the history in the cluster.
type Memory interface {
	Save(ctx context.Context, h history.History) error
}

// Loop takes revisions from git to proven live, one pass at a time. It is the
// one writer of an environment and is not safe for concurrent use.
type Loop struct {
	environment string
	namespace   string
	source      Source
	builder     *build.Builder
	view        *apply.View
	applier     *apply.Applier
	prover      *proof.Prover
	memory      Memory
	reporter    forge.Reporter // nil tells nobody
	teller      teller         // Kubernetes Events
	metrics     *metrics
	log         *slog.Logger
	now         func() time.Time
	wake        trigger
	rollback    func() Rollback // the newest request of a person, see Rollback
	refusalLog  func(ctx context.Context, pod string, since time.Time) string
	scales      func() []scale                                // the StatefulSets of Prometheus, as they are
	release     func(ctx context.Context, claim string) error // deletes a volume claim, once its pod has gone
	jobs        *schedule.Scheduler
	verify      func(source.Revision) error // says why a revision is not trusted; nil trusts all
	proofWithin time.Duration
	poll        time.Duration
	beat        func() // says that the loop lives, while it waits

	history   history.History
	unsaved   bool                    // the cluster does not have the history as it is here
	indexes   map[string]bundle.Index // as they stand in the cluster
	head      *source.Revision        // the newest revision that was fetched
	built     map[string]*build.Result
	scheduled string // the revision whose jobs are run
	lapse     lapse
	waiting   string // for which pods that are to go, as it was told last
}

// Pass is the way of a commit: source, build, plan, apply, proof, report. What
// can fail without a side effect comes before the first write. A pass that
// finds everything as it should be writes nothing and asks nobody but git.
func (l *Loop) Pass(ctx context.Context) error {
	p := &pass{Loop: l, started: l.now(), lap: l.now()}
	if err := l.save(ctx); err != nil {
		return err
	}
	fetchErr := p.fetch(ctx)
	if l.head == nil {
		return fetchErr
	}
	if err := p.trust(ctx); err != nil || !p.trusted && p.history.Live == nil {
		return errors.Join(fetchErr, err)
	}
	if err := p.choose(); err != nil {
		return err
	}
	if err := p.build(ctx); err != nil {
		return p.fail(ctx, "build", err)
	}
	if outcome, why := p.judge(); outcome != "" {
		return p.stand(ctx, outcome, why)
	}
	if err := p.plan(); err != nil {
		return p.fail(ctx, "plan", err)
	}
	p.schedule()
	if p.todo.Empty() && p.settled() {
		p.witness(ctx)
		return fetchErr
	}
	p.pending(ctx, "applying")
	if err := p.apply(ctx); err != nil {
		return p.fail(ctx, "apply", err)
	}
	if p.settled() { // a drift put right; what the replicas should run is the same
		p.witness(ctx)
		return fetchErr
	}
	p.pending(ctx, "waiting for proof")
	result, err := p.prove(ctx)
	return errors.Join(fetchErr, p.conclude(ctx, result, err))
}

// dryRun plans the newest revision and carries nothing out.
func (l *Loop) dryRun(ctx context.Context) (plan.Plan, error) {
	l.reporter, l.teller = nil, teller{}
	p := &pass{Loop: l, started: l.now(), lap: l.now()}
	if err := p.fetch(ctx); err != nil {
		return plan.Plan{}, err
	}
	if err := p.distrust(); err != nil {
		return plan.Plan{}, err
	}
	p.trusted = true
	if err := p.choose(); err != nil {
		return plan.Plan{}, err
	}
	if err := p.build(ctx); err != nil {
		return plan.Plan{}, err
	}
	if outcome, why := p.judge(); outcome != "" {
		return plan.Plan{}, fmt.Errorf("%s: %s", outcome, why)
	}
	if err := p.plan(); err != nil {
		return plan.Plan{}, err
	}
	return p.applier.Verify(ctx, p.todo)
}

// pass is one pass: the loop, and what this pass has found out so far.
type pass struct {
	*Loop
	started, lap time.Time
	target       source.Revision
	result       *build.Result
	next         []bundle.Index // the indexes that make the result's bundles the wanted ones
	todo         plan.Plan
	leave        farewell
	record       history.Record
	trusted      bool // the newest revision is signed as it must be
}

// fetch brings the newest revision. Without the remote, the pass goes on with
// what is known, so that a drift is put right all the same.
func (p *pass) fetch(ctx context.Context) error {
	head, err := p.source.Fetch(ctx)
	if err != nil {
		p.metrics.failed("source")
		if p.head == nil && p.history.Live != nil {
			if last, atErr := p.source.At(p.history.Live.Revision); atErr == nil {
				p.head = &last
			}
		}
		return fmt.Errorf("fetch the monitoring repo: %w", err)
	}
	if head.Forced && (p.head == nil || p.head.Commit != head.Commit) {
		p.log.Warn("branch was force-pushed", "revision", head.Commit)
		p.teller.warn("ForcePush", "the branch was force-pushed; following it to "+short(head.Commit))
	}
	p.head = &head
	p.done("source")
	return nil
}

// choose decides which revision is to be live: the newest, unless a person
// rolled back from it, or it was judged already and what is live stays live.
func (p *pass) choose() error {
	p.target = *p.head
	if commit := p.instead(); commit != "" {
		older, err := p.source.At(commit)
		if err != nil {
			return fmt.Errorf("read revision %s, which should be live: %w", short(commit), err)
		}
		p.target = older
	}
	p.begin()
	return nil
}

// begin starts the record of the target.
func (p *pass) begin() {
	p.record = history.Record{
		Revision: p.target.Commit, Subject: p.target.Message, Seen: p.started, Stages: p.record.Stages,
	}
}

// instead is the revision that is to be live in place of the newest; empty if none is.
func (p *pass) instead() string {
	if r := p.rollback(); r.From == p.head.Commit {
		return r.To
	}
	if !p.trusted {
		return p.history.Live.Revision
	}
	if was := p.history.Of(p.head.Commit); was != nil && was.Outcome.Stood() && p.history.Live != nil {
		return p.history.Live.Revision
	}
	return ""
}

func (p *pass) build(ctx context.Context) error {
	if r, ok := p.built[p.target.Commit]; ok {
		p.result = r
		return nil
	}
	p.pending(ctx, "validating")
	r, err := p.builder.Build(p.target.FS, p.environment, p.lastGood)
	if err != nil {
		return err
	}
	p.result = r
	p.remember(r)
	p.done("build")
	return nil
}

// remember keeps the results of the two revisions that passes go between: the
// newest and the one that is live.
func (p *pass) remember(r *build.Result) {
	kept := map[string]*build.Result{p.target.Commit: r}
	if live := p.history.Live; live != nil && p.built[live.Revision] != nil {
		kept[live.Revision] = p.built[live.Revision]
	}
	p.built = kept
	p.metrics.built(r)
}

// lastGood says where a team's files were live last.
func (l *Loop) lastGood(team string) (*build.LastGood, error) {
	if l.history.Live == nil {
		return nil, nil
	}
	commit := l.history.Live.Revision
	for _, q := range l.history.Live.Quarantined {
		if q.Team == team {
			commit = q.Revision
		}
	}
	if commit == "" {
		return nil, nil
	}
	r, err := l.source.At(commit)
	if err != nil {
		return nil, err
	}
	return &build.LastGood{Revision: commit, FS: r.FS}, nil
}

// judge says whether the newest revision is to stand back, and why.
func (p *pass) judge() (history.Outcome, string) {
	if len(p.result.Blocked) > 0 {
		return history.Blocked, summarize(p.result.Blocked)
	}
	if ns := p.result.Environment.Namespace; ns != p.namespace {
		return history.Blocked, fmt.Sprintf("environment %s is for namespace %s, and this daemon works in %s", p.environment, ns, p.namespace)
	}
	if p.target.Commit != p.head.Commit || p.history.Live == nil || p.settled() {
		return "", ""
	}
	hold, err := plan.Guard(p.history.Live.Rules, p.result.Rules, p.result.Guard.MaxRemovedRules, p.result.Guard.Allow)
	switch {
	case err != nil:
		return history.Blocked, err.Error()
	case hold != nil:
		return history.Held, hold.String()
	}
	return "", ""
}

// plan compares what the revision wants with what the view has seen.
func (p *pass) plan() error {
	keep := map[plan.ID]bool{}
	p.leave = p.bid()
	p.farewells()
	for _, b := range p.result.Output.Bundles {
		index := p.indexFor(b, p.target.Commit)
		if b.Component == bundle.Prometheus {
			index.Leaving = p.leave.leaving
		}
		p.next = append(p.next, index)
		for _, digest := range index.Start().Chunks {
			keep[chunkID(b.Component, digest)] = true
		}
	}
	maps.Copy(keep, p.leave.keep)
	want, err := desired(p.result, p.next, p.leave)
	if err != nil {
		return err
	}
	p.todo = plan.Make(want, p.view.Live(), keep)
	p.done("plan")
	return nil
}

// schedule hands the jobs of a revision over once it is live.
func (p *pass) schedule() {
	if p.settled() && p.scheduled != p.target.Commit {
		p.jobs.SetJobs(p.result.Output.Jobs)
		p.scheduled = p.target.Commit
	}
}

// indexFor is the index that makes a bundle the wanted one.
func (l *Loop) indexFor(b bundle.Bundle, revision string) bundle.Index {
	index, ok := l.indexes[b.Component]
	if ok && index.Wanted.Digest == b.Digest {
		return index
	}
	index.Component = b.Component
	index.Wanted = b.Ref(revision)
	return index
}

// settled says that the target is live, proven and recorded so.
func (p *pass) settled() bool {
	live := p.history.Live
	if live == nil || live.Revision != p.target.Commit {
		return false
	}
	for _, index := range p.indexes {
		if !index.Proven() {
			return false
		}
	}
	return len(p.indexes) > 0
}

// done ends a stage.
func (p *pass) done(stage string) {
	now := p.now()
	took := now.Sub(p.lap)
	p.lap = now
	p.record.Stages = append(p.record.Stages, history.Stage{Name: stage, Seconds: took.Seconds()})
	p.metrics.staged(stage, took, now)
}

func short(commit string) string { return commit[:min(len(commit), 8)] }
