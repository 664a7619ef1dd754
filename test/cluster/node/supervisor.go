package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/watchbill/watchbill/test/cluster/images"
	"k8s.io/client-go/kubernetes"
)

// Ready is the last line of a supervisor's progress when all went well. Any other end of it is a failure.
const Ready = "ready"

// startTimeout is how long a cluster may take to become ready.
const startTimeout = 3 * time.Minute

// maxRestarts is how often a component may end by itself before the start is given up.
const maxRestarts = 5

// A Supervisor runs the components of one cluster.
type Supervisor struct {
	config     Config
	components []*component
	table      *processTable
	api        kubernetes.Interface
}

// Supervise runs a cluster until it is told to end by SIGTERM. How the start goes is written to progress, a line each,
// and progress is closed when it is over. The listener takes connections for the API server from outside; it is nil for
// a cluster that is not isolated.
func Supervise(config Config, outside net.Listener, progress io.WriteCloser) error {
	s := &Supervisor{config: config}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP) // whoever started the cluster may be gone before it is ready
	err := s.start(ctx, outside, progress)
	if err != nil {
		fmt.Fprintln(progress, err)
		s.end()
		return err
	}
	fmt.Fprintln(progress, Ready)
	progress.Close()
	<-ctx.Done()
	s.end()
	return nil
}

// start brings up everything in order and returns when it is of use.
func (s *Supervisor) start(ctx context.Context, outside net.Listener, progress io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if !s.config.ControlPlaneOnly {
		if err := errors.Join(s.config.isolate(), connect()); err != nil {
			return err
		}
	}
	s.table = newProcessTable()
	for _, spec := range s.config.specs() {
		s.components = append(s.components, &component{spec: spec, log: s.config.Log(spec.name), table: s.table})
	}
	api, err := client(s.config.Kubeconfig(), fmt.Sprintf("https://127.0.0.1:%d", s.config.apiPort()))
	if err != nil {
		return err
	}
	s.api = api
	if err := s.listen(); err != nil {
		return err
	}
	if outside != nil {
		go forward(outside, fmt.Sprintf("127.0.0.1:%d", s.config.apiPort()))
	}
	if err := s.startControlPlane(ctx, progress); err != nil || s.config.ControlPlaneOnly {
		return err
	}
	return s.startNode(ctx, progress)
}

// startControlPlane starts etcd and the API server, and containerd meanwhile, which takes as long.
func (s *Supervisor) startControlPlane(ctx context.Context, progress io.Writer) error {
	fmt.Fprintln(progress, "starting etcd and the API server")
	etcd := fmt.Sprintf("127.0.0.1:%d", s.config.EtcdPort)
	if err := s.startAll("containerd", "etcd"); err != nil {
		return err
	}
	if err := s.await(ctx, "etcd", func(ctx context.Context) error { return reachable(ctx, etcd) }); err != nil {
		return err
	}
	if err := s.startAll("apiserver"); err != nil {
		return err
	}
	var pause error
	var loading sync.WaitGroup
	if !s.config.ControlPlaneOnly {
		loading.Go(func() { pause = s.loadPause(ctx) })
	}
	err := s.await(ctx, "the API server", apiReady(s.api))
	loading.Wait()
	if err == nil {
		err = pause
	}
	return err
}

// startNode starts the rest and waits until pods can run, find each other by name and talk.
func (s *Supervisor) startNode(ctx context.Context, progress io.Writer) error {
	fmt.Fprintln(progress, "starting the node")
	if err := s.startAll("kubelet", "controller-manager", "scheduler", "proxy", "coredns"); err != nil {
		return err
	}
	for _, wait := range []struct {
		what  string
		check func(context.Context) error
	}{
		{"the node", nodeReady(s.api, s.config.Node())},
		{"the service account", accountReady(s.api)},
		{"the API service", serviceReady},
		{"DNS", dnsReady},
	} {
		if err := s.await(ctx, wait.what, wait.check); err != nil {
			return err
		}
	}
	return nil
}

// await waits for something to be ready, but no longer than there is hope: not when a component ends again and again.
func (s *Supervisor) await(ctx context.Context, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return until(ctx, what, func(ctx context.Context) error {
		for _, c := range s.components {
			if c.status().Restarts >= maxRestarts {
				cancel(fmt.Errorf("%s ended %d times, last with: %s", c.name, maxRestarts, s.config.lastLine(c.name)))
			}
		}
		return check(ctx)
	})
}

// lastLine is the end of a component's log.
func (c Config) lastLine(name string) string {
	text, err := os.ReadFile(c.Log(name))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// startAll starts the named components, if this kind of cluster has them.
func (s *Supervisor) startAll(names ...string) error {
	for _, name := range names {
		if c := s.component(name); c != nil {
			if err := c.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadPause hands containerd the one image that the kubelet itself needs.
func (s *Supervisor) loadPause(ctx context.Context) error {
	image, err := images.New(PauseImage, s.config.Pause)
	if err != nil {
		return err
	}
	archive, err := image.Bytes()
	if err != nil {
		return err
	}
	file := filepath.Join("/run", "pause.tar")
	if err := os.WriteFile(file, archive, 0o644); err != nil {
		return err
	}
	defer os.Remove(file)
	return s.await(ctx, "the pause image", func(context.Context) error {
		p, err := s.table.start([]string{"ctr", "--address", containerd, "--namespace", images.Namespace, "images", "import", file}, s.config.Log("supervisor"))
		if err != nil {
			return err
		}
		if <-p.done; p.status.ExitStatus() != 0 {
			return errors.New("ctr: " + p.ending())
		}
		return nil
	})
}

func (s *Supervisor) component(name string) *component {
	for _, c := range s.components {
		if c.name == name {
			return c
		}
	}
	return nil
}

// end kills the components: nothing of theirs is to last. In an isolated cluster the kernel does it, which ends whatever
// is left in the namespaces.
func (s *Supervisor) end() {
	if !s.config.ControlPlaneOnly {
		return
	}
	for _, c := range s.components {
		c.stop(0)
	}
}
