package report

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/watchbill/watchbill/validate"
)

// FuzzText wants every span, right or wrong, over every source to be shown in
// lines of their width, the mark under what is shown, and nothing that a
// terminal would act on.
func FuzzText(f *testing.F) {
	f.Add("expr: sum(up\n", "no", 1, 7, 1, 10, 20)
	f.Add("\texpr: 日本\x1b[31m\r\n\xff", "a\n\x07b", 1, 3, 9, 1, 7)
	f.Add("x", "", 1, 1<<62, -5, 1<<62, 0)
	f.Add(strings.Repeat("x\u0301", 500), "wide", 1, 400, 1, 402, 10)
	f.Fuzz(func(t *testing.T, source, message string, line, column, endLine, endColumn, width int) {
		width = 5 + max(0, min(width, 500))
		finding := finding(validate.Error, "a.yaml", line, column, endLine, endColumn, message, message)
		var out strings.Builder
		o := Options{Width: width, Source: func(string) []byte { return []byte(source) }}
		if err := Text(&out, []validate.Finding{finding}, o); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r != '\n' && harmless(r) != r || r == '\t' {
				t.Errorf("%q is shown", r)
			}
		}
		shownLine, ok := newLines("a.yaml", []byte(source)).at(line)
		if ok {
			e := newExcerpt(shownLine.text, max(column-1, 0), max(column, 1), width)
			shown := 0
			for _, r := range e.text {
				shown += cellOf(r).width
			}
			if shown > width+1 || e.before+e.under > shown {
				t.Errorf("%d columns of %d, the mark at %d, %d wide: %q", shown, width, e.before, e.under, e.text)
			}
		}
		for _, to := range []func(io.Writer, []validate.Finding, Options) error{GitHub, SARIF, JUnit} {
			var out strings.Builder
			if err := to(&out, []validate.Finding{finding}, o); err != nil || !utf8.ValidString(out.String()) {
				t.Errorf("%v: %q", err, out.String())
			}
		}
	})
}
