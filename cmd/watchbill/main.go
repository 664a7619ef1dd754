// Command watchbill makes a monitoring stack what a git repository says, and
// proves it. See the README for how to begin.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes: data was fine, there is a finding or a difference, or the
// command could not do its work.
const (
	exitOK    = 0
	exitFound = 1
	exitFault = 2
)

// errFound ends a command with exitFound and without another word: what was
// found has been printed already.
var errFound = errors.New("found")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run is the whole command, for main and for tests.
func run(ctx context.Context, args []string, io streams) int {
	root := newRoot(io)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFound):
		return exitFound
	}
	fmt.Fprintln(io.err, "watchbill:", err)
	return exitFault
}
