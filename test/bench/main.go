// Command bench measures what Watchbill promises, prints a table, and writes
// the same figures to build/bench.json, a flat object of name to number.
//
// Figures that are compared are taken in one run, one after the other on the
// same machine: machines are noisy, and only their ratio says something.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"

	"github.com/watchbill/watchbill/test/stack"
)

// figures are what was measured, by name; the unit is the name's last word.
type figures map[string]float64

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 3 && args[0] == "rules-child" {
		return rulesChild(ctx, args[1], args[2], os.Stdout)
	}
	if len(args) == 3 && args[0] == "audit-child" {
		return auditChild(ctx, args[1], args[2], os.Stdout)
	}
	if len(args) == 4 && args[0] == "review-child" {
		return reviewChild(ctx, args[1:], os.Stdin, os.Stdout)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "rules, review, validate, stores or live; by default all")
	commits := flags.Int("commits", 20, "commits to take from merge to live, at least 20 for figures to quote")
	if err := flags.Parse(args); err != nil {
		return err
	}
	out := figures{}
	programs, err := stack.Programs(ctx, os.Stderr, "promtool", "versitygw", "watchbill", "prism")
	if err != nil {
		return err
	}
	if err := os.Setenv("WATCHBILL_PRISM", programs["prism"]); err != nil {
		return err
	}
	if *only == "" || *only == "rules" {
		if err := benchRules(ctx, programs["promtool"], out, os.Stderr); err != nil {
			return err
		}
	}
	if *only == "" || *only == "review" {
		if err := benchReview(ctx, out, os.Stderr); err != nil {
			return err
		}
	}
	if *only == "" || *only == "validate" {
		if err := benchValidate(ctx, programs, out, os.Stderr); err != nil {
			return err
		}
	}
	if *only == "" || *only == "stores" {
		if err := benchStores(ctx, programs["versitygw"], out, os.Stderr); err != nil {
			return err
		}
	}
	if *only == "" || *only == "live" {
		if err := benchLive(ctx, *commits, out, os.Stderr); err != nil {
			return err
		}
	}
	return out.write(os.Stdout)
}

// write prints the table and merges the figures into build/bench.json.
func (f figures) write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(table, "%s\t%.3f\t\n", name, f[name])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	root, err := stack.Root()
	if err != nil {
		return err
	}
	path := filepath.Join(root, "build", "bench.json")
	all := figures{}
	if raw, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(raw, &all); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	maps.Copy(all, f)
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

// median of the values; they are sorted.
func median(values []float64) float64 {
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}
