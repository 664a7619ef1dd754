// Package components holds the programs that a Kubernetes node is made of, linked into this one binary: etcd, the API
// server, the controller manager, the scheduler, the kubelet, kube-proxy and CoreDNS.
//
// Each of them is upstream's own main function and reads upstream's own flags. One binary instead of seven is smaller,
// is linked once, and is one thing to cache.
package components

import (
	"context"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// mains are the programs by the name that the binary is called with as its first argument.
var mains = map[string]func(args []string) int{
	"etcd":                    etcd,
	"kube-apiserver":          command(apiserver.NewAPIServerCommand),
	"kube-controller-manager": command(manager.NewControllerManagerCommand),
	"kube-scheduler":          command(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kubelet":                 command(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }),
	"kube-proxy":              command(proxy.NewProxyCommand),
	"coredns":                 coreDNS,
}

// Main runs the program that args names and gives its exit code. Its second value is false when args names none of them.
func Main(args []string) (int, bool) {
	if len(args) == 0 {
		return 0, false
	}
	main, ok := mains[args[0]]
	if !ok {
		return 0, false
	}
	// Upstream's programs read the command line themselves.
	os.Args = slices.Clone(args)
	return main(os.Args), true
}

func etcd(args []string) int {
	etcdmain.Main(args)
	return 0
}

// command makes a main function of a constructor of a cobra command, which is how Kubernetes builds its own.
func command(build func() *cobra.Command) func([]string) int {
	return func([]string) int { return cli.Run(build()) }
}
