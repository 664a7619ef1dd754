package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/repo-layout/importer"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/report"
)

// print writes what a person has to know, the most urgent last.
func (a *importAnswer) print(io streams, dir string) error {
	var b strings.Builder
	for _, kind := range []importer.Kind{importer.ToDo, importer.Changed, importer.Lost} {
		a.printNotes(&b, kind)
	}
	a.printSecrets(&b)
	a.printRules(&b)
	a.printAlerts(&b)
	a.printManners(&b)
	if _, err := fmt.Fprint(io.out, b.String()); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	if len(a.findings) > 0 {
		if _, err := fmt.Fprintln(io.out, "WHAT VALIDATE SAYS OF IT"); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		o := reportOptions(io.out, os.DirFS(dir))
		o.Folder, o.Limit = shownFolder(dir), mostShown
		if err := report.Text(io.out, a.findings, o); err != nil {
			return err
		}
		fmt.Fprintln(io.out)
	}
	return a.printSummary(io, dir)
}

func (a *importAnswer) printNotes(b *strings.Builder, kind importer.Kind) {
	if a.count(kind) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n", strings.ToUpper(string(kind)))
	for _, n := range a.result.Notes {
		if n.Kind != kind {
			continue
		}
		b.WriteString("  ")
		if at := sourcePlace(n.Pos); at != "" {
			b.WriteString(at + ": ")
		}
		b.WriteString(oneLine(n.Message) + "\n")
		if n.Hint != "" {
			b.WriteString("      " + oneLine(n.Hint) + "\n")
		}
	}
	b.WriteString("\n")
}

func (a *importAnswer) count(kind importer.Kind) (n int) {
	for _, note := range a.result.Notes {
		if note.Kind == kind {
			n++
		}
	}
	return n
}

func sourcePlace(p repolayout.Pos) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// oneLine keeps a text that is of the input from being more than it seems.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func (a *importAnswer) printSecrets(b *strings.Builder) {
	if len(a.result.Secrets) == 0 {
		return
	}
	fmt.Fprintf(b, "KEYS OF THE SECRET %s, in the namespace %s: put these values there, none of them is written\n", repolayout.DefaultEnvironment().ReceiversSecret, a.options.Namespace)
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	for _, s := range a.result.Secrets {
		from := s.From
		if at := sourcePlace(s.Pos); at != "" {
			from += ", " + at
		}
		fmt.Fprintf(t, "  %s\t%s\n", s.Key, oneLine(from))
	}
	t.Flush()
	b.WriteString("\n")
}

func (a *importAnswer) printRules(b *strings.Builder) {
	if len(a.rules) == 0 {
		return
	}
	b.WriteString("RULES THAT ARE NOT THE SAME\n")
	for _, d := range a.rules {
		fmt.Fprintf(b, "  %s: rule %q of group %q, team %s: %s\n", sourcePlace(d.Pos), d.Rule, d.Group, d.Team, d.What)
	}
	b.WriteString("\n")
}

func (a *importAnswer) printAlerts(b *strings.Builder) {
	if len(a.alerts) == 0 {
		return
	}
	b.WriteString("ALERTS OF WHICH OTHERS ARE TOLD\n")
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "  TEAM\tALERT\tSEVERITY\tBEFORE\tAFTER")
	for _, c := range a.alerts {
		severity := c.severity
		if severity == "" {
			severity = "-"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", c.team, oneLine(c.alert), oneLine(severity), oneLine(c.before), oneLine(c.after))
	}
	t.Flush()
	b.WriteString("\n")
}

func (a *importAnswer) printSummary(io streams, dir string) error {
	t := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "rules\t%d are the same, %d are not\n", a.sameRules, len(a.rules))
	if a.unrouted != "" {
		fmt.Fprintf(t, "who is told\tnot compared: %s\n", a.unrouted)
	} else {
		fmt.Fprintf(t, "who is told\tthe same of %d alerts, others of %d\n", a.sameAlerts, len(a.alerts))
		fmt.Fprintf(t, "how\tthe same of %d alerts: grouping, times and mutes\n", a.sameManner)
	}
	fmt.Fprintf(t, "notes\t%d not carried, %d changed, %d to do\n", a.count(importer.Lost), a.count(importer.Changed), a.count(importer.ToDo))
	fmt.Fprintf(t, "teams\t%d\n", len(a.repo.Teams))
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	word := ""
	if n := len(validate.Blocking(a.findings)); n > 0 {
		word = fmt.Sprintf(" that has %d errors", n)
	}
	_, err := fmt.Fprintf(io.err, "wrote a monitoring repo to %s%s; check it with: watchbill validate %s\n", dir, word, dir)
	return err
}
