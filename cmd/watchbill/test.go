package main

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/spf13/cobra"
)

func newTest(io streams) *cobra.Command {
	var t testFlags
	var run string
	var watch bool
	cmd := &cobra.Command{
		Use:   "test [PATH]",
		Short: "Run the unit tests of the rules",
		Long: `Run the tests of every team of the monitoring repo in PATH (default: this folder).
Tests are in the format of "promtool test rules" and have its verdicts. At the end
stands how many of each team's rules are tested: an alert is if a test expects it to
fire, a recording rule if a test expects samples of it.
Exit code 0 if all pass, 1 if one fails, 2 on a fault.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("output", t.output, "text", "json", "junit"); err != nil {
				return err
			}
			if run != "" {
				var err error
				if t.run, err = regexp.Compile(run); err != nil {
					return fmt.Errorf("--run: %w", err)
				}
			}
			fsys, err := openFolder(args)
			if err != nil {
				return err
			}
			if !watch {
				return t.once(cmd.Context(), io, fsys)
			}
			return t.watch(cmd.Context(), io, fsys)
		},
	}
	cmd.Flags().StringVar(&run, "run", "", "run only tests whose name matches this regular expression")
	cmd.Flags().BoolVar(&watch, "watch", false, "run the tests again whenever a file of a team changes, until interrupted")
	cmd.Flags().BoolVar(&t.coverage, "coverage", false, "list the rules that have no test")
	cmd.Flags().StringVarP(&t.output, "output", "o", "text", "text, json or junit")
	return cmd
}

// testFlags say which tests are run and how they are reported.
type testFlags struct {
	run      *regexp.Regexp
	coverage bool
	output   string
}

// once runs the tests as they stand.
func (t *testFlags) once(ctx context.Context, io streams, fsys fs.FS) error {
	report, err := runTests(ctx, fsys, t.run)
	if err != nil {
		return err
	}
	switch t.output {
	case "json":
		err = writeJSON(io.out, report)
	case "junit":
		err = report.junit(io.out)
	default:
		err = report.text(io.out, t.coverage)
	}
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	if !report.Passed {
		return errFound
	}
	return nil
}
