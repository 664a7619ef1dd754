// Package cluster gives a real Kubernetes on one machine, for Watchbill's tests and demo: upstream's API server, etcd,
// controller manager, scheduler, kubelet, kube-proxy and CoreDNS on Debian's containerd, up in seconds.
//
//	c, err := cluster.Up(ctx, cluster.Options{Name: "demo", Progress: os.Stderr})
//	// c.Config.Kubeconfig() is the path of a kubeconfig with all rights
//	err = cluster.Down(cluster.Options{Name: "demo"})
//
// A cluster is one node in namespaces of its own. No packet leaves it; what is outside reaches its API server through a
// port of the loopback, and its pods through the API server. Clusters of different names stand side by side. Down
// leaves nothing of a cluster: no process, mount, link, packet filter, cgroup or file.
//
// It is made for development. It has no volumes that are made on demand, enforces no network policies, pulls no images
// and keeps nothing that would survive a power cut.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/watchbill/watchbill/test/cluster/host"
	"github.com/watchbill/watchbill/test/cluster/images"
	"github.com/watchbill/watchbill/test/cluster/node"
)

// ErrNone says that there is no such cluster.
var ErrNone = errors.New("no such cluster")

// Options say which cluster is meant, and how it is to be made.
type Options struct {
	Name string // by default "demo"
	Dir  string // of this cluster; by default a folder of that name under Root

	// The rest matters to Up alone.
	ControlPlaneOnly bool      // only etcd and the API server: no root, no pods
	Program          string    // the cluster program, by default the one that runs
	Progress         io.Writer // lines for people; by default none
}

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// maxDir is how long a cluster's path may be: its socket has to fit into the 107 bytes that the kernel gives one.
const maxDir = 90

// complete fills in what is not given.
func (o Options) complete() (Options, error) {
	if o.Name == "" {
		o.Name = "demo"
	}
	if !validName.MatchString(o.Name) {
		return o, fmt.Errorf("a cluster cannot be called %q: use up to 40 lower-case letters, digits and dashes", o.Name)
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Program == "" {
		program, err := os.Executable()
		if err != nil {
			return o, err
		}
		o.Program = program
	}
	return o.completeDir()
}

func (o Options) completeDir() (Options, error) {
	if o.Dir == "" {
		root, err := Root()
		if err != nil {
			return o, err
		}
		o.Dir = filepath.Join(root, o.Name)
	}
	dir, err := filepath.Abs(o.Dir)
	if err == nil && len(dir) > maxDir {
		err = fmt.Errorf("the path of a cluster's folder can have %d bytes, %s has more", maxDir, dir)
	}
	o.Dir = dir
	return o, err
}

// Root is the folder of all clusters that were not given a folder of their own.
func Root() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "watchbill", "clusters"), err
}

// Up brings up a cluster, unless it is up, and returns when it is ready for use. One that is not whole is brought down
// first.
func Up(ctx context.Context, options Options) (*Cluster, error) {
	o, err := options.complete()
	if err != nil {
		return nil, err
	}
	unlock, err := lock(o.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	c, err := load(o.Dir)
	if err == nil && c.Health(ctx) == nil {
		if c.Config.ControlPlaneOnly != o.ControlPlaneOnly {
			return nil, fmt.Errorf("a cluster called %s is up and of the other kind (bring it down first, or choose another --name)", o.Name)
		}
		return c, nil
	}
	if err == nil || !errors.Is(err, ErrNone) {
		fmt.Fprintf(o.Progress, "removing what is left of cluster %s\n", o.Name)
		if err := remove(o.Dir); err != nil {
			return nil, err
		}
	}
	if !o.ControlPlaneOnly {
		if err := host.Prepare(ctx, o.Progress); err != nil {
			return nil, err
		}
	}
	return o.create(ctx)
}

// create makes the cluster's folder and starts its supervisor.
func (o Options) create(ctx context.Context) (*Cluster, error) {
	start := time.Now()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	config := node.Config{
		Name: o.Name, Dir: o.Dir, ControlPlaneOnly: o.ControlPlaneOnly,
		Port: listener.Addr().(*net.TCPAddr).Port, EtcdPort: 2379, PeerPort: 2380,
	}
	if o.ControlPlaneOnly {
		listener.Close() // the API server listens there itself
		if config.EtcdPort, config.PeerPort, err = freePorts(); err != nil {
			return nil, err
		}
	} else {
		config.Pause = filepath.Join(filepath.Dir(o.Program), "pause")
		if _, err := os.Stat(config.Pause); err != nil {
			return nil, fmt.Errorf("the pause program belongs beside the cluster program: %w", err)
		}
	}
	c := &Cluster{Config: config}
	if err := errors.Join(os.MkdirAll(o.Dir, 0o755), config.Render(time.Now()), c.save()); err != nil {
		return nil, err
	}
	if err := c.launch(ctx, o, listener); err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Progress, "cluster %s is ready after %.1f s\n", o.Name, time.Since(start).Seconds())
	return c, nil
}

// freePorts finds two ports of the loopback that nobody uses at the moment.
func freePorts() (int, int, error) {
	var ports [2]int
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, 0, err
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports[0], ports[1], nil
}

// Down removes a cluster and everything of it. That there is none is no error.
func Down(options Options) error {
	o, err := options.complete()
	if err != nil {
		return err
	}
	if _, err := os.Stat(o.Dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	unlock, err := lock(o.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	return remove(o.Dir)
}

// Find is the cluster that the options name, whether it runs or not.
func Find(options Options) (*Cluster, error) {
	o, err := options.complete()
	if err != nil {
		return nil, err
	}
	c, err := load(o.Dir)
	if errors.Is(err, ErrNone) {
		err = fmt.Errorf("%w: %s (see \"cluster list\", or make it by \"cluster up --name %s\")", ErrNone, o.Name, o.Name)
	}
	return c, err
}

// List finds all clusters under Root, sorted by name.
func List() ([]*Cluster, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var all []*Cluster
	for _, entry := range entries {
		if c, err := load(filepath.Join(root, entry.Name())); err == nil {
			all = append(all, c)
		}
	}
	return all, nil
}

// Load hands the cluster's containerd an image made of static programs and tells whether that was needed.
func (c *Cluster) Load(ctx context.Context, image *images.Image) (bool, error) {
	if err := c.needsNode(); err != nil {
		return false, err
	}
	return images.Load(ctx, node.Socket(c.PID), image)
}

// needsNode tells whether the cluster runs pods.
func (c *Cluster) needsNode() error {
	if c.Config.ControlPlaneOnly {
		return fmt.Errorf("cluster %s is a control plane only: it has no node", c.Config.Name)
	}
	if !c.Alive() {
		return fmt.Errorf("cluster %s does not run (start it by \"cluster up --name %s\")", c.Config.Name, c.Config.Name)
	}
	return nil
}
