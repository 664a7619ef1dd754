package review

import (
	"cmp"
	"slices"

	"github.com/watchbill/watchbill/reconcile/forge"
	"github.com/watchbill/watchbill/validate"
)

// maxNotes is how many lines of a change are marked; errors come first.
const maxNotes = 500

// notes are the findings as remarks on lines.
func notes(findings []validate.Finding) []forge.Note {
	sorted := slices.SortedStableFunc(slices.Values(findings), func(a, b validate.Finding) int {
		return cmp.Compare(a.Severity, b.Severity) // error before warning
	})
	var out []forge.Note
	for _, f := range sorted {
		if f.File == "" || len(out) == maxNotes {
			continue
		}
		out = append(out, note(f))
	}
	return out
}

func note(f validate.Finding) forge.Note {
	n := forge.Note{
		File: f.File, Line: max(f.Line, 1), EndLine: max(f.EndLine, f.Line, 1),
		Failure: f.Severity == validate.Error, Title: f.Check, Message: shorten(redact(f.Message), 4_000),
	}
	if f.Line > 0 && f.Column > 0 {
		n.Column, n.EndColumn = f.Column, f.Column
		if f.EndColumn > 0 {
			n.EndColumn = f.EndColumn
		}
	}
	if f.Hint != "" {
		n.Message += "\nhint: " + shorten(redact(f.Hint), 2_000)
	}
	return n
}
