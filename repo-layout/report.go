package repolayout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// report collects the problems of one file or folder.
type report struct {
	file  string
	owner string // team, or empty
	found []Problem
}

// at is a place in the report's file.
func (r *report) at(line, column int) Pos { return Pos{File: r.file, Line: line, Column: column} }

const (
	maxProblems = 100 // of one file
	maxQuoted   = 120 // characters of what somebody wrote, in a message
)

// add reports a problem at a place. Neither a file with a problem in every line
// nor a key of a million letters makes more of it than a person can read.
func (r *report) add(check string, at Pos, hint, format string, args ...any) {
	if len(r.found) > maxProblems {
		return
	}
	if len(r.found) == maxProblems {
		check, hint, format, args = moreProblems, "", "there are more problems than these %d", []any{maxProblems}
	}
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = clip(s, maxQuoted)
		}
	}
	r.found = append(r.found, Problem{
		Pos: at, Check: check, Owner: r.owner, Message: fmt.Sprintf(format, args...), Hint: clip(hint, 3*maxQuoted),
	})
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// warn reports a problem that leaves the repo usable.
func (r *report) warn(check string, at Pos, hint, format string, args ...any) {
	before := len(r.found)
	r.add(check, at, hint, format, args...)
	if len(r.found) > before {
		r.found[before].Warning = true
	}
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
