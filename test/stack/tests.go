package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// TestMain is the main function of a program that runs tests on a cluster: it
// ends on Ctrl-C, and with the exit code of the tests.
func TestMain(name string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	var tests *exec.ExitError
	switch {
	case err == nil:
		return
	case errors.As(err, &tests) && tests.ExitCode() > 0:
		os.Exit(tests.ExitCode()) // go test has said why
	}
	fmt.Fprintln(os.Stderr, name+":", err)
	os.Exit(2)
}

// OnCluster does something on a local cluster of a kind, which is brought up
// for it and, unless it is to be kept, taken down afterwards.
func OnCluster(ctx context.Context, program, kind string, controlPlaneOnly, keep bool, do func(*Cluster) error) (err error) {
	name, release, err := OwnName(kind)
	if err != nil {
		return err
	}
	defer release()
	cluster, err := UpCluster(ctx, program, name, controlPlaneOnly, os.Stderr)
	if err != nil {
		return err
	}
	if !keep {
		defer func() {
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
			defer cancel()
			if down := cluster.Down(ending); err == nil {
				err = down
			}
		}()
	}
	return do(cluster)
}
