package main

import (
	"fmt"
	"runtime"

	"github.com/prometheus/common/version"
	"github.com/spf13/cobra"
)

func newVersion(io streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			number := version.Version
			if number == "" {
				number = "dev"
			}
			_, err := fmt.Fprintf(io.out, "watchbill %s (revision %s, %s)\n", number, version.GetRevision(), runtime.Version())
			return err
		},
	}
}
