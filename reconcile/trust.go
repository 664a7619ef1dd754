package reconcile

import (
	"context"
	"fmt"

	"github.com/watchbill/watchbill/reconcile/history"
)

// trust decides whether the newest revision may be looked at. One that is not
// signed as it must be is asked about at each pass, as a key may be added to the
// allowed signers; meanwhile what is live stays live.
func (p *pass) trust(ctx context.Context) error {
	err := p.supersede(ctx)
	if err != nil {
		return err
	}
	if err := p.distrust(); err != nil {
		p.target = *p.head
		p.begin()
		return p.end(ctx, history.Untrusted, err.Error())
	}
	p.trusted = true
	return nil
}

// distrust is why the newest revision is not trusted. What was judged before,
// or is live, was trusted then.
func (p *pass) distrust() error {
	if live := p.history.Live; p.verify == nil || live != nil && live.Revision == p.head.Commit {
		return nil
	}
	if was := p.history.Of(p.head.Commit); was != nil && was.Outcome.Stood() {
		return nil
	}
	if err := p.verify(*p.head); err != nil {
		return fmt.Errorf("%w; sign it with a key of the allowed signers, or merge it by someone who does", err)
	}
	return nil
}

// supersede says of a revision that was still being tried that a newer one has
// taken its place. Without that it would be said to be tried again for ever.
func (p *pass) supersede(ctx context.Context) error {
	if len(p.history.Records) == 0 {
		return nil
	}
	old := p.history.Records[0]
	if old.Revision == p.head.Commit || old.Outcome != history.Failed && old.Outcome != history.Unproven {
		return nil
	}
	if live := p.history.Live; live != nil && live.Revision == old.Revision {
		return nil
	}
	p.record = old
	return p.end(ctx, history.Superseded, "by "+short(p.head.Commit)+", before every replica had proven it")
}
