package github

import (
	"fmt"
	"slices"
	"strings"

	gh "github.com/google/go-github/v92/github"

	"github.com/watchbill/watchbill/reconcile/forge"
)

const (
	// maxNotes bounds how many requests one check run takes.
	maxNotes        = 500
	maxMessage      = 64 << 10
	maxNoteTitle    = 255
	elsewhere       = "Findings without a file:\n\n"
	shortestMessage = "see the title"
)

// annotations are the notes as GitHub takes them, failures first where there are
// too many, and the text for what cannot be shown at a line.
func annotations(notes []forge.Note) (at []*gh.CheckRunAnnotation, text string) {
	var placed, loose []forge.Note
	for _, n := range notes {
		if n.File == "" {
			loose = append(loose, n)
		} else {
			placed = append(placed, n)
		}
	}
	var b strings.Builder
	if extra := len(placed) - maxNotes; extra > 0 {
		slices.SortStableFunc(placed, func(a, b forge.Note) int { return rank(a) - rank(b) })
		placed = placed[:maxNotes]
		fmt.Fprintf(&b, "%d more are not shown at their lines.\n\n", extra)
	}
	for i, n := range loose {
		if i == 0 {
			b.WriteString(elsewhere)
		}
		fmt.Fprintf(&b, "- %s\n", strings.TrimSpace(clean(n.Title)+" "+clean(n.Message)))
	}
	for _, n := range placed {
		at = append(at, annotation(n))
	}
	return at, cutMarkdown(strings.TrimSpace(b.String()), maxOutput, byteLen)
}

func rank(n forge.Note) int {
	if n.Failure {
		return 0
	}
	return 1
}

func annotation(n forge.Note) *gh.CheckRunAnnotation {
	start := max(n.Line, 1)
	end := max(n.EndLine, start)
	level := "warning"
	if n.Failure {
		level = "failure"
	}
	message := n.Message
	if strings.TrimSpace(message) == "" {
		message = shortestMessage // GitHub takes none without one
	}
	a := &gh.CheckRunAnnotation{
		Path: &n.File, StartLine: &start, EndLine: &end, AnnotationLevel: &level,
		Title: optional(cut(n.Title, maxNoteTitle)), Message: new(cutMarkdown(message, maxMessage, byteLen)),
	}
	if start == end && n.Column > 0 { // GitHub refuses columns over several lines
		a.StartColumn, a.EndColumn = &n.Column, new(max(n.EndColumn, n.Column))
	}
	return a
}
