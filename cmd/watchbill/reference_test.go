package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the generated docs anew")

// TestReference holds docs/reference/commands.md in step with the commands.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Commands\n\nGenerated from the commands themselves by `make golden`.\n" +
		"Every flag can be set in the environment: `--proof-timeout` is `WATCHBILL_PROOF_TIMEOUT`.\n" +
		"Exit codes: 0 fine, 1 findings or a difference, 2 usage or fault.\n")
	for _, cmd := range newRoot(streams{}).Commands() {
		describe(&b, cmd)
	}
	path := filepath.Join("..", "..", "docs", "reference", "commands.md")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("write it anew with make golden: %s", diff)
	}
}

func describe(b *strings.Builder, cmd *cobra.Command) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(b, "\n## %s %s\n\n%s\n", cmd.Parent().CommandPath(), cmd.Use, text)
	describeFlags(b, cmd)
	for _, sub := range cmd.Commands() {
		describe(b, sub)
	}
}

func describeFlags(b *strings.Builder, cmd *cobra.Command) {
	if !cmd.HasAvailableLocalFlags() {
		return
	}
	b.WriteString("\n| flag | default | what |\n| --- | --- | --- |\n")
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		value := ""
		if f.DefValue != "" && f.DefValue != "false" {
			value = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, value, strings.ReplaceAll(f.Usage, "|", "\\|"))
	})
}
