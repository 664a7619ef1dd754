package reconcile

// trigger wakes the loop. It has one slot: however many reasons there are to
// wake up, the loop takes the newest revision once.
type trigger chan struct{}

func newTrigger() trigger { return make(trigger, 1) }

// fire never blocks.
func (t trigger) fire() {
	select {
	case t <- struct{}{}:
	default:
	}
}
