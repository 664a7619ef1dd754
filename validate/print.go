package validate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Print writes findings for people, each with its line of source where source
// gives the file's content; source may be nil.
//
//	teams/payments/rules/errors.yaml:7:22: error: alert "HighErrors": could not parse expression: … [rules/syntax]
//	  7 |     expr: sum(rate(http_requests_total[5m])
//	    |           ^
//	    = hint: …
func Print(w io.Writer, findings []Finding, source func(path string) []byte) error {
	p := &printer{source: source, contents: map[string][]byte{}}
	counts := map[Severity]int{}
	for _, f := range findings {
		counts[f.Severity]++
		p.finding(f)
	}
	fmt.Fprintf(&p.out, "%s, %s\n", count(counts[Error], "error"), count(counts[Warning], "warning"))
	if _, err := p.out.WriteTo(w); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// PrintJSON writes findings for programs: a JSON array, empty rather than null.
func PrintJSON(w io.Writer, findings []Finding) error {
	if findings == nil {
		findings = []Finding{}
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(findings); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}

type printer struct {
	out      bytes.Buffer
	source   func(path string) []byte
	contents map[string][]byte
}

func (p *printer) finding(f Finding) {
	fmt.Fprintln(&p.out, oneLine(f.String()))
	margin := len(fmt.Sprint(f.Line)) + 2
	if f.Line > 0 {
		p.excerpt(f, margin)
	}
	if len(f.Others) > 0 {
		fmt.Fprintf(&p.out, "%*s = also of: %s\n", margin, "", strings.Join(f.Others, ", "))
	}
	if f.Hint != "" {
		fmt.Fprintf(&p.out, "%*s = hint: %s\n", margin, "", oneLine(f.Hint))
	}
}

// maxExcerpt is how much of a line is shown, in characters.
const maxExcerpt = 160

// excerpt shows the line with a mark under the column.
func (p *printer) excerpt(f Finding, margin int) {
	start, ok := offsetOf(p.content(f.File), f.Line, 1)
	if !ok {
		return
	}
	text, _, _ := bytes.Cut(p.content(f.File)[start:], []byte("\n"))
	line := []rune(string(text))
	at := min(max(f.Column-1, 0), len(line))
	lead := ""
	if at > maxExcerpt-20 { // a long line is shown from shortly before the mark
		cut := at - maxExcerpt/2
		line, at, lead = line[cut:], at-cut+1, "…"
	}
	if len(line) > maxExcerpt {
		line = append(line[:maxExcerpt:maxExcerpt], '…')
	}
	shown := lead + string(line)
	fmt.Fprintf(&p.out, "%*d | %s\n", margin, f.Line, oneLine(shown))
	fmt.Fprintf(&p.out, "%*s | %s^\n", margin, "", blanks(shown, at))
}

func (p *printer) content(path string) []byte {
	content, known := p.contents[path]
	if !known && p.source != nil {
		content = p.source(path)
		p.contents[path] = content
	}
	return content
}

// blanks takes the room of the first n characters of a line; tabs stay tabs.
func blanks(line string, n int) string {
	var out strings.Builder
	for _, r := range line {
		switch {
		case n == 0:
			return out.String()
		case r == '\t':
			out.WriteByte('\t')
		case !unicode.Is(unicode.Mn, r):
			out.WriteByte(' ')
		}
		n--
	}
	return out.String() + strings.Repeat(" ", n)
}

// oneLine keeps what a user wrote from doing anything to a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r':
			return ' '
		case r != '\t' && !unicode.IsPrint(r) || r == utf8.RuneError:
			return '�'
		}
		return r
	}, s)
}
