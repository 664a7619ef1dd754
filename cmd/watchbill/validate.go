package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/prometheus/common/version"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/report"
)

// validateOutputs are the forms that findings can be written in.
var validateOutputs = []string{"text", "json", "github", "sarif", "junit"}

// mostShown is how many findings are shown in full when nobody asked for all.
const mostShown = 100

type validateFlags struct {
	output, since string
	all           bool
	checks        []string
	cache         cacheFlags
	live          liveFlags
}

func newValidate(io streams) *cobra.Command {
	flags := validateFlags{output: "text"}
	cmd := &cobra.Command{
		Use:   "validate [PATH]",
		Short: "Check a monitoring repo",
		Long: `Check the monitoring repo in PATH (default: this folder) for every environment.

With --changed-since, everything is checked all the same, and reported is what
the change has to do with: findings in files that differ from the revision, and
findings elsewhere that were not there before. Where REV has gone on since this
branch left it, what counts is the commit where they parted.

With --query-url, a running Prometheus is asked too: whether what rules select is
there, what it costs, and with --backtest how often alerts would have fired. That
it has no answer is a warning.

Exit code 1 if there is an error among what is reported; warnings alone are 0.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("output", flags.output, validateOutputs...); err != nil {
				return err
			}
			return flags.run(cmd.Context(), io, args)
		},
	}
	cmd.Flags().StringVarP(&flags.output, "output", "o", flags.output, "text, json, github (annotations of a workflow), sarif or junit")
	cmd.Flags().StringSliceVar(&flags.checks, "checks", nil, "make only these checks: `ids` such as rules/syntax, or rules/* (default: all)")
	cmd.Flags().StringVar(&flags.since, "changed-since", "", "report only what differs from this `REV` of the git repository, or what that caused")
	flags.cache.add(cmd.Flags())
	flags.live.add(cmd.Flags())
	cmd.Flags().BoolVar(&flags.all, "all", false, fmt.Sprintf("show every finding, where text shows %d", mostShown))
	return cmd
}

func (v *validateFlags) run(ctx context.Context, io streams, args []string) error {
	var selected *validate.Selection
	if len(v.checks) > 0 {
		var err error
		if selected, err = validate.Select(v.checks); err != nil {
			return fmt.Errorf("--checks: %w", err)
		}
	}
	root, err := openFolder(args)
	if err != nil {
		return err
	}
	collectLate()
	remembered := v.cache.open(io, folderOf(args))
	repo := identified(root, remembered)
	builder := build.New(render.Options{})
	builder.Remember(remembered)
	builder.Only(selected)
	var findings []validate.Finding
	if v.since == "" {
		findings = builder.Check(repo)
	} else if findings, err = checkChange(ctx, io, builder, folderOf(args), repo, v.since, selected); err != nil {
		return err
	}
	v.cache.keep(io, remembered, repo)
	asked, err := v.live.run(ctx, io, folderOf(args), repo, v.since)
	if err != nil {
		return err
	}
	findings = validate.Sort(append(findings, selected.Of(asked.findings)...))
	o := reportOptions(io.out, repo)
	o.Folder = shownFolder(folderOf(args))
	if !v.all {
		o.Limit = mostShown
	}
	if v.output == "junit" {
		if o.Files, err = build.Files(repo); err != nil {
			return err
		}
	}
	if err := writeFindings(io.out, v.output, findings, o); err != nil {
		return err
	}
	if err := printBacktests(io, v.output, asked.outcomes); err != nil {
		return err
	}
	if len(validate.Blocking(findings)) > 0 {
		return errFound
	}
	return nil
}

// printFindings writes all findings of a repo; see validateOutputs.
func printFindings(io streams, output string, repo fs.FS, findings []validate.Finding) error {
	return writeFindings(io.out, output, findings, reportOptions(io.out, repo))
}

func writeFindings(w io.Writer, output string, findings []validate.Finding, o report.Options) error {
	switch output {
	case "json":
		return validate.PrintJSON(w, findings)
	case "github":
		return report.GitHub(w, findings, o)
	case "sarif":
		return report.SARIF(w, findings, o)
	case "junit":
		return report.JUnit(w, findings, o)
	}
	return report.Text(w, findings, o)
}

// reportOptions show the lines of this repo, in the way that w takes.
func reportOptions(w io.Writer, repo fs.FS) report.Options {
	o := report.Options{Version: version.Version, Source: func(path string) []byte {
		content, err := fs.ReadFile(repo, path)
		if err != nil {
			return nil // a finding on a file that is not there
		}
		return content
	}}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			o.Width = max(columns-10, 40) // the margin takes some
		}
	}
	return o
}

// folderOf is the monitoring repo that the one argument names, or this folder.
func folderOf(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	return "."
}

// shownFolder is how a folder stands before the paths of its files: as it was
// given, or from here if that is possible, so that a path can be opened as it is.
func shownFolder(folder string) string {
	if here, err := os.Getwd(); err == nil && filepath.IsAbs(folder) {
		if within, err := filepath.Rel(here, folder); err == nil && filepath.IsLocal(within) {
			folder = within
		}
	}
	if folder = filepath.ToSlash(filepath.Clean(folder)); folder == "." {
		return ""
	}
	return folder
}

// openFolder opens the monitoring repo named by the one argument, or this folder.
func openFolder(args []string) (fs.FS, error) {
	root, err := os.OpenRoot(folderOf(args))
	if err != nil {
		return nil, fmt.Errorf("open the monitoring repo: %w", err)
	}
	return newFolder(folderOf(args), root.FS())
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
