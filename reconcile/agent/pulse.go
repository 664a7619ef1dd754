package agent

import (
	"sync/atomic"
	"time"
)

// slack is how much later than promised the loop may come round before it counts as stuck.
const slack = time.Minute

// pulse knows by when the loop should have come round again.
type pulse struct{ due atomic.Int64 }

func newPulse() *pulse {
	p := new(pulse)
	p.beat(0)
	return p
}

// beat says that the loop goes on, and that its next step takes no longer than this.
func (p *pulse) beat(next time.Duration) { p.due.Store(time.Now().Add(next + slack).UnixNano()) }

func (p *pulse) alive() bool { return time.Now().UnixNano() < p.due.Load() }
