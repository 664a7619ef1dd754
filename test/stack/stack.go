// Package stack brings all of Watchbill up for people and for tests: a
// cluster, a git server with a monitoring repo, Watchbill installed in the
// cluster from deploy/, and the Prometheus and Alertmanager that it renders.
//
//	s, err := stack.Up(ctx, stack.Options{Name: "demo", Progress: os.Stderr})
//	defer s.Close()
//	err = s.Repo.Replace("teams/payments/rules/errors.yaml", "14.4", "10")
//	commit, err := s.Deliver(ctx, "payments: page sooner") // commit, push, poke
//	record, err := s.Await(ctx, commit)                    // until it is live
//
// Everything is real: pushes are git's own, the daemon runs in a pod, and what
// the methods return is read from the cluster and from the processes in it.
//
// The cluster is the local one of test/cluster, or with KUBECONFIG set an
// existing one. That one pulls Watchbill's image by itself (WATCHBILL_IMAGE
// names it) and must reach the git server here (WATCHBILL_GIT_ADDRESS, host
// and port, if the address that this machine shows to the cluster is not it).
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Options say what is brought up. The zero value is good.
type Options struct {
	// Name of the local cluster; by default "demo".
	Name string
	// Environment of the monitoring repo; by default "prod".
	Environment string
	// Dir keeps the repository, so that a later Up goes on where this one ended.
	// Without it the repository is a new one in a temporary folder, and what an
	// earlier repository left in the namespace is removed first.
	Dir string
	// Prepare changes the repository before Watchbill looks at it. Watchbill's
	// example is in it already; what is written is committed and pushed.
	Prepare func(context.Context, *Repo) error
	// Ephemeral makes Close remove the local cluster, if Up made it.
	Ephemeral bool
	// Variables are more WATCHBILL_… settings of the daemon.
	Variables map[string]string
	// Receivers gives keys of the receivers' Secret their values, by the address at which pods of a local
	// cluster reach this machine; the others get values that lead nowhere.
	Receivers func(address string) map[string]string
	// Forge starts what stands in for the forge, on a local cluster: it listens where pods reach it, and returns
	// WATCHBILL_… settings of the daemon and the keys of its Secret.
	Forge func(ctx context.Context, listen func(port int) (net.Listener, error)) (Forge, error)
	// Progress is told in lines what goes on; by default nobody is.
	Progress io.Writer
}

// Forge is what the daemon is told of a forge.
type Forge struct {
	Settings, Credentials map[string]string
}

// Stack is all of it, running.
type Stack struct {
	// Repo is what the daemon watches.
	Repo *Repo
	// Git is the server that the daemon fetches from.
	Git *GitServer
	// Cluster is the local cluster, or nil if the cluster is not ours.
	Cluster *Cluster
	// Programs are the paths of those that run in the local cluster.
	Programs map[string]string

	Kubeconfig  string
	Config      *rest.Config
	Client      kubernetes.Interface
	Namespace   string
	Environment string
	// Keys are those of the S3 server, if the environment has an object store.
	Keys Keys

	progress io.Writer
	closers  []func() error
}

// Up brings up what is not up yet, and returns once the repository's newest
// revision is live on every replica. Close ends what runs in this process; the
// cluster stays.
func Up(ctx context.Context, o Options) (_ *Stack, err error) {
	o.complete()
	s := &Stack{Environment: o.Environment, progress: o.Progress}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	image, err := s.connect(ctx, o)
	if err != nil {
		return nil, err
	}
	fresh, err := s.openRepo(ctx, o)
	if err != nil {
		return nil, err
	}
	if s.Git, err = s.serveGit(ctx); err != nil {
		return nil, err
	}
	if fresh {
		if err := s.deleteNamespace(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.install(ctx, image, o); err != nil {
		return nil, err
	}
	return s, s.firstLive(ctx)
}

func (o *Options) complete() {
	if o.Name == "" {
		o.Name = "demo"
	}
	if o.Environment == "" {
		o.Environment = "prod"
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
}

// openRepo opens the repository of o.Dir or makes one, and says which.
func (s *Stack) openRepo(ctx context.Context, o Options) (fresh bool, err error) {
	dir := o.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "watchbill-"); err != nil {
			return false, err
		}
		s.closers = append(s.closers, func() error { return os.RemoveAll(dir) })
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false, err
	}
	if s.Repo, fresh, err = OpenRepo(ctx, dir); err != nil {
		return false, err
	}
	if o.Prepare != nil {
		if err := o.Prepare(ctx, s.Repo); err != nil {
			return false, fmt.Errorf("prepare the monitoring repo: %w", err)
		}
	}
	if err := s.Repo.commitRest(ctx); err != nil {
		return false, err
	}
	env, err := s.Repo.environment(s.Environment)
	if err != nil {
		return false, err
	}
	s.Namespace = env.Namespace
	return fresh, s.Repo.Push(ctx)
}

// Close ends the git server and whatever else runs in this process, and removes
// an ephemeral cluster.
func (s *Stack) Close() error {
	var faults []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		faults = append(faults, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(faults...)
}

// say tells one line of progress.
func (s *Stack) say(format string, args ...any) { fmt.Fprintf(s.progress, format+"\n", args...) }
