// Package lock keeps two writers from one bucket, wherever they run.
//
// The lock is an object that is only ever written on the condition that it is
// as it was read. It says who holds it, what for and until when, and has a
// fence: a number that rises with each holder, over releases too, so the object
// is never deleted. A holder renews it; [Lock.Keep] gives a context that ends
// while there is still time left, if renewing does not work or somebody else
// has taken the lock.
//
// No two clocks agree, so a lock that seems to have expired is not taken at
// once: whoever wants it watches it for as long as its holder may go without
// renewing, by the own monotonic clock, and takes it only if it has not changed
// meanwhile. A clock that is wrong so makes a takeover late, never early.
// What the holder sent before its context ended and what still travels then is
// not held back by any lock; Margin is the time that it has to arrive.
package lock
