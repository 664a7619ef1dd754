package retain

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/watchbill/watchbill/stores/audit"
)

// Table prints the plan for people: block by block what would be done and why,
// blocks that are kept only if all are wanted, then the totals.
func (p Plan) Table(w io.Writer, all bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows := 0
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Action == Keep && !all {
			continue
		}
		if rows++; rows == 1 {
			fmt.Fprintln(t, "BLOCK\tACTION\tSIZE\tFROM\tTO\tRESOLUTION\tLABELS\tWHY")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Block, s.Action, audit.Size(s.Bytes), optional(s.From), optional(s.To),
			orDash(s.Resolution), s.Labels, s.Why)
	}
	if rows > 0 {
		fmt.Fprintln(t)
	}
	fmt.Fprint(t, "SELECTOR\tBLOCKS\tSIZE")
	for _, a := range Actions {
		fmt.Fprintf(t, "\t%s", strings.ToUpper(string(a)))
	}
	fmt.Fprintln(t)
	for _, total := range append(p.Totals[:len(p.Totals):len(p.Totals)], p.whole()) {
		fmt.Fprintf(t, "%s\t%d\t%s", total.Selector, total.Blocks, audit.Size(total.Bytes))
		for _, a := range Actions {
			fmt.Fprintf(t, "\t%s", total.Actions[a])
		}
		fmt.Fprintln(t)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(t, "\nwarning: %s", warning)
	}
	if len(p.Warnings) > 0 {
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// whole is the sum over all selectors.
func (p Plan) whole() Total {
	sum := Total{Selector: "all", Actions: map[Action]Sum{}}
	for _, t := range p.Totals {
		sum.Blocks += t.Blocks
		sum.Bytes += t.Bytes
	}
	for _, a := range Actions {
		sum.Actions[a] = p.Sum(a)
	}
	return sum
}

func (s Sum) String() string {
	if s == (Sum{}) {
		return "-"
	}
	return fmt.Sprintf("%d (%s)", s.Blocks, audit.Size(s.Bytes))
}

func optional(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return minute(*t)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
