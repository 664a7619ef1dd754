package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchbill/watchbill/render/bundle"
)

// goal is the bundle that should be current now:
//
//	the process answers        the wanted bundle, or the current one if the wanted one was refused
//	it does not, agent started the last good bundle, so that it starts on what is known to work
//	it does not, later on      the current one; after a while the other of the two, since the
//	                           current one may be what keeps it from starting
//	no index is known          the current one
func (a *Agent) goal() (bundle.Ref, error) {
	s := &a.state
	if s.index == nil {
		return a.goalWithoutIndex()
	}
	wanted, start := s.index.Wanted, s.index.Start()
	if here, ok := a.volume.bundles[s.current]; ok && s.refused.digest == wanted.Digest {
		return here.ref, nil
	}
	switch {
	case s.down.IsZero():
		return wanted, nil
	case !a.ready.Load():
		return start, nil
	case s.current != wanted.Digest && s.current != start.Digest:
		return start, nil
	case time.Since(s.down) > a.options.ReloadTimeout:
		s.down = time.Now()
		return other(wanted, start, s.current), nil
	case s.current == wanted.Digest:
		return wanted, nil
	}
	return start, nil
}

func other(a, b bundle.Ref, digest string) bundle.Ref {
	if a.Digest == digest {
		return b
	}
	return a
}

// goalWithoutIndex leaves things as they are. A process that waits for its
// first bundle gets one from the volume by [Agent.startFromVolume].
func (a *Agent) goalWithoutIndex() (bundle.Ref, error) {
	if here, ok := a.volume.bundles[a.state.current]; ok {
		return here.ref, nil
	}
	return bundle.Ref{}, a.noIndex()
}

// startFromVolume makes the first whole bundle on the volume current, so that the
// process can start while the API server is away or has nothing for us. It gives
// the API server a few seconds first.
func (a *Agent) startFromVolume(ctx context.Context, cause error) {
	if time.Since(a.state.started) < a.grace {
		return
	}
	for _, digest := range a.volume.digests() {
		ref, err := a.volume.ref(digest)
		if err != nil {
			continue
		}
		missing, err := a.volume.missing(ref.Chunks)
		if err != nil || len(missing) > 0 {
			continue
		}
		a.log.Warn("going on with the copy on the volume", "bundle", digest, "err", cause)
		if err := a.reach(ctx, ref); err != nil && !errors.Is(err, errAway) {
			a.log.Warn("copy on the volume is of no use", "bundle", digest, "err", err)
			continue
		}
		return
	}
}

func (a *Agent) noIndex() error {
	if a.state.indexErr == nil {
		return fmt.Errorf("%w yet", errNoIndex)
	}
	return fmt.Errorf("%w: %w", errNoIndex, a.state.indexErr)
}
