package routes

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// maxNames is how many alerts one line of the Markdown names.
const maxNames = 5

// counts says how many alerts there are of each kind.
func (d Difference) counts() string {
	n := map[Kind]int{}
	for _, c := range d.Changes {
		n[c.Kind]++
	}
	return fmt.Sprintf("%d changed, %d added, %d lost, %d as before", n[Changed], n[Added], n[Lost], d.Unchanged)
}

// Table writes one line for each alert that differs.
func (d Difference) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(d.Changes) > 0 {
		fmt.Fprintln(t, "CHANGE\tENVIRONMENT\tTEAM\tALERT\tSEVERITY\tBEFORE\tAFTER")
	}
	for _, c := range d.Changes {
		before, after := c.differing()
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Kind, dash(c.Environment), c.Team, c.Alert, dash(c.severity()), before, after)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	_, err := fmt.Fprintln(w, d.counts())
	return err
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (c Change) severity() string {
	if c.SeverityBefore != "" {
		return c.SeverityBefore + " → " + dash(c.Severity)
	}
	return c.Severity
}

// differing are the recipients before and after, without those that are told as before.
func (c Change) differing() (before, after *Recipients) {
	if c.Before == nil || c.After == nil {
		return c.Before, c.After
	}
	less := func(a, b *Recipients) *Recipients {
		out := &Recipients{Undecided: a.Undecided}
		for _, r := range a.Told {
			if !slices.ContainsFunc(b.Told, r.same) {
				out.Told = append(out.Told, r)
			}
		}
		if len(out.Told) == 0 && out.Undecided == "" && len(a.Told) > 0 {
			return nil
		}
		return out
	}
	return less(c.Before, c.After), less(c.After, c.Before)
}

// String is one line: who is told, and where that goes to.
func (r *Recipients) String() string {
	switch {
	case r == nil:
		return "-"
	case r.Undecided != "":
		return "undecided: " + r.Undecided
	case len(r.Told) == 0:
		return "nobody"
	}
	words := make([]string, 0, len(r.Told))
	for _, to := range r.Told {
		word := to.Receiver
		if to.When == Maybe {
			word = "maybe " + word
		}
		if len(to.Destinations) > 0 {
			word += " (" + strings.Join(to.Destinations, ", ") + ")"
		} else {
			word += " (tells nobody)"
		}
		words = append(words, word)
	}
	return strings.Join(words, "; ")
}

// Markdown writes what a pull request's comment says: one line for alerts of a
// team that change in the same way.
func (d Difference) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "**Who is told:** %s.\n", d.counts())
	if len(d.Changes) > 0 {
		b.WriteString("\n| | environment | team | alerts | before | after |\n| --- | --- | --- | --- | --- | --- |\n")
	}
	for _, g := range d.grouped() {
		c := g[0]
		before, after := c.differing()
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", c.Kind, cell(dash(c.Environment)), cell(c.Team), names(g), cell(before.String()), cell(after.String()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// grouped puts alerts together that change in the same way, in the order of the first.
func (d Difference) grouped() [][]Change {
	at := map[[5]string]int{}
	var out [][]Change
	for _, c := range d.Changes {
		key := [5]string{string(c.Kind), c.Environment, c.Team, c.Before.String(), c.After.String()}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key], out = i, append(out, nil)
		}
		out[i] = append(out[i], c)
	}
	return out
}

func names(changes []Change) string {
	var words []string
	for i, c := range changes {
		if i == maxNames {
			words = append(words, fmt.Sprintf("and %d more", len(changes)-i))
			break
		}
		word := "`" + strings.ReplaceAll(c.Alert, "`", "'") + "`"
		if severity := c.severity(); severity != "" {
			word += " (" + severity + ")"
		}
		words = append(words, cell(word))
	}
	return strings.Join(words, ", ")
}

// cell keeps a text within a cell of a table, and from being markup.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;", ">", "&gt;", "@", "@\u200b").Replace(s)
}
