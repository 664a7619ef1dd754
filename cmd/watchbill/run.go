package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	crlog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/reconcile/reach"
	"github.com/watchbill/watchbill/reconcile/source"
	"github.com/watchbill/watchbill/render"
)

// defaultImage is the image of Watchbill itself where no flag names one.
const defaultImage = "ghcr.io/watchbill/watchbill:v0.1.0"

// runFlags are what the daemon is told.
type runFlags struct {
	cluster     clusterFlags
	logs        logFlags
	git         source.Options
	forge       forgeFlags
	environment string
	agentImage  string
	agentAccess string
	listen      string
	webhook     webhookFlags
	review      reviewFlags
	signers     signerFlags
	poll        time.Duration
	proof       time.Duration
	leaderElect bool
	once        bool
	dryRun      bool
}

func (f *runFlags) add(flags *pflag.FlagSet) {
	f.cluster.add(flags)
	f.logs.add(flags)
	flags.StringVarP(&f.environment, "environment", "e", "", "environment of the repo that this daemon keeps (required)")
	flags.StringVar(&f.git.URL, "repo", "", "URL of the monitoring repo: https, ssh or file (required)")
	flags.StringVar(&f.git.Branch, "branch", "main", "branch that is followed")
	flags.StringVar(&f.git.Dir, "clone-dir", "", "folder for the bare clone (required)")
	flags.DurationVar(&f.git.Timeout, "git-timeout", time.Minute, "how long a fetch may take")
	flags.StringVar(&f.git.CABundle, "git-ca-file", "", "file with the certificate authorities of the git server")
	flags.BoolVar(&f.git.AllowPlainHTTP, "git-allow-plain-http", false, "send the credential over http too, which anyone on the way can read")
	flags.StringVar(&f.git.Auth.Username, "git-username", "", "user name for https")
	flags.StringVar(&f.git.Auth.Password.File, "git-password-file", "", "file with the password or token for https; or WATCHBILL_GIT_PASSWORD")
	flags.StringVar(&f.git.Auth.SSHKey.File, "git-ssh-key-file", "", "file with the private key for ssh; or WATCHBILL_GIT_SSH_KEY")
	flags.StringVar(&f.git.Auth.SSHPassphrase.File, "git-ssh-passphrase-file", "", "file with the key's passphrase; or WATCHBILL_GIT_SSH_PASSPHRASE")
	flags.StringVar(&f.git.Auth.KnownHosts, "git-known-hosts-file", "", "known_hosts file with the git server's key (required for ssh)")
	f.forge.add(flags)
	flags.StringVar(&f.agentImage, "agent-image", "", "image of Watchbill itself, for the agents; default: that of the daemon's own pod")
	flags.StringVar(&f.agentAccess, "agent-access", "auto", "how agents are reached: direct, proxy (through the API server) or auto")
	flags.StringVar(&f.listen, "listen", ":9532", "address of /metrics, /healthz, /readyz and /-/poke; empty for none")
	f.webhook.add(flags)
	f.review.add(flags)
	f.signers.add(flags)
	flags.DurationVar(&f.poll, "poll", 30*time.Second, "how often git is asked when nothing wakes the daemon")
	flags.DurationVar(&f.proof, "proof-timeout", 5*time.Minute, "how long every replica may take to give its proof")
	flags.BoolVar(&f.leaderElect, "leader-elect", false, "work only while holding the environment's Lease")
	flags.BoolVar(&f.once, "once", false, "take the newest revision through, then end: 0 if it is live, else 1")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print what would change in the cluster and write nothing: 0 if nothing would, else 1")
}

// check refuses what cannot work, before anything is opened.
func (f *runFlags) check() error {
	var faults []error
	for flag, value := range map[string]string{"environment": f.environment, "repo": f.git.URL, "clone-dir": f.git.Dir} {
		if value == "" {
			faults = append(faults, fmt.Errorf("--%s is needed (or %s)", flag, variable(flag)))
		}
	}
	if f.poll < time.Second {
		faults = append(faults, fmt.Errorf("--poll %s: at least 1s", f.poll))
	}
	if f.proof < time.Second {
		faults = append(faults, fmt.Errorf("--proof-timeout %s: at least 1s", f.proof))
	}
	faults = append(faults, f.webhook.check(), f.review.check())
	return errors.Join(append(faults, oneOf("agent-access", f.agentAccess, "auto", "direct", "proxy"))...)
}

func newRun(io streams) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Keep an environment as the monitoring repo says",
		Long: `Follow a branch of the monitoring repo and keep one environment as it says:
validate, render, apply, have every replica reload, read back what each runs, and
report on the commit. Runs until it is told to end.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			log, err := f.logs.logger(io.err)
			if err != nil {
				return err
			}
			quiet, err := (&logFlags{level: "warn", format: f.logs.format}).logger(io.err)
			if err != nil {
				return err
			}
			klog.SetSlogLogger(quiet) // what client-go says of its own doings
			crlog.SetLogger(klog.Background())
			return f.run(cmd.Context(), io, log)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *runFlags) run(ctx context.Context, io streams, log *slog.Logger) error {
	config, namespace, err := f.cluster.connect()
	if err != nil {
		return err
	}
	f.git.Log = log
	f.git.Auth.Password.Env = ifSet("WATCHBILL_GIT_PASSWORD")
	f.git.Auth.SSHKey.Env = ifSet("WATCHBILL_GIT_SSH_KEY")
	f.git.Auth.SSHPassphrase.Env = ifSet("WATCHBILL_GIT_SSH_PASSPHRASE")
	hub, reporter, closeReporter, err := f.forge.open(f.git.URL, log)
	if err != nil {
		return err
	}
	defer closeReporter()
	f.appForGit(hub)
	repo, err := source.Open(f.git)
	if err != nil {
		return err
	}
	defer repo.Close()
	verify, err := f.signers.verify(log)
	if err != nil {
		return err
	}
	way, err := f.way(config, namespace)
	if err != nil {
		return err
	}
	if f.agentImage == "" {
		if f.agentImage, err = ownImage(ctx, config, namespace); err != nil {
			return err
		}
	}
	daemonNamespace := ""
	if f.direct() {
		daemonNamespace = namespace
	}
	opts := reconcile.Options{
		Environment: f.environment, Namespace: namespace, Source: repo, Reporter: reporter, Verify: verify,
		Render: render.Options{AgentImage: f.agentImage, DaemonNamespace: daemonNamespace},
		Config: config, Ask: proof.Through(way), Listen: f.listen, Poll: f.poll, ProofWithin: f.proof, Once: f.once, Log: log,
	}
	if f.leaderElect {
		if opts.Identity, err = os.Hostname(); err != nil {
			return fmt.Errorf("name this process for the leader election: %w", err)
		}
	}
	if f.once || f.dryRun {
		opts.Listen, f.webhook.listen, f.review.pulls = "", "", false
	}
	if f.webhook.listen != "" {
		hosted, err := f.forge.repo(f.git.URL)
		if err != nil {
			return err
		}
		if err := f.webhook.open(&opts, hosted, f.git.Branch, log); err != nil {
			return err
		}
	}
	if err := f.review.open(&opts, hub, f.git.Branch, repo, way); err != nil {
		return err
	}
	daemon, err := reconcile.New(opts)
	if err != nil {
		return err
	}
	if f.dryRun {
		return dryRun(ctx, io, daemon)
	}
	err = daemon.Run(ctx)
	if errors.Is(err, reconcile.ErrNotLive) {
		fmt.Fprintln(io.err, "watchbill:", err)
		return errFound
	}
	return err
}

// ifSet is the name of an environment variable that is set, or empty.
func ifSet(name string) string {
	if os.Getenv(name) == "" {
		return ""
	}
	return name
}

func dryRun(ctx context.Context, io streams, daemon *reconcile.Daemon) error {
	todo, err := daemon.DryRun(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(io.out, todo)
	if !todo.Empty() {
		return errFound
	}
	return nil
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
