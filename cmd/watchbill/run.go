package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	crlog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/watchbill/watchbill/reconcile"
	"github.com/watchbill/watchbill/reconcile/source"
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
	to, err := f.connect(log)
	if err != nil {
		return err
	}
	defer to.close()
	opts, err := f.options(ctx, config, namespace, to, log)
	if err != nil {
		return err
	}
	daemon, err := reconcile.New(opts)
	if err != nil {
		return err
	}
	if f.dryRun {
		return dryRun(ctx, io, daemon)
	}
	return keep(ctx, io, daemon)
}

// keep runs the daemon until it is told to end, or is done.
func keep(ctx context.Context, io streams, daemon *reconcile.Daemon) error {
	err := daemon.Run(ctx)
	if errors.Is(err, reconcile.ErrNotLive) {
		fmt.Fprintln(io.err, "watchbill:", err)
		return errFound
	}
	return err
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
