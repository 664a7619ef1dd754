package audit

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"k8s.io/apimachinery/pkg/util/duration"
)

// maxLines of gaps, overlaps and faults each are printed; JSON has all.
const maxLines = 20

// Table prints the summary for people.
func (s Summary) Table(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s, %s, %s\n", s.Bucket, plural(s.Blocks, "block"), plural(s.Objects, "object"), Size(s.Bytes))
	fmt.Fprintf(w, "compaction has %s to do, and %s\n",
		plural(s.Backlog.Joins, "join"), plural(s.Backlog.Downsamplings, "downsampling"))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\n%s\tLABELS\tRESOLUTION\tBLOCKS\tSIZE\tFROM\tTO\tCOVERED\tLAG\tGAPS\tOVERLAPS\tMARKED\tNOT WHOLE\n", column(s.GroupedBy))
	for _, g := range s.Groups {
		for _, st := range g.Streams {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n",
				orDash(g.Value), others(st.Labels, s.GroupedBy), st.Resolution, st.Blocks, Size(st.Bytes), minute(st.From), minute(st.To),
				seconds(st.CoveredSeconds), st.lag(), len(st.Gaps), len(st.Overlaps), st.Marked, st.NotWhole)
		}
	}
	s.gaps(t)
	s.overlaps(t)
	s.faults(t)
	if s.ForeignObjects > 0 {
		fmt.Fprintf(t, "\noutside of all blocks: %s, %s\n", plural(s.ForeignObjects, "object"), Size(s.ForeignBytes))
	}
	return t.Flush()
}

func (s Summary) gaps(w io.Writer) {
	l := lines{w: w, head: "GAP FROM\tTO\tLENGTH\tRESOLUTION\tLABELS"}
	for _, g := range s.Groups {
		for _, st := range g.Streams {
			for _, gap := range st.Gaps {
				l.print("%s\t%s\t%s\t%s\t%s", minute(&gap.From), minute(&gap.To), span(gap.To.Sub(gap.From)), st.Resolution, st.Labels)
			}
		}
	}
	l.end()
}

func (s Summary) overlaps(w io.Writer) {
	l := lines{w: w, head: "OVERLAP FROM\tTO\tBLOCK\tBLOCK\tRESOLUTION\tLABELS"}
	for _, g := range s.Groups {
		for _, st := range g.Streams {
			for _, o := range st.Overlaps {
				l.print("%s\t%s\t%s\t%s\t%s\t%s", minute(&o.From), minute(&o.To), o.Blocks[0], o.Blocks[1], st.Resolution, st.Labels)
			}
		}
	}
	l.end()
}

func (s Summary) faults(w io.Writer) {
	l := lines{w: w, head: "NOT WHOLE\tSTATE\tSIZE\tAGE\tWHY"}
	for _, f := range s.NotWhole {
		why := f.Why
		switch {
		case f.Uploading:
			why += "; its upload may still be going on"
		case f.Marked != nil:
			why += "; it is marked for deletion"
		}
		l.print("%s\t%s\t%s\t%s\t%s", f.Block, f.State, Size(f.Bytes), span(s.Taken.Sub(f.Written)), why)
	}
	l.end()
}

// lines is a table with a heading if it has any line, and not too many of them.
type lines struct {
	w     io.Writer
	head  string
	count int
}

func (l *lines) print(format string, args ...any) {
	if l.count++; l.count == 1 {
		fmt.Fprintf(l.w, "\n%s\n", l.head)
	}
	if l.count <= maxLines {
		fmt.Fprintf(l.w, format+"\n", args...)
	}
}

func (l *lines) end() {
	if l.count > maxLines {
		fmt.Fprintf(l.w, "and %d more\n", l.count-maxLines)
	}
}

// Size is a number of bytes for people, in binary units.
func Size(bytes int64) string {
	if bytes < 1024 {
		return fmt.Sprintf("%d B", bytes)
	}
	n, unit := float64(bytes)/1024, 0
	for n >= 1023.95 && unit < len(units)-1 {
		n, unit = n/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", n, units[unit])
}

const units = "KMGTPE"

func (s StreamSum) lag() string {
	if s.To == nil {
		return "-"
	}
	return seconds(s.LagSeconds)
}

func seconds(s float64) string { return span(time.Duration(s * float64(time.Second))) }

// span is a duration as kubectl writes ages.
func span(d time.Duration) string {
	if d < 0 {
		return "-" + duration.HumanDuration(-d)
	}
	return duration.HumanDuration(d)
}

func minute(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04Z")
}

func column(label string) string { return strings.ToUpper(orDash(label)) }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// others are the labels but the one that has a column of its own.
func others(l labels.Labels, name string) string {
	return labels.NewBuilder(l).Del(name).Labels().String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
