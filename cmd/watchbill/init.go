package main

import (
	"fmt"

	"github.com/spf13/cobra"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func newInit(io streams) *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Write the example monitoring repo to a new folder",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := repolayout.WriteExample(args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(io.err, "wrote a monitoring repo to %s; check it with: watchbill validate %s\n", args[0], args[0])
			return err
		},
	}
}
