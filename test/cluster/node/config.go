// Package node runs the one node of a cluster: it renders what its components read, isolates itself from the machine,
// starts them, watches over them and tells how they are.
//
// Its supervisor is the first process of new process, mount, network, host name and IPC namespaces. So the kernel
// itself does the tidying: when the supervisor dies, every process of the cluster dies with it, and with the last of
// them go all mounts, links, routes and packet filters. What is left is one folder and one cgroup, which the parent
// package removes.
package node

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
)

// What every cluster's inside looks like. Since no packet leaves a cluster, all of them use the same addresses.
const (
	Address    = "10.255.0.1"    // the node's: the API server, DNS, and what "cluster exec" serves to pods
	Pods       = "10.244.0.0/22" // the pods'
	Services   = "10.96.0.0/16"  // the services'
	APIService = "10.96.0.1"     // the API server's own service, the first of Services
	Domain     = "cluster.local"
	PauseImage = "watchbill.invalid/pause:1"

	containerd = "/run/containerd/containerd.sock"
)

// Config is everything that tells one cluster from another.
type Config struct {
	Name             string `json:"name"`
	Dir              string `json:"dir"`
	Pause            string `json:"pause,omitempty"`  // the pause program
	ControlPlaneOnly bool   `json:"controlPlaneOnly"` // etcd and the API server, on the machine's own loopback
	Port             int    `json:"port"`             // of the API server, on the machine's loopback
	EtcdPort         int    `json:"etcdPort"`
	PeerPort         int    `json:"peerPort"`
}

// Folders and files of a cluster.
func (c Config) Etc() string            { return filepath.Join(c.Dir, "etc") }
func (c Config) PKI() string            { return filepath.Join(c.Dir, "pki") }
func (c Config) Logs() string           { return filepath.Join(c.Dir, "logs") }
func (c Config) Log(name string) string { return filepath.Join(c.Logs(), name+".log") }
func (c Config) Kubeconfig() string     { return filepath.Join(c.Dir, "kubeconfig") }
func (c Config) Control() string        { return filepath.Join(c.Dir, "control.sock") }

// Context is the name of the kubeconfig's context, cluster and user.
func (c Config) Context() string { return "watchbill-" + c.Name }

// Node is the node's name.
func (c Config) Node() string { return c.Name + "-node" }

// Cgroup is the cluster's cgroup under every controller. Two clusters of one name in two folders have two.
func (c Config) Cgroup() string {
	sum := sha256.Sum256([]byte(c.Dir))
	return fmt.Sprintf("/watchbill-%s-%s", c.Name, hex.EncodeToString(sum[:4]))
}

// Socket is where the machine finds the containerd of a cluster whose supervisor has that process id.
func Socket(pid int) string { return fmt.Sprintf("/proc/%d/root%s", pid, containerd) }

// apiPort is the port that the API server itself listens on.
func (c Config) apiPort() int {
	if c.ControlPlaneOnly {
		return c.Port
	}
	return 6443
}

// advertised is the address that the API server names as its own.
func (c Config) advertised() string {
	if c.ControlPlaneOnly {
		return "127.0.0.1"
	}
	return Address
}
