package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
)

const (
	// maxTries in a row, ever further apart; then once at each poll.
	maxTries = 6
	// freshFor is how long an answer is not made again when somebody asks for it by name.
	freshFor = 30 * time.Second
)

// errStale says that the forge has not merged the newest commits yet.
var errStale = errors.New("the forge has not merged the newest commits yet")

// look looks at one pull request and answers, if there is something new to say.
func (r *Reviewer) look(ctx context.Context, k *known) {
	p, base, err := r.ask(ctx, k.number)
	if err != nil {
		r.again(ctx, k, p, err)
		return
	}
	if !p.Open || p.Base != r.opts.Branch {
		r.forget(k.number)
		return
	}
	now := r.opts.Now()
	of := unit{base.commit, p.Head}
	if k.unit == of && (!k.forced || now.Sub(k.at) < freshFor) {
		k.settle(of, k.answer, k.at)
		return
	}
	k.head = p.Head
	if p.Conflict {
		r.answer(k, p, of, conflict(p))
		return
	}
	merged, err := r.fetchMerge(ctx, p, base)
	if err != nil {
		r.again(ctx, k, p, err)
		return
	}
	rep, err := r.assess(ctx, k, p, base, merged)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		r.opts.Log.Warn("pull request could not be reviewed", "pull", p.Number, "revision", p.Head, "error", err)
		r.answer(k, p, of, failed(p, err))
	default:
		r.answer(k, p, of, rep.answer(r.pageURL(p.Number)))
	}
}

func (r *Reviewer) ask(ctx context.Context, number int) (p forge.Pull, base revision, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if p, err = r.opts.Forge.Pull(ctx, number); err != nil {
		return p, base, fmt.Errorf("ask for pull request %d: %w", number, err)
	}
	base, err = r.base(ctx)
	return p, base, err
}

// fetchMerge is the result of the merge of exactly these two commits.
func (r *Reviewer) fetchMerge(ctx context.Context, p forge.Pull, base revision) (revision, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	merged, err := r.merge(ctx, p.MergeRef)
	if err != nil {
		return merged, fmt.Errorf("fetch the result of the merge: %w", err)
	}
	if !slices.Equal(merged.parents, []string{base.commit, p.Head}) {
		return merged, errStale
	}
	return merged, nil
}

// again has a pull request tried again soon, then at each poll. A head that has
// no answer by then is told why.
func (r *Reviewer) again(ctx context.Context, k *known, p forge.Pull, err error) {
	if ctx.Err() != nil {
		return
	}
	k.tries++
	pause := min(time.Second<<min(k.tries-1, 10), r.opts.Poll)
	var retry *forge.RetryError
	if errors.As(err, &retry) {
		pause = max(pause, retry.After)
	}
	if retry == nil && k.head == "" && p.Head == "" {
		r.opts.Log.Debug("pull request is not there", "pull", k.number, "error", err)
		r.forget(k.number)
		return
	}
	if k.tries < maxTries {
		k.again = r.opts.Now().Add(pause)
		r.opts.Log.Debug("pull request is tried again", "pull", k.number, "error", err)
		return
	}
	k.again, k.forced = r.opts.Now().Add(max(pause, r.opts.Poll)), false
	if k.tries > maxTries {
		return // said already
	}
	r.opts.Log.Warn("pull request could not be reviewed", "pull", k.number, "error", err)
	if p.Head != "" && (k.answer == nil || k.unit.head != p.Head) { // else it keeps the answer to an older base
		k.answer = failed(p, err)
	}
}

// answer takes an answer to be shown.
func (r *Reviewer) answer(k *known, p forge.Pull, of unit, a *answer) {
	k.settle(of, a, r.opts.Now())
	r.setPage(p.Number, a.page)
	a.page = ""
}

func (k *known) settle(of unit, a *answer, at time.Time) {
	k.unit, k.answer, k.at = of, a, at
	k.due, k.forced, k.tries, k.again = false, false, 0, time.Time{}
}
