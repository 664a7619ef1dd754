package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fluxcd/pkg/ssa"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/validate"
)

var errSuperseded = errors.New("a newer revision came")

// apply carries the plan out: chunks, which nobody reads yet; workloads; and
// last the indexes, whose one write switches every agent.
func (p *pass) apply(ctx context.Context) error {
	// A claim that is deleted stays until its pod has gone, so this comes before the pod's going.
	for _, claim := range p.leave.claims {
		if err := p.release(ctx, claim); err != nil {
			return err
		}
	}
	for _, stage := range []plan.Stage{plan.Chunks, plan.Workloads, plan.Index} {
		if err := p.write(ctx, stage); err != nil {
			return err
		}
	}
	for _, index := range p.next {
		p.indexes[index.Component] = index
	}
	if p.settled() {
		if err := p.write(ctx, plan.Prune); err != nil {
			return err
		}
	}
	p.done("apply")
	return nil
}

// write carries out one stage. What has to be written although the target is
// settled and wants nothing else was touched by somebody else.
func (p *pass) write(ctx context.Context, stage plan.Stage) error {
	set, err := p.applier.Stage(ctx, p.todo, stage)
	p.metrics.applied(stage.String(), set)
	meant := p.meant(stage)
	for _, e := range set.Entries {
		p.log.Debug("object applied", "object", e.Subject, "action", e.Action.String(), "revision", p.target.Commit)
		if p.settled() && !meant[e.Subject] && (e.Action == ssa.CreatedAction || e.Action == ssa.ConfiguredAction) {
			p.metrics.drifts.Inc()
			p.log.Warn("drift put right", "object", e.Subject, "action", e.Action.String())
			p.teller.warn("DriftCorrected", e.Subject+" was changed or deleted by somebody else; put right")
		}
	}
	return err
}

// meant are the objects, as a change set names them, of which we want something else than before.
func (p *pass) meant(stage plan.Stage) map[string]bool {
	meant := map[string]bool{}
	for _, c := range p.todo.Stage(stage) {
		if c.Reason == plan.Changed {
			meant[p.subject(c.Kind, c.Name)] = true
		}
	}
	// A daemon that has just started does not know what it wanted of these before.
	for _, pod := range p.leave.leaving {
		if set, _, ok := cutOrdinal(pod); ok {
			meant[p.subject("StatefulSet", set)] = true
		}
	}
	for _, index := range p.next {
		if !slices.Equal(index.Leaving, p.indexes[index.Component].Leaving) {
			meant[p.subject("ConfigMap", bundle.IndexName(index.Component))] = true
		}
	}
	return meant
}

// subject is an object's name in a change set.
func (p *pass) subject(kind, name string) string { return kind + "/" + p.namespace + "/" + name }

// prove waits until every replica runs what the indexes want, one refuses, the
// time is over, or a newer revision comes.
func (p *pass) prove(ctx context.Context) (proof.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, p.proofWithin)
	defer cancel()
	ctx, stop := p.untilSuperseded(ctx)
	defer stop()
	if err := p.applier.Rolled(ctx, p.todo); err != nil {
		return proof.Result{}, err
	}
	result, err := p.prover.Wait(ctx, p.wants())
	p.done("proof")
	return result, err
}

func (p *pass) wants() []proof.Want {
	replicas := componentReplicas(p.result.Output.Objects)
	var wants []proof.Want
	for _, index := range p.next {
		wants = append(wants, proof.Want{
			Component: index.Component, Digest: index.Wanted.Digest, Replicas: int(replicas[index.Component]),
			Leaving: index.Leaving,
		})
	}
	return wants
}

// untilSuperseded ends the context when the branch moves on.
func (p *pass) untilSuperseded(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done, woken := make(chan struct{}), false
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-p.wake:
				woken = true
			case <-time.After(p.poll):
			}
			p.beat()
			if head, err := p.source.Fetch(ctx); err == nil && head.Commit != p.head.Commit {
				woken = true
				cancel(errSuperseded)
				return
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
		if woken { // whatever it was that woke us, the next pass sees to it
			p.wake.fire()
		}
	}
}

// conclude says what became of the revision, and sees to it that the last good
// is what a restart finds.
func (p *pass) conclude(ctx context.Context, result proof.Result, err error) error {
	p.record.Proven = map[string]string{}
	for _, c := range result.Components {
		p.record.Proven[c.Component] = fmt.Sprintf("%d/%d", c.Live, c.Replicas)
	}
	switch {
	case errors.Is(err, errSuperseded):
		return p.end(ctx, history.Superseded, "a newer revision came before every proof")
	case result.Refused != nil:
		return p.refused(ctx, *result.Refused)
	case errors.Is(err, context.DeadlineExceeded):
		return p.end(ctx, history.Unproven, fmt.Sprintf("no proof within %s: %s", p.proofWithin, cmp.Or(result.Missing(), err.Error())))
	case err != nil:
		return p.fail(ctx, "proof", err)
	}
	if err := p.promote(ctx); err != nil {
		return p.fail(ctx, "index", err)
	}
	err = p.end(ctx, history.Live, "")
	p.schedule()
	return err
}

// promote writes down that the wanted bundles are the last good ones.
func (p *pass) promote(ctx context.Context) error {
	return p.point(ctx, func(i bundle.Index) bundle.Index {
		good := i.Wanted
		i.LastGood = &good
		return i
	})
}

// refused points the indexes back to the last good bundles: one write each, as
// their chunks are still there. Every component goes back, so that what runs
// is one revision.
func (p *pass) refused(ctx context.Context, by proof.Refusal) error {
	cause := p.cause(ctx, by)
	err := p.point(ctx, func(i bundle.Index) bundle.Index {
		if i.LastGood != nil {
			i.Wanted = *i.LastGood
		}
		return i
	})
	if err != nil {
		return p.fail(ctx, "index", fmt.Errorf("point back to the last good: %w", err))
	}
	missing := p.backOnLastGood(ctx)
	if cause == "" { // the pod may have gone; by now others have tried it
		cause = p.cause(ctx, by)
	}
	why := fmt.Sprintf("%s refused it: %s", by.Pod, cmp.Or(cause, by.Words))
	if missing != "" {
		why += "; and the last good is not proven: " + missing
	}
	p.wake.fire() // the next pass makes sure that the workloads, too, are those of the last good
	return p.end(ctx, history.Refused, why)
}

// cause is why a bundle was refused, by the log of whoever refused it first, or
// else of another replica: all of them were given the same. Empty if no log says it.
func (p *pass) cause(ctx context.Context, by proof.Refusal) string {
	if by.Component != bundle.Prometheus {
		return "" // the others answer with the cause
	}
	pods := []string{by.Pod}
	for _, r := range p.prover.Snapshot() {
		if r.Component == by.Component && r.Pod != by.Pod {
			pods = append(pods, r.Pod)
		}
	}
	for _, pod := range pods {
		if said := p.refusalLog(ctx, pod, p.started); said != "" {
			return said
		}
	}
	return ""
}

// backOnLastGood waits a moment for the replicas to be back, and says which are not.
func (p *pass) backOnLastGood(ctx context.Context) string {
	const moment = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, min(moment, p.proofWithin))
	defer cancel()
	result, err := p.prover.Wait(ctx, p.wants())
	if err == nil {
		return ""
	}
	return result.Missing()
}

// point rewrites the indexes that change.
func (p *pass) point(ctx context.Context, change func(bundle.Index) bundle.Index) error {
	for i, index := range p.next {
		p.next[i] = change(index)
	}
	want, err := desired(p.result, p.next, p.leave)
	if err != nil {
		return err
	}
	p.todo = plan.Make(want, p.view.Live(), nil)
	if err := p.write(ctx, plan.Index); err != nil {
		return err
	}
	for _, index := range p.next {
		p.indexes[index.Component] = index
	}
	return nil
}

// stand leaves what is live as it is.
func (p *pass) stand(ctx context.Context, outcome history.Outcome, why string) error {
	if was := p.history.Of(p.target.Commit); was == nil || was.Outcome != outcome {
		p.wake.fire() // the next pass keeps the last good as it should be
	}
	return p.end(ctx, outcome, why)
}

// fail records what is tried again. A revision that is live stays so on record,
// when it is only the keeping of it that fails.
func (p *pass) fail(ctx context.Context, stage string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.metrics.failed(stage)
	if p.settled() {
		p.lapsed(ctx, forge.Error, "it cannot be kept as it should be: "+err.Error())
		return err
	}
	return errors.Join(err, p.end(ctx, history.Failed, err.Error()))
}

// end records and reports what became of the revision, if that is news.
func (p *pass) end(ctx context.Context, outcome history.Outcome, why string) error {
	r := p.record
	r.Outcome, r.Reason, r.Ended = outcome, shorten(why), p.now()
	r.Bundles = map[string]string{}
	for _, index := range p.next {
		r.Bundles[index.Component] = index.Wanted.Digest
	}
	r.Quarantined = quarantines(p.result)
	if outcome == history.Live {
		r.Rules = p.result.Rules
	}
	if was := p.history.Of(r.Revision); was != nil && was.Outcome == outcome && was.Reason == r.Reason && outcome != history.Live {
		return nil
	}
	p.metrics.recorded(r, p.target.Time)
	p.report(ctx, r)
	p.history.Head = p.head.Commit
	p.history.Add(r)
	p.unsaved = true
	return p.save(ctx)
}

// save writes the history to the cluster if it has changed here.
func (l *Loop) save(ctx context.Context) error {
	if !l.unsaved {
		return nil
	}
	if err := l.memory.Save(ctx, l.history); err != nil {
		return err
	}
	l.unsaved = false
	return nil
}

// report tells the log, the forge and the cluster's Events.
func (p *pass) report(ctx context.Context, r history.Record) {
	state, text := sentence(r)
	attrs := []any{"revision", r.Revision, "outcome", string(r.Outcome), "duration", r.Ended.Sub(r.Seen).String()}
	switch state {
	case forge.Success:
		p.log.Info("revision live", attrs...)
		p.teller.tell("Live", short(r.Revision)+": "+text)
	default:
		p.log.Warn("revision not live as it stands", append(attrs, "reason", text)...)
		p.teller.warn(eventReason(r), short(r.Revision)+": "+text)
	}
	p.tell(ctx, r.Revision, state, text)
	if p.rollback().From == p.head.Commit {
		p.tell(ctx, p.head.Commit, forge.Failure, "rolled back to "+short(r.Revision)+" by hand, until the next commit")
	}
}

// pending tells the forge what the newest revision is going through, until
// there is something final to say of it.
func (p *pass) pending(ctx context.Context, text string) {
	if p.target.Commit == p.head.Commit && p.history.Of(p.head.Commit) == nil {
		p.tell(ctx, p.target.Commit, forge.Pending, text)
	}
}

func (p *pass) tell(ctx context.Context, commit string, state forge.State, text string) {
	if p.reporter == nil {
		return
	}
	err := p.reporter.Report(ctx, forge.Status{
		Commit: commit, Context: "watchbill/" + p.environment, Environment: p.environment, State: state, Text: text,
	})
	if err != nil {
		p.log.Warn("status is not reported", "revision", commit, "error", err)
	}
}

// summarize is the first of some findings, and how many more there are.
func summarize(findings []validate.Finding) string {
	if len(findings) == 0 {
		return ""
	}
	text := findings[0].String()
	if more := len(findings) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}
