package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/watchbill/watchbill/validate"
)

// GitHub writes findings as workflow commands, from which GitHub Actions makes
// annotations. It shows ten errors and ten warnings of a step; all are in its log.
func GitHub(w io.Writer, findings []validate.Finding, o Options) error {
	var out bytes.Buffer
	for _, f := range findings {
		kind := "error"
		if f.Severity == validate.Warning {
			kind = "warning"
		}
		message := strings.Map(harmless, details(f))
		fmt.Fprintf(&out, "::%s %s::%s\n", kind, strings.Join(o.properties(f), ","), commandData.Replace(message))
	}
	fmt.Fprintln(&out, Summary(findings))
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}

// properties are where it is and what it is called. A runner refuses columns of
// a span over several lines, and its endColumn is the last one of the span.
func (o Options) properties(f validate.Finding) []string {
	var out []string
	add := func(key, value string) { out = append(out, key+"="+commandProperty.Replace(value)) }
	if f.File != "" {
		add("file", o.path(f.File))
	}
	if f.Line > 0 {
		add("line", fmt.Sprint(f.Line))
	}
	switch {
	case f.Line == 0 || f.Column == 0:
	case f.EndLine > f.Line:
		add("endLine", fmt.Sprint(f.EndLine))
	default:
		add("col", fmt.Sprint(f.Column))
		if f.EndLine == f.Line && f.EndColumn > f.Column {
			add("endColumn", fmt.Sprint(f.EndColumn-1))
		}
	}
	add("title", f.Check)
	return out
}

var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
