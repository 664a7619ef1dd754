package validate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Severity says whether a finding blocks.
type Severity string

const (
	Error   Severity = "error"   // blocks: the owner's files do not go live
	Warning Severity = "warning" // reported only
)

// Finding is one result of validation. Findings are data, not errors: they are
// sorted, and the same repo gives the same bytes.
type Finding struct {
	Check    string   `json:"check"` // stable id, e.g. "rules/syntax"
	Severity Severity `json:"severity"`
	repolayout.Pos
	// EndLine and EndColumn are where what is wrong ends: the column is that of the
	// character after it. They are 0 where only its beginning is known; see [Finding.Mark].
	EndLine   int `json:"endLine,omitempty"`
	EndColumn int `json:"endColumn,omitempty"`
	// Owner is the team that has to act; empty when it is the whole repo's.
	Owner   string `json:"owner,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Others are the other teams that have a part in it, e.g. in a duplicate.
	Others []string `json:"others,omitempty"`
}

// String is the finding on one line, as compilers print it.
func (f Finding) String() string {
	at := ""
	switch {
	case f.Line > 0:
		at = fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Column)
	case f.File != "":
		at = f.File + ": "
	}
	return fmt.Sprintf("%s%s: %s [%s]", at, f.Severity, f.Message, f.Check)
}

// Sort puts findings in their one order and drops repeats: by place, then severity, check, message and owner.
func Sort(findings []Finding) []Finding {
	slices.SortFunc(findings, compare)
	return slices.CompactFunc(findings, func(a, b Finding) bool { return compare(a, b) == 0 })
}

func compare(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.EndLine, b.EndLine),
		cmp.Compare(a.EndColumn, b.EndColumn),
		cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Check, b.Check),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Owner, b.Owner),
		cmp.Compare(a.Hint, b.Hint),
	)
}

// Blocking returns the findings that are errors.
func Blocking(findings []Finding) []Finding {
	var out []Finding
	for _, f := range findings {
		if f.Severity == Error {
			out = append(out, f)
		}
	}
	return out
}

// withoutSecrets takes what is secret in a file out of what is said of it. The
// check of secrets itself repeats none, and speaks of them in their own words; the
// checks of rules that Prometheus accepts speak of expressions.
func withoutSecrets(findings []Finding, f *repolayout.File) []Finding {
	repeats := func(f Finding) bool {
		return f.Check != scrapeSecret && (f.Check == rulesSyntax || !strings.HasPrefix(f.Check, "rules/"))
	}
	if !slices.ContainsFunc(findings, repeats) {
		return findings
	}
	secrets := repolayout.SecretsOf(f.Path, f.Content)
	for i := range findings {
		if f := &findings[i]; repeats(*f) {
			f.Message, f.Hint = secrets.Hide(f.Message), secrets.Hide(f.Hint)
		}
	}
	return findings
}
