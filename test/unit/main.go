// Command unit runs every test that needs no cluster with pods: those of the
// module and those of the local cluster's own, against the real Prometheus,
// promtool, Alertmanager, amtool and API server. It builds and starts what they
// need, and tells them where it is:
//
//	WATCHBILL_PROMETHEUS, WATCHBILL_PROMTOOL, WATCHBILL_ALERTMANAGER,
//	WATCHBILL_AMTOOL, WATCHBILL_CLUSTER    programs
//	WATCHBILL_TEST_KUBECONFIG              an API server without nodes
//
// Arguments go to go test. The exit code is that of go test.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
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
	fmt.Fprintln(os.Stderr, "unit:", err)
	os.Exit(2)
}

func run(ctx context.Context, args []string) (err error) {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	names := []string{"prometheus", "promtool", "alertmanager", "amtool", "cluster"}
	programs, err := stack.Programs(ctx, os.Stderr, names...)
	if err != nil {
		return err
	}
	env := os.Environ()
	for _, name := range names {
		env = append(env, "WATCHBILL_"+strings.ToUpper(name)+"="+programs[name])
	}
	name, release, err := stack.OwnName("unit")
	if err != nil {
		return err
	}
	defer release()
	cluster, err := stack.UpCluster(ctx, programs["cluster"], name, true, os.Stderr)
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if down := cluster.Down(ending); err == nil {
			err = down
		}
	}()
	env = append(env, "WATCHBILL_TEST_KUBECONFIG="+cluster.Kubeconfig)
	// Both, whatever becomes of the first.
	ours := goTest(ctx, root, env, args)
	theirs := goTest(ctx, filepath.Join(root, "test", "cluster"), env, args)
	if ours != nil {
		return ours
	}
	return theirs
}

func goTest(ctx context.Context, dir string, env, args []string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"test"}, args...), "./...")...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, os.Stdout, os.Stderr
	stack.EndWith(cmd)
	return cmd.Run()
}
