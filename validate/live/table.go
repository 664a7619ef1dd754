package live

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// maxRows is how many outcomes a table has.
const maxRows = 50

// Table writes outcomes for people: those that fired most first, those that never did as a number.
func Table(w io.Writer, outcomes []Outcome) error {
	var fired, unknown []Outcome
	quiet, left := 0, 0
	for _, o := range outcomes {
		switch {
		case strings.HasPrefix(o.Unknown, notTried):
			left++
			unknown = append(unknown, o)
		case o.Unknown != "":
			unknown = append(unknown, o)
		case o.Firings > 0 || len(o.Notes) > 0:
			fired = append(fired, o)
		default:
			quiet++
		}
	}
	slices.SortStableFunc(fired, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(b.Firings, a.Firings), cmp.Compare(b.Firing, a.Firing))
	})
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(fired) > 0 {
		fmt.Fprintln(t, "ALERT\tTEAM\tCHANGE\tFIRED\tIN ALL\tLONGEST\tAT ONCE\tFIRST\tLAST")
	}
	for _, o := range fired[:min(len(fired), maxRows)] {
		fmt.Fprintln(t, strings.Join(o.row(), "\t"))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the backtests: %w", err)
	}
	var words []string
	for _, n := range []struct {
		n    int
		word string
	}{{len(fired) - maxRows, "more"}, {quiet, "would not have fired"}, {len(unknown), "not known"}} {
		if n.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n.n, n.word))
		}
	}
	for _, o := range fired[:min(len(fired), maxRows)] {
		for _, note := range o.Notes {
			fmt.Fprintf(w, "%s: %s\n", o.Name, note)
		}
	}
	tellUnknown(w, unknown)
	_, err := fmt.Fprintf(w, "backtest of %s%s\n", counted(len(outcomes), "alert", "alerts"), since(outcomes, words))
	return err
}

// tellUnknown says why, once for each reason.
func tellUnknown(w io.Writer, unknown []Outcome) {
	names := map[string][]string{}
	var reasons []string
	for _, o := range unknown {
		if names[o.Unknown] == nil {
			reasons = append(reasons, o.Unknown)
		}
		names[o.Unknown] = append(names[o.Unknown], o.Name)
	}
	for _, reason := range reasons[:min(len(reasons), maxRows)] {
		of := names[reason]
		who := strings.Join(of[:min(len(of), maxNamed)], ", ")
		if len(of) > maxNamed {
			who += fmt.Sprintf(" and %d more", len(of)-maxNamed)
		}
		fmt.Fprintf(w, "%s: %s\n", who, reason)
	}
}

func since(outcomes []Outcome, words []string) string {
	text := ""
	for _, o := range outcomes {
		if !o.From.IsZero() {
			text = fmt.Sprintf(" over the last %s", short(longest(outcomes)))
			break
		}
	}
	if len(words) > 0 {
		text += ": " + strings.Join(words, ", ")
	}
	return text
}

// longest is the time that was looked at, of the alert that was tried over most.
func longest(outcomes []Outcome) (d time.Duration) {
	for _, o := range outcomes {
		d = max(d, o.To.Sub(o.From))
	}
	return d
}

func (o *Outcome) row() []string {
	change := string(o.Kind)
	if change == "" {
		change = "-"
	}
	row := []string{o.Name, o.Team, change, fmt.Sprintf("%dx", o.Firings)}
	if o.Firings == 0 {
		return append(row, "-", "-", "-", "-", "-")
	}
	last := o.Last.Format(minute)
	if o.Still {
		last = "fires now"
	}
	return append(row, short(time.Duration(o.Firing)), short(time.Duration(o.Longest)), fmt.Sprint(o.AtOnce), o.First.Format(minute), last)
}

const minute = "2006-01-02 15:04Z"
