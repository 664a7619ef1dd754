package routes

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteDecision writes who is told: one line for each route that an alert may
// end at, and below it the matchers that cannot be decided.
func (t *Tree) WriteDecision(w io.Writer, d Decision) error {
	if d.Undecided != "" {
		_, err := fmt.Fprintf(w, "undecided: %s\n", d.Undecided)
		return err
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "RECEIVER\tTOLD\tDESTINATIONS\tROUTES\tREMARKS")
	for _, told := range d.Told {
		written := map[string]bool{}
		for _, o := range d.Outcomes {
			for _, hit := range o.Hits {
				path := strings.Join(hit.Path, " > ")
				if hit.Receiver != told.Receiver || written[path] {
					continue
				}
				written[path] = true
				to := strings.Join(t.receivers[hit.Receiver].Destinations, ", ")
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", hit.Receiver, told.When, dash(to), path, dash(hit.remarks()))
			}
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return d.writeReasons(w)
}

func (h Hit) remarks() string {
	var out []string
	if len(h.MuteTimes) > 0 {
		out = append(out, "muted in "+strings.Join(h.MuteTimes, ", "))
	}
	if len(h.ActiveTimes) > 0 {
		out = append(out, "only in "+strings.Join(h.ActiveTimes, ", "))
	}
	return strings.Join(out, "; ")
}

func (d Decision) writeReasons(w io.Writer) error {
	written := map[string]bool{}
	for _, told := range d.Told {
		for _, reason := range told.Because {
			if line := reason.String(); !written[line] {
				written[line] = true
				if _, err := fmt.Fprintln(w, line); err != nil {
					return fmt.Errorf("write what cannot be decided: %w", err)
				}
			}
		}
	}
	return nil
}
