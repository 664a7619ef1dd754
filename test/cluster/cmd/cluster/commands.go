package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/watchbill/watchbill/test/cluster"
	"github.com/watchbill/watchbill/test/cluster/node"
)

// command is the whole command line.
func command() *cobra.Command {
	// Kubernetes's packages add flags of their own to every command line. Ours has none of them.
	pflag.CommandLine = pflag.NewFlagSet("cluster", pflag.ContinueOnError)
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "A real Kubernetes on this machine, for tests and demo",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	o := &cluster.Options{Progress: os.Stderr}
	root.PersistentFlags().StringVar(&o.Name, "name", "demo", "the cluster's name")
	root.PersistentFlags().StringVar(&o.Dir, "dir", "", "the cluster's folder (by default under the user's cache folder)")
	root.AddCommand(up(o), down(o), list(), kubeconfig(o), status(o), address(o), enter(o), load(o), start(o), stop(o), logs(o))
	return root
}

func up(o *cluster.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring a cluster up, unless it is, and print the path of its kubeconfig",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			c, err := cluster.Up(ctx, *o)
			if err == nil {
				fmt.Println(c.Config.Kubeconfig())
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&o.ControlPlaneOnly, "control-plane-only", false, "only etcd and the API server, on the loopback: needs no root and runs no pods")
	return cmd
}

func down(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Remove a cluster and all of it, if it is there",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return cluster.Down(*o) },
	}
}

func list() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the clusters",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := cluster.List()
			if err != nil {
				return err
			}
			return table("NAME\tSTATE\tKUBECONFIG", func(row io.Writer) {
				for _, c := range all {
					state := "ready"
					if err := c.Health(cmd.Context()); err != nil {
						state = err.Error()
					}
					fmt.Fprintf(row, "%s\t%s\t%s\n", c.Config.Name, state, c.Config.Kubeconfig())
				}
			})
		},
	}
}

func kubeconfig(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the path of a cluster's kubeconfig",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := cluster.Find(*o)
			if err == nil {
				fmt.Println(c.Config.Kubeconfig())
			}
			return err
		},
	}
}

func status(o *cluster.Options) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how a cluster's components are; exit code 1 when it is not ready",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cluster.Find(*o)
			if err != nil {
				return err
			}
			health := c.Health(cmd.Context())
			components, err := c.Config.Components(cmd.Context())
			if err == nil {
				if err := show(output, components); err != nil {
					return err
				}
			}
			if health != nil {
				fmt.Fprintf(os.Stderr, "cluster %s is not ready: %v\n", c.Config.Name, health)
				return errFinding
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

// show prints components for people or for programs.
func show(output string, components []node.ComponentStatus) error {
	if output == "json" {
		return json.NewEncoder(os.Stdout).Encode(components)
	}
	if output != "table" {
		return fmt.Errorf("output %q is neither table nor json", output)
	}
	return table("COMPONENT\tSTATE\tRESTARTS", func(row io.Writer) {
		for _, c := range components {
			state := map[bool]string{true: "running", false: "ended"}[c.Running]
			if c.Stopped {
				state = "stopped"
			}
			fmt.Fprintf(row, "%s\t%s\t%d\n", c.Name, state, c.Restarts)
		}
	})
}

func table(head string, rows func(io.Writer)) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 3, ' ', 0)
	fmt.Fprintln(out, head)
	rows(out)
	return out.Flush()
}
