package agent

import (
	"errors"
	"fmt"
	"time"
)

const (
	// retryBackoff is the longest pause before a bundle that could not be
	// fetched, written or read back is tried again.
	retryBackoff = 30 * time.Second
	// startPoll is how often a process that does not answer is asked whether it does by now.
	startPoll = 200 * time.Millisecond
	latePoll  = time.Second // after a minute of that
)

// announce tells early that another bundle is wanted and on its way.
func (a *Agent) announce() {
	s := &a.state
	if s.index == nil || s.indexErr != nil {
		return
	}
	a.board.update(func(r *Report) {
		if r.Wanted == s.index.Wanted.Digest {
			return
		}
		r.Wanted, r.Error = s.index.Wanted.Digest, ""
		if r.State != Starting {
			r.State = Applying
		}
	})
}

// conclude makes the turn's outcome the report.
func (a *Agent) conclude(err error) {
	s, live := &a.state, a.live()
	state, text := a.verdict(live, err)
	before, _ := a.board.newest()
	a.board.update(func(r *Report) {
		r.State, r.Error, r.ReloadSeconds = state, text, s.took.Seconds()
		if r.Live != live {
			r.Live, r.Since = live, time.Time{}
			if live != "" {
				r.Since = time.Now()
			}
		}
	})
	if live != "" {
		a.proven.Store(true)
	}
	if state == Live {
		a.metrics.lastSuccess.SetToCurrentTime()
	}
	if state != before.State {
		a.log.Info("state changed", "from", before.State, "to", state, "bundle", s.current, "err", text)
	}
}

// live is the digest of what the process runs by its own last word; empty if it
// does not answer, runs what we do not know, or failed to load it whole.
func (a *Agent) live() string {
	s := &a.state
	if !s.running.ok {
		return ""
	}
	if a.process.markIsDigest {
		return s.running.mark
	}
	return a.volume.byMark(s.running.mark)
}

func (a *Agent) verdict(live string, err error) (State, string) {
	s := &a.state
	switch {
	case err == nil && s.index == nil:
		err = fmt.Errorf("%w; going on with the copy on the volume", a.noIndex())
	case err == nil:
		err = s.indexErr
	}
	text := ""
	if err != nil && !errors.Is(err, errSuperseded) {
		text = err.Error()
	}
	switch {
	case s.index != nil && s.refused.digest == s.index.Wanted.Digest:
		return Refused, a.refusedText(err)
	case !a.ready.Load():
		return Starting, text
	case err == nil && live == s.index.Wanted.Digest:
		return Live, ""
	case err == nil, errors.Is(err, errSuperseded), s.index != nil && !s.answered:
		return Applying, text
	}
	return Failed, text
}

// refusedText is what the process said, and what else went wrong on the way back.
func (a *Agent) refusedText(err error) string {
	words := a.state.refused.words
	if err == nil || err.Error() == words {
		return words
	}
	return words + "; and going back: " + err.Error()
}

// pause is how long to wait for the next turn.
func (a *Agent) pause(err error) time.Duration {
	s := &a.state
	switch {
	case errors.Is(err, errSuperseded):
		return 0
	case errors.Is(err, errNoIndex):
		return startPoll
	case errors.Is(err, errAway) && time.Since(s.down) < time.Minute:
		return startPoll
	case errors.Is(err, errAway):
		return latePoll
	case err != nil:
		return s.retry.Step()
	}
	s.retry = newBackoff(retryBackoff)
	if s.index != nil && s.current != s.index.Wanted.Digest && s.refused.digest != s.index.Wanted.Digest {
		return 0 // it runs the last good one, now for the wanted one
	}
	return a.readEvery
}
