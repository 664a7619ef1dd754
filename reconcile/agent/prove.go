package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchbill/watchbill/render/bundle"
)

// prove has the process show that it runs the current bundle, and reloads it if it does not.
func (a *Agent) prove(ctx context.Context) error {
	s := &a.state
	if !s.dirty || !s.down.IsZero() {
		if err := a.read(ctx); err != nil {
			return err
		}
		if !s.dirty {
			err := a.runs()
			if err == nil {
				return nil
			}
			a.log.Warn("process runs something else", "bundle", s.current, "err", err)
		}
	}
	err := a.reload(ctx)
	// A bundle that we went back to is not left for a third one: there it has to be tried again.
	if cause, ok := errors.AsType[*refusal](err); ok && s.refused.digest == "" {
		return a.retreat(ctx, cause)
	}
	return err
}

// runs says why the process does not run the current bundle, whole, since the last reload; nil if it does.
func (a *Agent) runs() error {
	s, name := &a.state, a.process.name
	switch here := a.volume.bundles[s.current]; {
	case !s.running.ok:
		return fmt.Errorf("%s says that its last reload did not take", name)
	case s.running.mark == "":
		return fmt.Errorf("%s shows no bundle: %s", name, a.process.unmarked)
	case s.running.mark != here.mark:
		return fmt.Errorf("%s runs %s, not bundle %s", name, cmp.Or(a.live(), "something else"), s.current)
	case s.running.loaded.Before(s.notBefore):
		return fmt.Errorf("%s says that its last reload was at %s, before it was asked", name, s.running.loaded.Format(time.RFC3339Nano))
	}
	return nil
}

// read asks the process what it runs.
func (a *Agent) read(ctx context.Context) error {
	s := &a.state
	running, err := a.process.read(ctx, a.process)
	s.running = running
	if err != nil {
		if ctx.Err() == nil && s.down.IsZero() {
			s.down = time.Now()
		}
		return fmt.Errorf("%w: %w", errAway, err)
	}
	s.down, s.answered = time.Time{}, true
	return nil
}

// reload has the process load the current bundle and reads back that it did.
func (a *Agent) reload(ctx context.Context) error {
	s := &a.state
	s.dirty = true
	a.pulse.beat(a.options.ReloadTimeout)
	began := time.Now()
	err := a.post(ctx)
	a.metrics.duration.Observe(time.Since(began).Seconds())
	a.fault("reloaded")
	if err == nil {
		// The process stamps its reload after we began; a float of seconds is exact to a microsecond.
		s.dirty, s.notBefore = false, began.Add(-time.Millisecond)
		err = a.read(ctx)
	}
	if err == nil {
		err = a.runs()
	}
	a.count(err)
	if err != nil {
		return err
	}
	if s.refused.digest == s.current {
		s.refused.digest, s.refused.words = "", ""
	}
	a.log.Info("bundle read back", "bundle", s.current, "duration", time.Since(began))
	return nil
}

// post sends the reload and notes how long the process took for it.
func (a *Agent) post(ctx context.Context) error {
	s := &a.state
	ctx, cancel := context.WithTimeout(ctx, a.options.ReloadTimeout)
	defer cancel()
	began := time.Now()
	err := a.process.reload(ctx)
	s.took = time.Since(began)
	if _, refused := errors.AsType[*refusal](err); err == nil || refused {
		return err
	}
	if s.down.IsZero() {
		s.down = time.Now()
	}
	return fmt.Errorf("%w: %w", errAway, err)
}

func (a *Agent) count(err error) {
	result := "live"
	if _, refused := errors.AsType[*refusal](err); refused {
		result = "refused"
	} else if err != nil {
		result = "failed"
	}
	a.metrics.reloads.WithLabelValues(result).Inc()
}

// retreat goes back to the last bundle that the process took, on the volume and
// in the process, which may have applied a part of the refused one.
func (a *Agent) retreat(ctx context.Context, cause *refusal) error {
	s := &a.state
	s.refused.digest, s.refused.words = s.current, cause.words
	a.log.Warn("bundle refused", "bundle", s.current, "err", cause.words)
	a.fault("refused")
	back, ok := a.fallback(ctx, s.current)
	if !ok {
		return cause
	}
	if err := a.swap(back.Digest); err != nil {
		return err
	}
	a.fault("swapped back")
	return a.reload(ctx)
}

// fallback is the bundle that this process ran last, or else the last good one of all.
func (a *Agent) fallback(ctx context.Context, refused string) (bundle.Ref, bool) {
	var candidates []bundle.Ref
	if ref, err := a.volume.ref(a.volume.linked(proven)); err == nil {
		candidates = append(candidates, ref)
	}
	if index := a.state.index; index != nil && index.LastGood != nil {
		candidates = append(candidates, *index.LastGood)
	}
	for _, ref := range candidates {
		if ref.Digest == refused {
			continue
		}
		err := a.deliver(ctx, ref)
		if err == nil && !a.fits(ref.Digest) {
			err = fmt.Errorf("it has no %s", a.options.Config)
		}
		if err == nil {
			return ref, true
		}
		a.log.Warn("no way back to bundle", "bundle", ref.Digest, "err", err)
	}
	return bundle.Ref{}, false
}
