package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// streams are where a command reads and writes: data goes to out, all else to err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

func newRoot(io streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "watchbill",
		Short: "GitOps for monitoring stacks, with proof",
		Long: `Watchbill keeps a monitoring stack (Prometheus, Alertmanager) as a git
repository says: it validates, renders, applies and reloads, and reads back from
every running process what it loaded.

Every flag can be set in the environment: --proof-timeout is WATCHBILL_PROOF_TIMEOUT.
Exit codes: 0 fine, 1 findings or a difference, 2 usage or fault.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags()) },
	}
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		newRun(io), newAgent(io), newInit(io), newValidate(io), newRender(io),
		newDiff(io), newStatus(io), newRollback(io), newVersion(io),
		newJobs(io), newStore(io), newRetention(io), newJob(io),
		newRoutes(io), newTest(io), newImport(io),
	)
	return root
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "WATCHBILL_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(flag))
}

// fromEnvironment sets the flags that were not given from their variables.
func fromEnvironment(flags *pflag.FlagSet) error {
	var faults []error
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := os.LookupEnv(variable(f.Name))
		if !ok || f.Changed || f.Name == "help" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", variable(f.Name), err))
		}
	})
	return errors.Join(faults...)
}

// logFlags choose how a daemon logs.
type logFlags struct {
	level, format string
}

func (l *logFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&l.level, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&l.format, "log-format", "text", "text or json")
}

func (l *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", l.level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch l.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("--log-format %q: use text or json", l.format)
}

// oneOf checks a flag that takes one of a few words.
func oneOf(flag, value string, words ...string) error {
	for _, w := range words {
		if value == w {
			return nil
		}
	}
	return fmt.Errorf("--%s %q: use one of %s", flag, value, strings.Join(words, ", "))
}
