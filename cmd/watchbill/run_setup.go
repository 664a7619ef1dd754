package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/reconcile/reach"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/render"
)

// remotes are what the daemon reads from and reports to, beside the cluster.
type remotes struct {
	repo     *source.Source
	hub      forge.Forge // nil without a credential
	reporter forge.Reporter
	close    func()
}

// connect opens the clone and the forge. Nobody is asked anything yet.
func (f *runFlags) connect(log *slog.Logger) (*remotes, error) {
	f.git.Log = log
	f.git.Auth.Password.Env = ifSet("WATCHBILL_GIT_PASSWORD")
	f.git.Auth.SSHKey.Env = ifSet("WATCHBILL_GIT_SSH_KEY")
	f.git.Auth.SSHPassphrase.Env = ifSet("WATCHBILL_GIT_SSH_PASSPHRASE")
	hub, reporter, closeReporter, err := f.forge.open(f.git.URL, log)
	if err != nil {
		return nil, err
	}
	f.appForGit(hub)
	repo, err := source.Open(f.git)
	if err != nil {
		closeReporter()
		return nil, err
	}
	return &remotes{repo, hub, reporter, func() {
		_ = repo.Close()
		closeReporter()
	}}, nil
}

// options are the daemon's.
func (f *runFlags) options(ctx context.Context, config *rest.Config, namespace string, to *remotes, log *slog.Logger) (reconcile.Options, error) {
	var opts reconcile.Options
	verify, err := f.signers.verify(log)
	if err != nil {
		return opts, err
	}
	way, err := f.way(config, namespace)
	if err != nil {
		return opts, err
	}
	pods, err := f.pods(ctx, config, namespace)
	if err != nil {
		return opts, err
	}
	identity, err := f.identity()
	if err != nil {
		return opts, err
	}
	opts = reconcile.Options{
		Environment: f.environment, Namespace: namespace, Source: to.repo, Reporter: to.reporter, Verify: verify,
		Render: pods, Config: config, Ask: proof.Through(way), Identity: identity,
		Listen: f.listen, Poll: f.poll, ProofWithin: f.proof, Once: f.once, Log: log,
	}
	return opts, f.hear(&opts, to, way)
}

// pods are what the pods are rendered with that the repo does not say.
func (f *runFlags) pods(ctx context.Context, config *rest.Config, namespace string) (render.Options, error) {
	opts := render.Options{AgentImage: f.agentImage}
	if f.direct() {
		opts.DaemonNamespace = namespace
	}
	if opts.AgentImage != "" {
		return opts, nil
	}
	var err error
	opts.AgentImage, err = ownImage(ctx, config, namespace)
	return opts, err
}

// identity is this process's name in the leader election; empty without one.
func (f *runFlags) identity() (string, error) {
	if !f.leaderElect {
		return "", nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name this process for the leader election: %w", err)
	}
	return name, nil
}

// hear has the daemon listen to webhooks and answer on pull requests. One that
// ends after a single pass does neither, and shows no metrics.
func (f *runFlags) hear(opts *reconcile.Options, to *remotes, way reach.Way) error {
	if f.once || f.dryRun {
		opts.Listen = ""
		return nil
	}
	if f.webhook.listen != "" {
		hosted, err := f.forge.repo(f.git.URL)
		if err != nil {
			return err
		}
		if err := f.webhook.open(opts, hosted, f.git.Branch, opts.Log); err != nil {
			return err
		}
	}
	return f.review.open(opts, to.hub, f.git.Branch, to.repo, way)
}

// ifSet is the name of an environment variable that is set, or empty.
func ifSet(name string) string {
	if os.Getenv(name) == "" {
		return ""
	}
	return name
}

// direct says whether agents are reached at their own addresses, which is so
// inside the cluster; then the network policy lets the namespace's daemon in.
func (f *runFlags) direct() bool {
	inside := os.Getenv("KUBERNETES_SERVICE_HOST") != "" && f.cluster.kubeconfig == ""
	return f.agentAccess == "direct" || (f.agentAccess == "auto" && inside)
}

// way leads to the environment's pods.
func (f *runFlags) way(config *rest.Config, namespace string) (reach.Way, error) {
	if f.direct() {
		return reach.Direct(), nil
	}
	return reach.ThroughAPIServer(config, namespace)
}
