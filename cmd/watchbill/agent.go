package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/reconcile/agent"
)

func newAgent(io streams) *cobra.Command {
	var cluster clusterFlags
	var logs logFlags
	opts := agent.Options{}
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Keep the process beside it on the bundle that its index names",
		Long: `Run as a sidecar of Prometheus, Alertmanager or Grafana: watch the component's index, fetch
the bundle that it names, swap it in, reload, read back what the process runs,
and answer the daemon at /live. Beside Prometheus, with --data-dir and
--objstore.config, it also ships blocks at POST /ship, and hands everything over
before its pod goes for good.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logs.logger(io.err)
			if err != nil {
				return err
			}
			opts.Kubeconfig, opts.Namespace, err = cluster.connect()
			if err != nil {
				return err
			}
			if opts.PodName == "" {
				opts.PodName, _ = os.Hostname()
			}
			opts.Logger = log
			opts.User, opts.Password = os.Getenv("WATCHBILL_PROCESS_USER"), os.Getenv("WATCHBILL_PROCESS_PASSWORD")
			a, err := agent.New(opts)
			if err != nil {
				return err
			}
			return a.Run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	cluster.add(flags)
	logs.add(flags)
	flags.StringVar(&opts.Component, "component", "", "prometheus, alertmanager or grafana (required)")
	flags.StringVar(&opts.Dir, "dir", "/etc/watchbill/bundle", "folder shared with the process")
	flags.StringVar(&opts.URL, "url", "http://127.0.0.1:9090", "the process, over loopback")
	flags.StringVar(&opts.Listen, "listen", ":9533", "address of /live, /ship, /startz, /readyz, /healthz and /metrics")
	flags.StringVar(&opts.Config, "config", "", "file of the bundle that the process is started with, if not every bundle has it: a shard's")
	flags.StringVar(&opts.DataDir, "data-dir", "", "where Prometheus keeps its blocks, to ship them")
	flags.StringVar(&opts.ObjectStore, "objstore.config", "", "the object store to ship to, as Thanos's YAML; keys come from the environment, as AWS's tools take them")
	flags.StringVar(&opts.PodName, "pod-name", os.Getenv("POD_NAME"), "name in the reports; default $POD_NAME, then the host's name")
	flags.DurationVar(&opts.ReloadTimeout, "reload-timeout", 2*time.Minute, "how long a reload may take")
	return cmd
}
