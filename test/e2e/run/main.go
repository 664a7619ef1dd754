// Command run runs the end-to-end and fault tests on a local cluster of their
// own, which it removes afterwards. Arguments go to go test: -run Burst, say.
//
//	go run ./test/e2e/run [--keep] [ARGUMENT...]
//
// With --keep first the cluster stays, and the next run starts sooner.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/watchbill/watchbill/test/stack"
)

func main() {
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
	fmt.Fprintln(os.Stderr, "e2e:", err)
	os.Exit(2)
}

func run(ctx context.Context, args []string) (err error) {
	keep := len(args) > 0 && args[0] == "--keep"
	if keep {
		args = args[1:]
	}
	root, err := stack.Root()
	if err != nil {
		return err
	}
	programs, err := stack.Programs(ctx, os.Stderr, "cluster", "prometheus", "alertmanager", "watchbill")
	if err != nil {
		return err
	}
	name, release, err := stack.OwnName("e2e")
	if err != nil {
		return err
	}
	defer release()
	cluster, err := stack.UpCluster(ctx, programs["cluster"], name, false, os.Stderr)
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
	command := []string{"test", "-tags", "e2e", "-count=1", "-v", "-timeout", "40m"}
	cmd := exec.CommandContext(ctx, "go", append(append(command, args...), "./test/e2e")...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig)
	stack.EndWith(cmd)
	return cmd.Run()
}
