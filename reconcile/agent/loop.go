package agent

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/watchbill/watchbill/render/bundle"
)

// state is what the loop knows. Nobody else touches it.
type state struct {
	started time.Time
	index   *bundle.Index // the newest good one; nil before the first
	// indexErr is why there is no index, or why the newest was no good.
	indexErr error

	current string // what the link of that name points to
	// dirty says that the process may have read anything else than the whole of
	// current: the link moved while it could be reading, or a reload did not take.
	dirty bool
	// refused is the bundle that the process did not take, until the index changes.
	refused struct{ digest, words string }

	took      time.Duration // by the last reload, from request to answer
	running   running       // what the process said last
	notBefore time.Time     // when the last reload that took began
	down      time.Time     // since when the process does not answer; zero while it does
	answered  bool          // the process has answered once
	untidy    bool          // bundles came or went since the volume was last put in order
	retry     wait.Backoff
	left      bool // every sample of this pod is in the object store
}

// tidyTimeout is for a first bundle of thousands of files, on a slow disk.
const tidyTimeout = 5 * time.Minute

var (
	errSuperseded = errors.New("the index names another bundle by now")
	errNoIndex    = errors.New("the index is not known")
	errAway       = errors.New("no answer from the process")
)

// loop has one turn after the other until ctx ends: at each change of the index,
// after a while when something failed, and every few seconds to see that the
// process still runs what it ran.
func (a *Agent) loop(ctx context.Context) {
	a.begin(ctx)
	for ctx.Err() == nil {
		a.pulse.beat(0)
		pause := a.turn(ctx)
		a.tidy(ctx)
		if pause >= time.Second {
			releaseProgram()
		}
		a.pulse.beat(pause)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-a.index.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// begin finds out whether this agent comes first, or into the middle of things.
func (a *Agent) begin(ctx context.Context) {
	s := &a.state
	*s = state{started: time.Now(), down: time.Now(), current: a.volume.linked(current), retry: newBackoff(retryBackoff)}
	if s.current != "" {
		s.dirty = true
		_ = a.read(ctx) // only whether it answers matters yet
	}
}

// turn takes the newest index and brings the process to it, or as near as it
// can. It returns how long to wait for the next turn.
func (a *Agent) turn(ctx context.Context) time.Duration {
	a.takeIndex()
	if a.leaving() {
		return a.leave(ctx)
	}
	a.announce()
	goal, err := a.goal()
	if err == nil {
		err = a.reach(ctx, goal)
	}
	if err != nil && !a.ready.Load() {
		a.startFromVolume(ctx, err)
	}
	if ctx.Err() != nil {
		return 0
	}
	a.conclude(err)
	return a.pause(err)
}

// takeIndex takes over the newest index if there is another. A new one lifts the ban on a refused bundle.
func (a *Agent) takeIndex() {
	s, seen := &a.state, a.index.take()
	if seen == nil {
		return
	}
	if seen.err != nil {
		s.indexErr = seen.err
		return
	}
	index, err := a.parseIndex(seen.data)
	s.indexErr = err
	if err != nil || (s.index != nil && reflect.DeepEqual(*s.index, index)) {
		return
	}
	a.log.Info("index read", "wanted", index.Wanted.Digest, "revision", index.Wanted.Revision, "proven", index.Proven())
	s.index, s.untidy = &index, true
	s.refused.digest, s.refused.words = "", ""
	s.retry = newBackoff(retryBackoff)
}

func (a *Agent) parseIndex(data map[string]string) (bundle.Index, error) {
	index, err := bundle.ParseIndex(data)
	if err != nil {
		return index, err
	}
	if index.Component != a.options.Component {
		return index, fmt.Errorf("the index is that of %q", index.Component)
	}
	if err := index.Wanted.Check(); err != nil {
		return index, err
	}
	if index.LastGood == nil {
		return index, nil
	}
	return index, index.LastGood.Check()
}

// reach makes the bundle the current one and has the process prove that it runs it.
func (a *Agent) reach(ctx context.Context, goal bundle.Ref) error {
	s := &a.state
	if err := a.deliver(ctx, goal); err != nil {
		return err
	}
	if s.index != nil && goal.Digest != s.index.Wanted.Digest && !a.fits(goal.Digest) {
		return a.reach(ctx, s.index.Wanted) // the last good is from before there was such a process
	}
	if goal.Digest != s.current {
		if a.index.waiting() {
			return errSuperseded
		}
		// From here on nothing can fail but one rename: the bundle stands whole in its folder.
		if err := a.swap(goal.Digest); err != nil {
			return err
		}
		a.fault("swapped")
	}
	a.ready.Store(true)
	return a.prove(ctx)
}

// fits says whether the process could start on a bundle.
func (a *Agent) fits(digest string) bool {
	return a.options.Config == "" || a.volume.holds(digest, a.options.Config)
}

// swap points the process's paths to another bundle. A process that was there before must reload then.
func (a *Agent) swap(digest string) error {
	s := &a.state
	if err := a.volume.link(current, digest); err != nil {
		return err
	}
	s.dirty = s.dirty || s.current != ""
	s.current, s.untidy = digest, true
	return nil
}

// tidy comes after the report, since nobody has to wait for it: it makes the
// live bundle last, removes old ones and gives back the memory they went through.
func (a *Agent) tidy(ctx context.Context) {
	s := &a.state
	report, _ := a.board.newest()
	if !s.untidy || report.State != Live {
		return
	}
	a.pulse.beat(tidyTimeout)
	if err := a.keep(ctx); err != nil {
		a.log.Warn("volume not put in order", "err", err)
		return
	}
	s.untidy = false
	a.fault("tidied")
	debug.FreeOSMemory()
}

func (a *Agent) keep(ctx context.Context) error {
	s := &a.state
	if err := a.volume.settle(ctx); err != nil {
		return err
	}
	if err := a.volume.link(proven, s.current); err != nil {
		return err
	}
	if s.index == nil {
		return nil
	}
	return a.volume.prune(s.index.Wanted.Digest, s.index.Start().Digest)
}
