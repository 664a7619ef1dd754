package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/watchbill/watchbill/test/cluster"
	"github.com/watchbill/watchbill/test/cluster/images"
	"github.com/watchbill/watchbill/test/cluster/node"
)

func address(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "address",
		Short: "Print the node's address, where pods reach what \"cluster exec\" runs",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := cluster.Find(*o)
			if err == nil {
				fmt.Println(node.Address)
			}
			return err
		},
	}
}

func enter(o *cluster.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "exec -- COMMAND [ARGUMENT...]",
		Short:   "Run a command inside a cluster's network; it ends with the cluster",
		Example: "  cluster exec -- curl http://10.96.0.1",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := cluster.Find(*o)
			if err != nil {
				return err
			}
			return c.Enter(args)
		},
	}
	cmd.Flags().SetInterspersed(false) // what follows the command's name is the command's own
	return cmd
}

func load(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:     "load IMAGE=PROGRAM[,PROGRAM...]...",
		Short:   "Make images of static programs and bring them into a cluster",
		Long:    "Each image has its programs in /bin, the first of them as its entrypoint, a writable /tmp, and the user 65532.\nGive images a tag other than latest: nothing can be pulled.",
		Example: "  cluster load prometheus:3.15.0=./prometheus,./promtool",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := cluster.Find(*o)
			if err != nil {
				return err
			}
			for _, arg := range args {
				name, programs, ok := strings.Cut(arg, "=")
				if !ok {
					return fmt.Errorf("%q is not of the form IMAGE=PROGRAM[,PROGRAM...]", arg)
				}
				image, err := images.New(name, strings.Split(programs, ",")...)
				if err != nil {
					return err
				}
				done, err := c.Load(cmd.Context(), image)
				if err != nil {
					return err
				}
				what := map[bool]string{true: "loaded", false: "unchanged"}[done]
				fmt.Fprintf(os.Stderr, "%s %s\n", image.Name, what)
			}
			return nil
		},
	}
}

func start(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "start COMPONENT",
		Short: "Start a component that was stopped",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := cluster.Find(*o)
			if err != nil {
				return err
			}
			return c.Config.Start(cmd.Context(), args[0])
		},
	}
}

func stop(o *cluster.Options) *cobra.Command {
	var kill bool
	cmd := &cobra.Command{
		Use:   "stop COMPONENT",
		Short: "End a component, such as apiserver or etcd, and keep it down",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := cluster.Find(*o)
			if err != nil {
				return err
			}
			return c.Config.Stop(cmd.Context(), args[0], kill)
		},
	}
	cmd.Flags().BoolVar(&kill, "kill", false, "without giving it time to end in peace")
	return cmd
}

func logs(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "logs COMPONENT",
		Short: "Print a component's log; \"supervisor\" has one as well",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := cluster.Find(*o)
			if err != nil {
				return err
			}
			log, err := os.Open(c.Config.Log(filepath.Base(args[0])))
			if err != nil {
				return err
			}
			defer log.Close()
			_, err = io.Copy(os.Stdout, log)
			return err
		},
	}
}
