package main

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/watchbill/watchbill/reconcile/build"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/ruletest"
)

// testReport is what came of the tests of a repo.
type testReport struct {
	Passed   bool                    `json:"passed"`
	Files    []ruletest.FileResult   `json:"files"`
	Coverage []ruletest.TeamCoverage `json:"coverage"`
}

// runTests runs the tests whose name matches, or all.
func runTests(ctx context.Context, fsys fs.FS, run *regexp.Regexp) (*testReport, error) {
	repo, problems := repolayout.NewLoader().Load(fsys)
	if len(repo.Teams) == 0 {
		for _, f := range validate.Blocking(validate.Sort(validate.Problems(problems))) {
			return nil, fmt.Errorf("read the monitoring repo: %s", f)
		}
		return nil, fmt.Errorf("the repo has no team; tests stand in teams/NAME/tests/*.yaml")
	}
	files, found := testFiles(repo)
	results := (&ruletest.Runner{FS: fsys}).Run(ctx, files, ruletest.Options{Run: run})
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("run the tests: %w", err)
	}
	report := &testReport{Passed: true, Files: found, Coverage: build.Coverage(fsys, repo)}
	if run != nil && countTests(results.Files) == 0 {
		return nil, fmt.Errorf("--run %q matches the name of no test", run)
	}
	byPath := map[string]*ruletest.FileResult{}
	for i := range results.Files {
		byPath[results.Files[i].Path] = &results.Files[i]
	}
	for i := range report.Files {
		f := &report.Files[i]
		if ran := byPath[f.Path]; ran != nil {
			ran.Problems = append(f.Problems, ran.Problems...)
			*f = *ran
		}
		report.Passed = report.Passed && f.Passed
	}
	return report, nil
}

// testFiles reads the test files: those that can be run, and of all what was found in them.
func testFiles(repo *repolayout.Repo) (files []*ruletest.File, found []ruletest.FileResult) {
	found = []ruletest.FileResult{}
	for _, team := range repo.Teams {
		for _, f := range team.Tests {
			parsed, problems := ruletest.Parse(f.Path, f.Content)
			found = append(found, ruletest.FileResult{Path: f.Path, Problems: problems})
			if parsed != nil {
				files = append(files, parsed)
			}
		}
	}
	return files, found
}

func countTests(files []ruletest.FileResult) int {
	n := 0
	for i := range files {
		n += len(files[i].Tests)
	}
	return n
}
