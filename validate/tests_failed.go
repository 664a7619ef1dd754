package validate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/memory"
	"github.com/watchbill/watchbill/validate/ruletest"
)

const (
	testsCoverage = "tests/coverage"
	testsFailed   = "tests/failed"
)

// Tests runs the unit tests of rules. It remembers what came of those that the
// last run had, and runs only those again whose file, or one of whose rule files,
// is another. The zero Tests remembers nothing yet. It is not safe for concurrent use.
type Tests struct {
	// Memory keeps what came of tests for another process; nil keeps nothing.
	Memory *memory.Memory
	// Now tells the day, on which comments that silence a check until then end; nil is the clock's.
	Now func() time.Time

	known map[testKey][]Finding
}

// testKey names what the verdict on a test file depends on.
type testKey struct {
	path string
	of   [sha256.Size]byte // its content, and its rule files'
}

func (k testKey) kept() memory.Key { return memory.KeyOf("test", k.path, string(k.of[:])) }

// testHead is what is known of a test file before it runs.
type testHead struct {
	ruleFiles []ruletest.RuleFile
	found     []Finding // in the file itself
	broken    bool
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
		for i, f := range team.Tests {
			head := t.head(team, i)
			if head.broken {
				out = append(out, head.found...)
				continue
			}
			key := testKeyOf(fsys, f, head.ruleFiles, digests)
			known, ok := t.known[key]
			if !ok {
				known, ok = memory.Recall[[]Finding](t.Memory, key.kept())
			}
			if ok {
				now[key] = known
				out = append(out, known...)
				continue
			}
			parsed, _ := parseTest(team, i)
			files, jobs = append(files, parsed), append(jobs, testJob{key, team.Name, head.found})
		}
	}
	results := (&ruletest.Runner{FS: fsys}).Run(context.Background(), files, ruletest.Options{})
	for i, job := range jobs {
		found := slices.Concat(job.found, resultFindings(job.owner, &results.Files[i]))
		now[job.key] = found
		memory.Keep(t.Memory, job.key.kept(), found)
		out = append(out, found...)
	}
	t.known = now
	out = quieted(out, silencesAbout(out, repo), t.today())
	out = append(out, t.coverage(fsys, repo)...)
	return Judge(Sort(out), repo.Stack.Policies)
}

func (t *Tests) today() time.Time {
	if t.Now != nil {
		return t.Now().UTC()
	}
	return time.Now().UTC()
}

// silencesAbout reads the comments of the teams that findings are of.
func silencesAbout(findings []Finding, repo *repolayout.Repo) []silence {
	if len(findings) == 0 {
		return nil
	}
	owners := map[string]bool{}
	for _, f := range findings {
		owners[f.Owner] = true
	}
	var out []silence
	for _, team := range repo.Teams {
		if owners[team.Name] {
			out = append(out, silencesOf(team.Whole())...)
		}
	}
	return out
}

// head reads a team's test file, unless the memory knows what it says.
func (t *Tests) head(team *repolayout.Team, i int) testHead {
	f := team.Tests[i]
	key := memory.KeyOf("test file", team.Name, f.Path, f.Digest)
	if head, ok := memory.Recall[testHead](t.Memory, key); ok && f.Digest != "" {
		return head
	}
	parsed, problems := parseTest(team, i)
	head := testHead{broken: parsed == nil, found: problemFindings(team.Name, problems)}
	if parsed != nil {
		head.ruleFiles = parsed.RuleFiles
	}
	memory.Keep(t.Memory, key, head)
	return head
}

func parseTest(team *repolayout.Team, i int) (*ruletest.File, []ruletest.Problem) {
	path := team.Tests[i].Path
	for _, f := range team.Whole().Tests {
		if f.Path == path {
			parsed, problems := ruletest.Parse(path, f.Content)
			if len(problems) > 0 {
				secrets := repolayout.SecretsOf(path, f.Content)
				for i := range problems {
					problems[i].Message = secrets.Hide(problems[i].Message)
				}
			}
			return parsed, problems
		}
	}
	return &ruletest.File{Path: path}, nil // it went away this moment
}

// testKeyOf covers the rule files that the test file names as they stand.
func testKeyOf(fsys fs.FS, f *repolayout.File, ruleFiles []ruletest.RuleFile, digests map[string]string) testKey {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", f.Digest)
	paths, _ := (&ruletest.File{Path: f.Path, RuleFiles: ruleFiles}).Resolve(fsys) // the run says what is wrong with them
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
