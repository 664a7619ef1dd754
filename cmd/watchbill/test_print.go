package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/watchbill/watchbill/validate/ruletest"
)

// text writes the results for people: a line for each file, and below it what
// failed, each with its place, what is expected and what there is.
func (r *testReport) text(w io.Writer, untested bool) error {
	var b strings.Builder
	passed, failed, broken := 0, 0, 0
	for i := range r.Files {
		f := &r.Files[i]
		good := 0
		for j := range f.Tests {
			if f.Tests[j].Passed {
				good++
			}
		}
		passed, failed = passed+good, failed+len(f.Tests)-good
		if !f.Passed && good == len(f.Tests) {
			broken++
		}
		writeFile(&b, f, good)
	}
	fmt.Fprintf(&b, "\n%s in %s: %d passed, %d failed", several(passed+failed, "test"), several(len(r.Files), "file"), passed, failed)
	if broken > 0 {
		fmt.Fprintf(&b, ", %s cannot be run", several(broken, "file"))
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return r.writeCoverage(w, untested)
}

func writeFile(b *strings.Builder, f *ruletest.FileResult, good int) {
	switch {
	case f.Passed && len(f.Tests) == 0:
		fmt.Fprintf(b, "ok    %s (no tests)\n", f.Path)
	case f.Passed:
		fmt.Fprintf(b, "ok    %s (%s)\n", f.Path, several(len(f.Tests), "test"))
	case good == len(f.Tests):
		fmt.Fprintf(b, "FAIL  %s (cannot be run)\n", f.Path)
	default:
		fmt.Fprintf(b, "FAIL  %s (%d of %s failed)\n", f.Path, len(f.Tests)-good, several(len(f.Tests), "test"))
	}
	for _, p := range f.Problems {
		word := "error"
		if p.Warning {
			word = "warning"
		}
		fmt.Fprintf(b, "  %s: %s: %s\n", place(f.Path, p.Position), word, p.Message)
		writeHint(b, p.Hint)
	}
	for i := range f.Tests {
		t := &f.Tests[i]
		for j := range t.Failures {
			failure := &t.Failures[j]
			fmt.Fprintf(b, "  %s: test %q: %s\n", place(f.Path, failure.Position), t.Name, failure.Message)
			writeDiff(b, failure)
			writeHint(b, failure.Hint)
		}
	}
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// place is FILE:LINE:COLUMN, as far as it is known.
func place(path string, at ruletest.Position) string {
	if at.Line == 0 {
		return path
	}
	return fmt.Sprintf("%s:%d:%d", path, at.Line, at.Column)
}

func writeDiff(b *strings.Builder, f *ruletest.Failure) {
	if len(f.Diff) > 0 {
		b.WriteString("      (- expected, + got)\n")
	}
	for _, line := range f.Diff {
		fmt.Fprintf(b, "      %s\n", line)
	}
}

func writeHint(b *strings.Builder, hint string) {
	if hint != "" {
		fmt.Fprintf(b, "      hint: %s\n", hint)
	}
}

// writeCoverage writes how many rules of each team are tested, and which are not.
func (r *testReport) writeCoverage(w io.Writer, untested bool) error {
	if len(r.Coverage) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "TEAM\tALERTS TESTED\tRECORDING RULES TESTED")
	for _, c := range r.Coverage {
		fmt.Fprintf(table, "%s\t%s\t%s\n", c.Team, share(c.AlertsTested, c.Alerts), share(c.RecordsTested, c.Records))
	}
	if err := table.Flush(); err != nil || !untested {
		return err
	}
	return r.writeUntested(w)
}

func (r *testReport) writeUntested(w io.Writer) error {
	var b strings.Builder
	for _, c := range r.Coverage {
		for _, rule := range c.Untested {
			what := "alert " + rule.Alert
			if rule.Alert == "" {
				what = "recording rule " + rule.Record
			}
			fmt.Fprintf(&b, "%s: %s has no test\n", place(rule.File, ruletest.Position{Line: rule.Line, Column: rule.Column}), what)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\n%s", b.String())
	return err
}

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d (%d %%)", n, of, 100*n/of)
}
