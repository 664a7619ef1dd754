package repolayout

import (
	"cmp"
	"fmt"
	"slices"
)

// report collects the problems of one file or folder.
type report struct {
	file  string
	owner string // team, or empty
	found []Problem
}

// at is a place in the report's file.
func (r *report) at(line, column int) Pos { return Pos{File: r.file, Line: line, Column: column} }

// add reports a problem at a place.
func (r *report) add(check string, at Pos, hint, format string, args ...any) {
	r.found = append(r.found, Problem{
		Pos: at, Check: check, Owner: r.owner, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// warn reports a problem that leaves the repo usable.
func (r *report) warn(check string, at Pos, hint, format string, args ...any) {
	r.add(check, at, hint, format, args...)
	r.found[len(r.found)-1].Warning = true
}

func sortProblems(p []Problem) {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Check, b.Check),
			cmp.Compare(a.Message, b.Message),
		)
	})
}
