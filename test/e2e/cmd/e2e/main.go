// Command run runs the end-to-end and fault tests on a local cluster of their
// own, which it removes afterwards. Arguments go to go test: -run Burst, say.
//
//	go run ./test/e2e/cmd/e2e [--keep] [ARGUMENT...]
//
// With --keep first the cluster stays, and the next run starts sooner.
package main

import (
	"context"
	"os"
	"os/exec"

	"github.com/watchbill/watchbill/test/stack"
)

func main() { stack.TestMain("e2e", run) }

func run(ctx context.Context, args []string) error {
	keep := len(args) > 0 && args[0] == "--keep"
	if keep {
		args = args[1:]
	}
	root, err := stack.Root()
	if err != nil {
		return err
	}
	programs, err := stack.Programs(ctx, os.Stderr, "cluster", "prometheus", "alertmanager", "watchbill", "prism")
	if err != nil {
		return err
	}
	return stack.OnCluster(ctx, programs["cluster"], "e2e", false, keep, func(cluster *stack.Cluster) error {
		command := []string{"test", "-tags", "e2e", "-count=1", "-v", "-timeout", "40m"}
		cmd := exec.CommandContext(ctx, "go", append(append(command, args...), "./test/e2e")...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stdout, os.Stderr
		cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig, "WATCHBILL_PRISM="+programs["prism"])
		stack.EndWith(cmd)
		return cmd.Run()
	})
}
