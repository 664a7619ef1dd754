package validate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/ruletest"
)

const testsFailed = "tests/failed"

// Tests runs the unit tests of rules. It remembers what came of those that the
// last run had, and runs only those again whose file, or one of whose rule files,
// is another. The zero Tests remembers nothing yet. It is not safe for concurrent use.
type Tests struct {
	known map[testKey][]Finding
}

// testKey names what the verdict on a test file depends on.
type testKey struct {
	path string
	of   [sha256.Size]byte // its content, and its rule files'
}

// testJob is a test file whose verdict is not known.
type testJob struct {
	key   testKey
	owner string
	found []Finding // in the file itself
}

// Check runs the tests of all teams. The repo is what was loaded of fsys.
func (t *Tests) Check(fsys fs.FS, repo *repolayout.Repo) []Finding {
	digests := map[string]string{}
	for _, team := range repo.Teams {
		for _, f := range team.Rules {
			digests[f.Path] = f.Digest
		}
	}
	now := map[testKey][]Finding{}
	var files []*ruletest.File
	var jobs []testJob
	var out []Finding
	for _, team := range repo.Teams {
		for _, f := range team.Tests {
			parsed, problems := ruletest.Parse(f.Path, f.Content)
			job := testJob{owner: team.Name, found: problemFindings(team.Name, problems)}
			if parsed == nil {
				out = append(out, job.found...)
				continue
			}
			job.key = testKeyOf(fsys, f, parsed, digests)
			if known, ok := t.known[job.key]; ok {
				now[job.key] = known
				out = append(out, known...)
				continue
			}
			files, jobs = append(files, parsed), append(jobs, job)
		}
	}
	results := (&ruletest.Runner{FS: fsys}).Run(context.Background(), files, ruletest.Options{})
	for i, job := range jobs {
		found := append(job.found, resultFindings(job.owner, &results.Files[i])...)
		now[job.key] = found
		out = append(out, found...)
	}
	t.known = now
	return Judge(Sort(out), repo.Stack.Policies)
}

// testKeyOf covers the rule files that the test file names as they stand.
func testKeyOf(fsys fs.FS, f *repolayout.File, parsed *ruletest.File, digests map[string]string) testKey {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", f.Digest)
	paths, _ := parsed.Resolve(fsys) // the run says what is wrong with them
	for _, path := range paths {
		digest, ok := digests[path]
		if !ok {
			content, err := fs.ReadFile(fsys, path)
			digest = fmt.Sprintf("%x %v", sha256.Sum256(content), err)
		}
		fmt.Fprintf(h, "%q %q\n", path, digest)
	}
	return testKey{f.Path, [sha256.Size]byte(h.Sum(nil))}
}

func problemFindings(owner string, problems []ruletest.Problem) []Finding {
	var out []Finding
	for _, p := range problems {
		f := testFinding(owner, p.File, p.Position)
		f.Message, f.Hint = p.Message, p.Hint
		if p.Warning {
			f.Severity = Warning
		}
		out = append(out, f)
	}
	return out
}

// resultFindings are of the tests that fail. Where the rule files cannot be
// loaded, the checks of rules say so, once for all tests.
func resultFindings(owner string, result *ruletest.FileResult) []Finding {
	out := problemFindings(owner, result.Problems)
	for i := range result.Tests {
		test := &result.Tests[i]
		for j := range test.Failures {
			failure := &test.Failures[j]
			if failure.Kind == ruletest.KindRules || len(out) == maxFindings {
				continue
			}
			f := testFinding(owner, result.Path, failure.Position)
			f.Message = fmt.Sprintf("test %q: %s", test.Name, failure.Message)
			f.Hint = cmp.Or(failure.Hint, "watchbill test shows what is expected and what there is")
			out = append(out, f)
		}
	}
	return out
}

func testFinding(owner, path string, at ruletest.Position) Finding {
	return Finding{
		Check: testsFailed, Severity: Error, Owner: owner,
		Pos: repolayout.Pos{File: path, Line: at.Line, Column: at.Column},
	}
}
