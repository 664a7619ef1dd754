package review

import (
	"context"
	"slices"

	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/ruletest"
)

// testsFailed is the check that runs the unit tests.
const testsFailed = "tests/failed"

// maxFailedFiles is how many test files with failures are shown in full.
const maxFailedFiles = 10

// testsChange is what the unit tests say, and how much of the rules they cover.
type testsChange struct {
	failures []testFailure
	coverage []coverageChange
}

type testFailure struct {
	file, test string
	line       int
	message    string
	diff       []string
}

// coverageChange is a team of whose rules another share has a test.
type coverageChange struct {
	team          string
	before, after ruletest.TeamCoverage
}

func compareTests(ctx context.Context, before, after *side, concerned []validate.Finding) testsChange {
	t := testsChange{failures: failures(ctx, after, concerned)}
	for _, now := range after.coverage {
		was := ruletest.TeamCoverage{Team: now.Team}
		if i := slices.IndexFunc(before.coverage, func(c ruletest.TeamCoverage) bool { return c.Team == now.Team }); i >= 0 {
			was = before.coverage[i]
		}
		if counts(was) != counts(now) {
			t.coverage = append(t.coverage, coverageChange{now.Team, was, now})
		}
	}
	return t
}

// shows says whether a finding stands among the failures, with more to it.
func (t *testsChange) shows(f validate.Finding) bool {
	return f.Check == testsFailed && slices.ContainsFunc(t.failures, func(g testFailure) bool { return g.file == f.File && g.line == f.Line })
}

func counts(c ruletest.TeamCoverage) [4]int {
	return [4]int{c.Alerts, c.AlertsTested, c.Records, c.RecordsTested}
}

// failures runs those test files once more of which a test failed, for a
// finding holds no more than a line.
func failures(ctx context.Context, s *side, concerned []validate.Finding) []testFailure {
	failed := map[string]bool{}
	for _, f := range concerned {
		if f.Check == testsFailed && f.Severity == validate.Error && len(failed) < maxFailedFiles {
			failed[f.File] = true
		}
	}
	var files []*ruletest.File
	for _, team := range s.repo.Teams {
		for _, f := range team.Tests {
			if parsed, _ := ruletest.Parse(f.Path, f.Content); parsed != nil && failed[f.Path] {
				files = append(files, parsed)
			}
		}
	}
	results := (&ruletest.Runner{FS: s.fs}).Run(ctx, files, ruletest.Options{})
	var out []testFailure
	for i := range results.Files {
		for _, test := range results.Files[i].Tests {
			for _, f := range test.Failures {
				out = append(out, testFailure{results.Files[i].Path, test.Name, f.Line, f.Message, f.Diff})
			}
		}
	}
	return out
}
