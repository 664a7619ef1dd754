package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/watchbill/watchbill/validate"
)

// Text writes findings for people, as compilers do:
//
//	teams/payments/rules/errors.yaml:7:22: error: alert "HighErrors": could not parse expression: … [rules/syntax]
//	  7 |     expr: sum(rate(http_requests_total[5m])
//	    |           ^~~
//	    = hint: …
func Text(w io.Writer, findings []validate.Finding, o Options) error {
	p := &textPrinter{Options: o, lines: o.source()}
	shown := choose(findings, o.Limit)
	for _, f := range shown {
		p.finding(f)
	}
	p.left(findings, shown)
	fmt.Fprintln(&p.out, Summary(findings))
	if _, err := p.out.WriteTo(w); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}

// color is what a terminal takes for it.
type color string

const (
	bold   color = "1"
	red    color = "1;31"
	yellow color = "1;33"
	green  color = "1;32"
	cyan   color = "36"
	dim    color = "2"
)

var severityColors = map[validate.Severity]color{validate.Error: red, validate.Warning: yellow}

type textPrinter struct {
	Options
	out   bytes.Buffer
	lines func(file string) *lines
}

func (p *textPrinter) paint(c color, text string) string {
	if !p.Color || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func (p *textPrinter) finding(f validate.Finding) {
	message, rest, _ := strings.Cut(strings.TrimSpace(f.Message), "\n")
	if at := p.place(f); at != "" {
		fmt.Fprint(&p.out, p.paint(bold, at+":"), " ")
	}
	fmt.Fprintf(&p.out, "%s %s %s\n", p.paint(severityColors[f.Severity], string(f.Severity)+":"),
		p.paint(bold, printable(message)), p.paint(dim, "["+printable(f.Check)+"]"))
	margin := len(fmt.Sprint(f.Line)) + 2
	if line, ok := p.lines(f.File).at(f.Line); ok {
		p.excerpt(f, line, margin)
	}
	if rest != "" {
		for line := range strings.SplitSeq(rest, "\n") {
			fmt.Fprintln(&p.out, strings.TrimRight(fmt.Sprintf("%*s   %s", margin, "", indented(line)), " "))
		}
	}
	if len(f.Others) > 0 {
		p.note(margin, "also of", strings.Join(f.Others, ", "))
	}
	if f.Hint != "" {
		p.note(margin, "hint", f.Hint)
	}
}

// place is "file:line:column", as far as it is known.
func (p *textPrinter) place(f validate.Finding) string {
	file := printable(p.path(f.File))
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d:%d", file, f.Line, f.Column)
	}
	return file
}

func (p *textPrinter) excerpt(f validate.Finding, s source, margin int) {
	line, from := s.text, s.place(max(f.Column-1, 0), false)
	var to int
	switch {
	case f.EndLine > f.Line: // to the end of the line, and the span goes on
		to = len(line)
	case f.EndLine == f.Line && f.EndColumn > f.Column:
		to = s.place(f.EndColumn-1, true)
	default:
		to = from + wordAt(line, from)
	}
	width := p.Width
	if width <= 0 {
		width = 160
	}
	e := newExcerpt(line, from, to, width)
	bar := p.paint(cyan, "|")
	fmt.Fprintf(&p.out, "%s %s %s\n", p.paint(cyan, fmt.Sprintf("%*d", margin, f.Line)), bar, e.text)
	mark := "^" + strings.Repeat("~", max(e.under-1, 0))
	fmt.Fprintf(&p.out, "%*s %s %s%s\n", margin, "", bar, strings.Repeat(" ", e.before), p.paint(green, mark))
}

func (p *textPrinter) note(margin int, what, text string) {
	first, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	fmt.Fprintf(&p.out, "%*s %s %s\n", margin, "", p.paint(cyan, "= "+what+":"), printable(first))
	if rest == "" {
		return
	}
	for line := range strings.SplitSeq(rest, "\n") {
		fmt.Fprintf(&p.out, "%*s   %s\n", margin, "", indented(line))
	}
}

// indented is a line of a longer text, its tabs made blanks.
func indented(line string) string { return printable(strings.ReplaceAll(line, "\t", "    ")) }
