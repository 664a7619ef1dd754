package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// listenInside listens in the network namespace of a process.
func listenInside(pid int, address string) (listener net.Listener, err error) {
	inside := inside(pid, func() { listener, err = net.Listen("tcp", address) })
	return listener, errors.Join(inside, err)
}

// dialInside connects from the network namespace of a process.
func dialInside(ctx context.Context, pid int, network, address string) (conn net.Conn, err error) {
	var dialer net.Dialer
	inside := inside(pid, func() { conn, err = dialer.DialContext(ctx, network, address) })
	return conn, errors.Join(inside, err)
}

// inside does something in the network namespace of a process. A socket belongs
// to the namespace that it was made in for good, so only its making needs a
// thread in there.
func inside(pid int, do func()) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// The main thread would not end, and makes the whole process look as if it were inside.
			result <- inside(pid, do)
			runtime.UnlockOSThread()
			return
		}
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			defer ns.Close()
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			result <- fmt.Errorf("enter the cluster's network: %w", err)
			return
		}
		do()
		result <- nil
	}()
	return <-result
}
