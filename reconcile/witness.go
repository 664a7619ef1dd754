package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// lapse is what is known of a live revision that is not so any longer.
type lapse struct {
	revision string
	since    time.Time // zero while all is well
	told     string    // what was said of it; empty while it is said to be live
	checked  bool      // since the start, something was said
}

// witness looks whether what is live still is. A pod that restarts gives no
// proof for a moment, so that is said only once it lasts; a process that refuses
// is said at once. The status is live again as soon as every proof is there.
func (p *pass) witness(ctx context.Context) {
	result := p.prover.Look(p.wants())
	switch {
	case result.Refused != nil:
		p.lapse.begin(p.target.Commit, p.now())
		p.lapsed(ctx, forge.Failure, fmt.Sprintf("%s refuses it now: %s", result.Refused.Pod, result.Refused.Words))
	case result.Missing() != "":
		if p.lapse.begin(p.target.Commit, p.now()) >= p.proofWithin {
			p.lapsed(ctx, forge.Error, "no proof any longer: "+result.Missing())
		}
	default:
		p.recovered(ctx)
	}
}

// begin returns how long the lapse lasts.
func (l *lapse) begin(revision string, now time.Time) time.Duration {
	if l.revision != revision {
		*l = lapse{revision: revision}
	}
	if l.since.IsZero() {
		l.since = now
	}
	return now.Sub(l.since)
}

// lapsed says that a revision that was live is not now.
func (p *pass) lapsed(ctx context.Context, state forge.State, why string) {
	p.lapse.begin(p.target.Commit, p.now())
	why = fmt.Sprintf("was live until %s: %s", p.lapse.since.UTC().Format("15:04 UTC"), shorten(why))
	if p.lapse.told == why {
		return
	}
	p.lapse.told, p.lapse.checked = why, true
	p.log.Warn("revision not live any longer", "revision", p.target.Commit, "reason", why)
	p.teller.warn("Lapsed", short(p.target.Commit)+": "+why)
	p.tell(ctx, p.target.Commit, state, why)
}

// recovered says that a revision is live after all. The first time after a start
// it says so in any case: the daemon before may have said something else.
func (p *pass) recovered(ctx context.Context) {
	was := p.lapse
	p.lapse = lapse{revision: p.target.Commit, checked: true}
	if was.told == "" && was.checked && was.revision == p.target.Commit {
		return
	}
	state, text := sentence(*p.history.Live)
	if was.told != "" {
		p.log.Info("revision live again", "revision", p.target.Commit)
		p.teller.tell("Live", short(p.target.Commit)+": "+text)
	}
	p.tell(ctx, p.target.Commit, state, text)
}
