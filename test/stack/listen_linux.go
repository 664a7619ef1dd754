package stack

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// listenInside listens in the network namespace of a process. A socket belongs
// to the namespace that it was made in for good, so only its making needs a
// thread in there.
func listenInside(pid int, address string) (net.Listener, error) {
	type made struct {
		listener net.Listener
		err      error
	}
	result := make(chan made, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			defer ns.Close()
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			result <- made{err: fmt.Errorf("enter the cluster's network: %w", err)}
			return
		}
		listener, err := net.Listen("tcp", address)
		result <- made{listener, err}
	}()
	m := <-result
	return m.listener, m.err
}
