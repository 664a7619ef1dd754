package node

import (
	"fmt"
	"path/filepath"
	"slices"
)

// A spec is how one component is started.
type spec struct {
	name string // what people call it
	argv []string
}

// self is this program in a component's command line. It is looked up in the process that starts the component, so it
// works wherever the binary lies, and even after it was replaced.
const self = "/proc/self/exe"

// specs are the cluster's components in the order of their start.
func (c Config) specs() []spec {
	if c.ControlPlaneOnly {
		return []spec{c.etcd(), c.apiserver()}
	}
	return []spec{
		{"containerd", []string{"containerd", "--config", filepath.Join(c.Etc(), "containerd.toml")}},
		c.etcd(), c.apiserver(), c.controllerManager(),
		{"scheduler", []string{self, "kube-scheduler", "--config=" + filepath.Join(c.Etc(), "scheduler.yaml"), "--bind-address=127.0.0.1"}},
		c.kubelet(),
		{"proxy", []string{self, "kube-proxy", "--config=" + filepath.Join(c.Etc(), "kube-proxy.yaml")}},
		{"coredns", []string{self, "coredns", "-quiet", "-conf", filepath.Join(c.Etc(), "Corefile")}},
	}
}

func (c Config) etcd() spec {
	client := fmt.Sprintf("http://127.0.0.1:%d", c.EtcdPort)
	peer := fmt.Sprintf("http://127.0.0.1:%d", c.PeerPort)
	return spec{"etcd", []string{
		self, "etcd", "--name=etcd", "--data-dir=" + filepath.Join(c.Dir, "etcd"),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=etcd=" + peer,
		"--unsafe-no-fsync", // a cluster that is thrown away need not survive a power cut
		"--log-level=warn",
	}}
}

func (c Config) apiserver() spec {
	bind := "0.0.0.0"
	if c.ControlPlaneOnly {
		bind = "127.0.0.1"
	}
	return spec{"apiserver", append([]string{
		self, "kube-apiserver",
		"--bind-address=" + bind,
		fmt.Sprintf("--secure-port=%d", c.apiPort()),
		"--advertise-address=" + c.advertised(),
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", c.EtcdPort),
		"--service-cluster-ip-range=" + Services,
		"--allow-privileged=true",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc." + Domain,
		"--profiling=false",
	}, c.pkiFlags(map[string]string{
		"--client-ca-file":                   "ca.crt",
		"--tls-cert-file":                    "apiserver.crt",
		"--tls-private-key-file":             "apiserver.key",
		"--kubelet-certificate-authority":    "ca.crt",
		"--kubelet-client-certificate":       "apiserver-kubelet.crt",
		"--kubelet-client-key":               "apiserver-kubelet.key",
		"--service-account-key-file":         "service-accounts.pub",
		"--service-account-signing-key-file": "service-accounts.key",
	})...)}
}

func (c Config) controllerManager() spec {
	config := filepath.Join(c.Etc(), "controller-manager.kubeconfig")
	return spec{"controller-manager", append([]string{
		self, "kube-controller-manager",
		"--kubeconfig=" + config, "--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--flex-volume-plugin-dir=" + filepath.Join(c.Dir, "kubelet", "volume-plugins"),
		"--profiling=false",
	}, c.pkiFlags(map[string]string{
		"--root-ca-file":                     "ca.crt",
		"--cluster-signing-cert-file":        "ca.crt",
		"--cluster-signing-key-file":         "ca.key",
		"--service-account-private-key-file": "service-accounts.key",
	})...)}
}

func (c Config) kubelet() spec {
	root := filepath.Join(c.Dir, "kubelet")
	return spec{"kubelet", []string{
		self, "kubelet",
		"--config=" + filepath.Join(c.Etc(), "kubelet.yaml"),
		"--kubeconfig=" + filepath.Join(c.Etc(), "kubelet.kubeconfig"),
		"--hostname-override=" + c.Node(),
		"--node-ip=" + Address,
		"--root-dir=" + root,
		"--cert-dir=" + filepath.Join(root, "pki"),
	}}
}

// pkiFlags completes flags with the path of a file in the PKI folder, sorted so that a command line never varies.
func (c Config) pkiFlags(files map[string]string) []string {
	var flags []string
	for flag, file := range files {
		flags = append(flags, flag+"="+filepath.Join(c.PKI(), file))
	}
	slices.Sort(flags)
	return flags
}
