package ruletest

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
)

// Runner runs test files. It remembers rule files, so make a new one when they
// may have changed. It may be used by many at a time.
type Runner struct {
	// FS is what rule_files are looked up in. Paths of test files are paths in it.
	FS fs.FS
	// Groups gives the groups of a rule file that was parsed already, or what
	// rulefmt has against it, by its path in FS. It is asked once for each path, by
	// many at a time. If nil the file is read from FS and parsed.
	Groups func(path string) ([]rulefmt.RuleGroup, []error)

	once    sync.Once
	rules   ruleFiles
	engines sync.Map // evaluation interval to func() *promql.Engine
}

// Options say what is run and how.
type Options struct {
	// Run leaves out the tests whose name does not match; unnamed tests have the
	// empty name, as for promtool. nil runs all.
	Run *regexp.Regexp
	// Parallel is how many tests run at a time: GOMAXPROCS if 0.
	Parallel int
	// Limits of each test; what is 0 is as in DefaultLimits.
	Limits Limits
}

// job is one test to run, and where its result goes.
type job struct {
	file   *File
	test   *Test
	paths  []string
	result *TestResult
	clock  *fileClock
	over   bool // the tests before it have used up what the file may use
}

// fileClock is the time that the tests of a file have together, from the first one's start on.
type fileClock struct {
	once     sync.Once
	deadline time.Time
}

func (c *fileClock) end(timeout time.Duration) time.Time {
	c.once.Do(func() { c.deadline = time.Now().Add(fileTimeouts * timeout) })
	return c.deadline
}

// Run runs the tests of the files. Tests that ctx ends fail.
func (r *Runner) Run(ctx context.Context, files []*File, opts Options) Results {
	r.once.Do(func() {
		r.rules.groups = r.Groups
		if r.Groups == nil {
			r.rules.groups = func(path string) ([]rulefmt.RuleGroup, []error) { return parseRules(r.FS, path) }
		}
	})
	results := Results{Files: make([]FileResult, len(files))}
	limits := opts.Limits.orDefault()
	var jobs []job
	for i, f := range files {
		jobs = append(jobs, r.plan(f, &results.Files[i], opts.Run, limits)...)
	}
	inParallel(len(jobs), opts.Parallel, func(i int) {
		j := &jobs[i]
		began := time.Now()
		*j.result = r.test(ctx, j, limits)
		j.result.Duration = time.Since(began)
	})
	for i := range results.Files {
		results.Files[i].conclude()
	}
	return results
}

// plan makes room for the results of a file.
func (r *Runner) plan(f *File, result *FileResult, run *regexp.Regexp, limits Limits) []job {
	result.Path = f.Path
	paths, problems := f.Resolve(r.FS)
	result.Problems = problems
	for _, p := range problems {
		if !p.Warning {
			return nil
		}
	}
	var jobs []job
	clock, left := &fileClock{}, int64(limits.FileWork)
	for i := range f.Tests {
		t := &f.Tests[i]
		if run == nil || run.MatchString(t.Name) {
			left -= t.work(f, limits)
			jobs = append(jobs, job{file: f, test: t, paths: paths, clock: clock, over: left < 0})
		}
	}
	result.Tests = make([]TestResult, len(jobs))
	for i := range jobs {
		jobs[i].result = &result.Tests[i]
	}
	return jobs
}

// work is how many samples and steps a test has, or a little more than it may have.
func (t *Test) work(f *File, limits Limits) int64 {
	work := min(int64(t.end()/f.EvaluationInterval), int64(limits.Evaluations)) + 1
	for i := range t.InputSeries {
		work += int64(weightOf(t.InputSeries[i].Series+" "+t.InputSeries[i].Values, limits.Samples))
		if work > int64(limits.Evaluations)+int64(limits.Samples) {
			break
		}
	}
	return work
}

func (f *FileResult) conclude() {
	f.Passed = true
	for _, p := range f.Problems {
		f.Passed = f.Passed && p.Warning
	}
	for i := range f.Tests {
		f.Passed = f.Passed && f.Tests[i].Passed
	}
}

// inParallel calls do for 0 to n-1 and waits.
func inParallel(n, parallel int, do func(i int)) {
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(n, parallel) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wait.Wait()
}

// engine is the PromQL engine for an evaluation interval, which is the step of
// subqueries that give none. The rest is as in promtool.
func (r *Runner) engine(interval time.Duration) *promql.Engine {
	once, _ := r.engines.LoadOrStore(interval, sync.OnceValue(func() *promql.Engine {
		return promql.NewEngine(promql.EngineOpts{
			MaxSamples: 10000, Timeout: 100 * time.Second, EnableAtModifier: true, EnableNegativeOffset: true,
			NoStepSubqueryIntervalFn: func(int64) int64 { return interval.Milliseconds() },
		})
	}))
	return once.(func() *promql.Engine)()
}

// test runs one test. A panic of upstream's code is a failure of the test.
func (r *Runner) test(ctx context.Context, j *job, limits Limits) (result TestResult) {
	ctx, cancelFile := context.WithDeadline(ctx, j.clock.end(limits.Timeout))
	defer cancelFile()
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	run := &testRun{ctx: ctx, file: j.file, test: j.test, limits: limits, engine: r.engine(j.file.EvaluationInterval)}
	defer func() {
		if p := recover(); p != nil {
			run.fail(Failure{Kind: KindEval, Position: j.test.Position, Message: fmt.Sprintf("evaluating this test panics: %v", p)})
		}
		result = TestResult{
			Position: j.test.Position, Name: j.test.name(), Passed: len(run.failures) == 0,
			Asserted: len(j.test.AlertTests) + len(j.test.ExprTests), Failures: run.failures,
		}
	}()
	if j.over {
		run.fail(Failure{
			Kind: KindLimit, Position: j.test.Position,
			Message: fmt.Sprintf("the tests of this file have more than %d samples and steps together", limits.FileWork), Hint: "split them over several files",
		})
		return result
	}
	run.load(&r.rules, j.paths)
	if len(run.failures) == 0 {
		run.run()
	}
	return result
}

// name is the name of the test for people.
func (t *Test) name() string {
	if t.Name == "" {
		return fmt.Sprintf("unnamed#%d", t.Index)
	}
	return t.Name
}
