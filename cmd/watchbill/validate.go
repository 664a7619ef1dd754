package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/validate"
)

func newValidate(io streams) *cobra.Command {
	output := "text"
	cmd := &cobra.Command{
		Use:   "validate [PATH]",
		Short: "Check a monitoring repo",
		Long:  "Check the monitoring repo in PATH (default: this folder) for every environment.\nExit code 1 if there is an error; warnings alone are 0.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("output", output, "text", "json"); err != nil {
				return err
			}
			repo, err := openFolder(args)
			if err != nil {
				return err
			}
			findings := build.New(render.Options{}).Check(repo)
			if err := printFindings(io, output, repo, findings); err != nil {
				return err
			}
			if len(validate.Blocking(findings)) > 0 {
				return errFound
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", output, "text or json")
	return cmd
}

func printFindings(io streams, output string, repo fs.FS, findings []validate.Finding) error {
	if output == "json" {
		return validate.PrintJSON(io.out, findings)
	}
	return validate.Print(io.out, findings, func(path string) []byte {
		content, err := fs.ReadFile(repo, path)
		if err != nil {
			return nil // a finding on a file that is not there
		}
		return content
	})
}

// openFolder opens the monitoring repo named by the one argument, or this folder.
func openFolder(args []string) (fs.FS, error) {
	path := "."
	if len(args) == 1 {
		path = args[0]
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the monitoring repo: %w", err)
	}
	return root.FS(), nil
}

func writeJSON(w interface{ Write([]byte) (int, error) }, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
