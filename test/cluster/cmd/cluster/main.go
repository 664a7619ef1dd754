// Command cluster brings up a real Kubernetes on this machine, for Watchbill's tests and demo.
//
//	export KUBECONFIG=$(cluster up)
//	cluster load prometheus:3.15.0=./prometheus
//	cluster exec -- curl http://10.244.0.7:9090/-/ready
//	cluster down
//
// The program is also every component of that Kubernetes: called with a component's name as its first argument, it is
// that component.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/watchbill/watchbill/test/cluster"
	"github.com/watchbill/watchbill/test/cluster/components"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// errFinding is an answer that is not the good one, and no fault: exit code 1.
var errFinding = errors.New("")

// run gives the exit code: 0 fine, 1 a finding, 2 a fault or a wrong call.
func run(args []string) int {
	if code, ok := components.Main(args); ok {
		return code
	}
	var err error
	if len(args) == 2 && args[0] == cluster.SuperviseCommand {
		err = cluster.Supervise(args[1])
	} else {
		err = command().Execute()
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFinding):
		return 1
	default:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		return 2
	}
}
