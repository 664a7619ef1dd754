// Command unit runs every test that needs no cluster with pods: those of the
// module and those of the local cluster's own, against the real Prometheus,
// promtool, Alertmanager, amtool, Thanos, S3 server and API server, and GitHub's
// own description of its API. It builds and starts what they need, and tells them
// where it is:
//
//	WATCHBILL_PROMETHEUS, WATCHBILL_PROMTOOL, WATCHBILL_ALERTMANAGER, WATCHBILL_AMTOOL,
//	WATCHBILL_THANOS, WATCHBILL_VERSITYGW, WATCHBILL_CLUSTER    programs
//	WATCHBILL_PRISM                                             what judges by GitHub's description, see test/github
//	WATCHBILL_TEST_KUBECONFIG                                   an API server without nodes
//
// Arguments go to go test. The exit code is that of go test.
package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/watchbill/watchbill/test/stack"
)

func main() { stack.TestMain("unit", run) }

func run(ctx context.Context, args []string) error {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	names := []string{"prometheus", "promtool", "alertmanager", "amtool", "thanos", "versitygw", "cluster", "prism"}
	programs, err := stack.Programs(ctx, os.Stderr, names...)
	if err != nil {
		return err
	}
	env := os.Environ()
	for _, name := range names {
		env = append(env, "WATCHBILL_"+strings.ToUpper(name)+"="+programs[name])
	}
	return stack.OnCluster(ctx, programs["cluster"], "unit", true, false, func(cluster *stack.Cluster) error {
		env := append(env, "WATCHBILL_TEST_KUBECONFIG="+cluster.Kubeconfig)
		// Both, whatever becomes of the first.
		ours := goTest(ctx, root, env, args)
		theirs := goTest(ctx, filepath.Join(root, "test", "cluster"), env, args)
		if ours != nil {
			return ours
		}
		return theirs
	})
}

func goTest(ctx context.Context, dir string, env, args []string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"test"}, args...), "./...")...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, os.Stdout, os.Stderr
	stack.EndWith(cmd)
	return cmd.Run()
}
