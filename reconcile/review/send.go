package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// kind is one of the forms of an answer, the most wanted first.
type kind int

const (
	statusKind kind = iota
	checkKind
	commentKind
	kinds
)

func (k kind) String() string { return [...]string{"status", "check", "comment"}[k] }

// answer is what is to be shown. Check and comment may be missing.
type answer struct {
	status  forge.Status
	check   *forge.Check
	comment *forge.Comment
	page    string // Markdown, moved to Reviewer.pages
	digests [kinds]string
}

// seal makes the digests that tell one answer from another.
func (a *answer) seal() *answer {
	a.digests[statusKind] = digestOf(a.status)
	if a.check != nil {
		a.digests[checkKind] = digestOf(*a.check)
	}
	if a.comment != nil {
		a.digests[commentKind] = digestOf(*a.comment)
	}
	return a
}

func digestOf(v any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", v))
	return hex.EncodeToString(sum[:])
}

// unsent says whether a form of the answer is not shown yet.
func (k *known) unsent(form kind) bool {
	return k.answer != nil && k.answer.digests[form] != "" && k.answer.digests[form] != k.sent[form]
}

// hold is until when a form is not sent, as the forge asked for or after faults.
type hold struct {
	until time.Time
	pause time.Duration
}

// deliver shows what is not shown yet: the statuses of all pull requests, then
// the rest. A form that the forge refuses for now holds itself back and what is
// less wanted than it.
func (r *Reviewer) deliver(ctx context.Context) {
	for form := range kinds {
		for _, k := range r.pulls {
			if ctx.Err() != nil || r.opts.Now().Before(r.hold[form].until) {
				break
			}
			if k.unsent(form) {
				r.send(ctx, k, form)
			}
		}
	}
}

func (r *Reviewer) send(ctx context.Context, k *known, form kind) {
	err := r.try(ctx, k.answer, form)
	var retry *forge.RetryError
	switch {
	case ctx.Err() != nil:
		return
	case errors.As(err, &retry):
		r.holdBack(form, retry)
		r.opts.Log.Debug("answer is tried again", "form", form.String(), "pull", k.number, "error", err)
		return
	case errors.Is(err, forge.ErrUnsupported):
		r.opts.Log.Debug("answer has a form that the forge does not take", "form", form.String(), "pull", k.number)
	case err != nil:
		r.opts.Log.Warn("answer is given up", "form", form.String(), "pull", k.number, "error", err)
	}
	r.hold[form].pause = 0
	k.sent[form] = k.answer.digests[form]
	switch form { // the digest is enough from here on
	case checkKind:
		k.answer.check = nil
	case commentKind:
		k.answer.comment = nil
	}
}

// holdBack waits as long as the forge asks for, or ever longer.
func (r *Reviewer) holdBack(form kind, retry *forge.RetryError) {
	pause := min(max(2*r.hold[form].pause, time.Second), time.Minute)
	until := r.opts.Now().Add(max(pause, retry.After))
	r.hold[form].pause = pause
	for less := form; less < kinds; less++ {
		if r.hold[less].until.Before(until) {
			r.hold[less].until = until
		}
	}
}

func (r *Reviewer) try(ctx context.Context, a *answer, form kind) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var err error
	switch form {
	case statusKind:
		err = r.opts.Forge.Report(call, a.status)
	case checkKind:
		err = r.opts.Forge.Check(call, *a.check)
	case commentKind:
		err = r.opts.Forge.Comment(call, *a.comment)
	}
	if err != nil && call.Err() != nil {
		return &forge.RetryError{Err: err}
	}
	return err
}
