package ruletest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/rulefmt"
)

const someTests = `rule_files: [rules.yml]
tests:
- name: one
  promql_expr_test: [{expr: "1", eval_time: 1m, exp_samples: [{value: 1}]}]
- name: two
  promql_expr_test: [{expr: "1", eval_time: 1m, exp_samples: [{value: 2}]}]
- promql_expr_test: [{expr: "1", eval_time: 1m, exp_samples: [{value: 1}]}]
`

func mustParse(t *testing.T, path, content string) *File {
	t.Helper()
	f, problems := Parse(path, []byte(content))
	if f == nil {
		t.Fatal(problems)
	}
	return f
}

func TestOptionsRun(t *testing.T) {
	f := mustParse(t, "tests.yml", someTests)
	root := fstest.MapFS{"rules.yml": {Data: []byte("groups: []\n")}}
	for run, want := range map[string][]string{
		"":       {"one", "two", "unnamed#2"},
		"^one$":  {"one"},
		"o":      {"one", "two"},
		"nobody": nil,
		"^$":     {"unnamed#2"},
	} {
		results := (&Runner{FS: root}).Run(t.Context(), []*File{f}, Options{Run: regexp.MustCompile(run), Parallel: 3})
		var got []string
		for _, test := range results.Files[0].Tests {
			got = append(got, test.Name)
			if want := test.Name != "two"; test.Passed != want {
				t.Errorf("%s: passed: %v", test.Name, test.Passed)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("run %q: -want +got:\n%s", run, d)
		}
	}
}

// TestGroups takes rule groups that are parsed already, and takes them once.
func TestGroups(t *testing.T) {
	var files []*File
	for range 20 {
		files = append(files, mustParse(t, "teams/a/tests/t.yml", `rule_files: [../rules/*.yml]
tests:
- promql_expr_test: [{expr: one, eval_time: 1m, exp_samples: [{labels: one, value: 1}]}]
`))
	}
	var asked atomic.Int32
	runner := &Runner{
		FS: fstest.MapFS{"teams/a/rules/r.yml": {Data: []byte("not asked for")}},
		Groups: func(path string) ([]rulefmt.RuleGroup, []error) {
			asked.Add(1)
			if path != "teams/a/rules/r.yml" {
				t.Errorf("asked for %s", path)
			}
			return []rulefmt.RuleGroup{{Name: "g", Rules: []rulefmt.Rule{{Record: "one", Expr: "vector(1)"}}}}, nil
		},
	}
	if results := runner.Run(t.Context(), files, Options{}); !results.Passed() || asked.Load() != 1 {
		t.Errorf("passed: %v, asked %d times: %+v", results.Passed(), asked.Load(), results.Files[0])
	}
}

// TestStops ends tests from outside and by their time limit.
func TestStops(t *testing.T) {
	f := mustParse(t, "tests.yml", `tests:
- promql_expr_test: [{expr: 'absent_over_time(none[900000s:1s])', eval_time: 1m}]
`)
	ended, end := context.WithCancel(t.Context())
	end()
	for name, test := range map[string]struct {
		ctx  context.Context
		opts Options
		want string
	}{
		"from outside":  {ended, Options{}, "the test was stopped before it came to its end"},
		"by time limit": {t.Context(), Options{Limits: Limits{Timeout: time.Millisecond}}, "the test took longer than 1ms, or all of its file longer than 5ms"},
	} {
		results := (&Runner{FS: fstest.MapFS{}}).Run(test.ctx, []*File{f}, test.opts)
		failures := results.Files[0].Tests[0].Failures
		if len(failures) == 0 || failures[len(failures)-1].Message != test.want || failures[len(failures)-1].Kind != KindLimit {
			t.Errorf("%s: %+v", name, failures)
		}
	}
}

func TestFileWork(t *testing.T) {
	f := mustParse(t, "tests.yml", "tests:\n"+strings.Repeat("- {input_series: [{series: a, values: '1x50'}]}\n", 3))
	results := (&Runner{FS: fstest.MapFS{}}).Run(t.Context(), []*File{f}, Options{Limits: Limits{FileWork: 120}})
	var passed []bool
	for _, test := range results.Files[0].Tests {
		passed = append(passed, test.Passed)
	}
	if d := cmp.Diff([]bool{true, true, false}, passed); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestParseBombs parses what is made to take all the memory, or for ever.
func TestParseBombs(t *testing.T) {
	aliases := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'l'; c++ {
		aliases += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 8), c-1)
	}
	for name, content := range map[string]string{
		"large":      "tests: []\n" + strings.Repeat("#", maxFile),
		"aliases":    aliases + "tests: *k\n",
		"itself":     "tests: &a [{input_series: *a}]\n",
		"deep flow":  "tests: " + strings.Repeat("[", 1<<20),
		"deep block": strings.Repeat("- ", 1<<20),
		"keys":       "tests: []\n" + strings.Repeat("x: y\n", 1<<16),
		"binary":     "\x00\xff",
	} {
		if f, problems := Parse("tests.yml", []byte(content)); f != nil || len(problems) == 0 || len(problems) > maxProblems {
			t.Errorf("%s: %v and %d problems", name, f != nil, len(problems))
		}
	}
}

func TestParsePositions(t *testing.T) {
	f := mustParse(t, "tests.yml", `rule_files:
  - a.yml
tests:
  - name: first
    input_series: &series
      - series: up
        values: '1'
    alert_rule_test:
      - eval_time: 1m
        alertname: A
        exp_alerts:
          - exp_labels: {a: b}
  - <<: {name: second}
    input_series: *series
    promql_expr_test:
      - expr: up
        eval_time: 1m
        exp_samples: [{value: 1}, {value: 2}]
`)
	got := map[string]Position{
		"rule file": f.RuleFiles[0].Position, "first": f.Tests[0].Position, "series": f.Tests[0].InputSeries[0].Position,
		"alert": f.Tests[0].AlertTests[0].Position, "exp_alerts": f.Tests[0].AlertTests[0].Expected[0].Position,
		"second": f.Tests[1].Position, "aliased series": f.Tests[1].InputSeries[0].Position,
		"expr": f.Tests[1].ExprTests[0].Position, "second sample": f.Tests[1].ExprTests[0].Expected[1].Position,
	}
	want := map[string]Position{
		"rule file": {2, 5}, "first": {4, 5}, "series": {6, 9}, "alert": {9, 9}, "exp_alerts": {12, 13},
		"second": {13, 5}, "aliased series": {6, 9}, "expr": {16, 9}, "second sample": {18, 35},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if f.Tests[1].Name != "second" || f.EvaluationInterval != time.Minute || f.Tests[1].Interval != time.Minute {
		t.Errorf("%+v", f)
	}
}

func TestWeightOf(t *testing.T) {
	for line, want := range map[string]int{
		`up 1 2 3`:                         3,
		`up 1+1x10`:                        12,
		`up{path="/x99999999"} 1x10`:       12,
		`foo_x99999999 1x5`:                6,
		`{"a x9999999"="} x99999999"} _x5`: 6,
		`up 1x1000000`:                     1001,
		`up 1x500 2x600`:                   1001,
		`up 1x99999999999999999999999`:     1001,
		`up 1x1000000000x3`:                1001,
		`up {{sum:1}}x900`:                 1001,
	} {
		if got := weightOf(line, 1000); min(got, 1001) != want && (got < want || want == 1001) {
			t.Errorf("%s: %d, want %d", line, got, want)
		}
	}
}

func TestCoverage(t *testing.T) {
	f := mustParse(t, "teams/a/tests/t.yml", `tests:
- alert_rule_test:
  - {eval_time: 1m, alertname: Fires, exp_alerts: [{exp_labels: {a: b}}]}
  - {eval_time: 1m, alertname: Silent}
  promql_expr_test:
  - {expr: 'sum(job:used:sum)', eval_time: 1m, exp_samples: [{value: 1}]}
  - {expr: 'job:empty:sum', eval_time: 1m}
  - {expr: 'job:broken:sum +', eval_time: 1m, exp_samples: [{value: 1}]}
`)
	a, b := "teams/a/rules/a.yml", "teams/b/rules/b.yml"
	rules := []CoverRule{
		{Team: "b", File: b, Line: 4, Alert: "Fires"},
		{Team: "a", File: a, Line: 9, Alert: "Silent"},
		{Team: "a", File: a, Line: 3, Alert: "Fires"},
		{Team: "a", File: a, Line: 5, Record: "job:used:sum"},
		{Team: "a", File: a, Line: 6, Record: "job:empty:sum"},
		{Team: "a", File: a, Line: 7, Record: "job:broken:sum"},
	}
	want := []TeamCoverage{
		{Team: "a", Alerts: 2, AlertsTested: 1, Records: 3, RecordsTested: 1, Untested: []CoverRule{rules[4], rules[5], rules[1]}},
		{Team: "b", Alerts: 1, Untested: []CoverRule{rules[0]}},
	}
	if d := cmp.Diff(want, Coverage(rules, []CoverTests{{File: f, Rules: []string{a}}})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// FuzzRun parses and runs what it is given, within small limits.
func FuzzRun(f *testing.F) {
	paths, err := os.ReadDir("testdata/run")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range paths {
		content, err := os.ReadFile("testdata/run/" + p.Name())
		if err != nil {
			f.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(content), "-- rules.yml --\n")
		rules, rest, _ := strings.Cut(rest, "-- tests.yml --\n")
		tests, _, _ := strings.Cut(rest, "-- want --\n")
		f.Add([]byte(tests), []byte(rules))
	}
	for s := range uint64(20) {
		g := newGenerator(s)
		f.Add(g.marshalled(), g.rules())
	}
	limits := Limits{Samples: 2000, Evaluations: 300, LabelBytes: 1 << 10, Timeout: 5 * time.Second}
	f.Fuzz(func(t *testing.T, tests, rules []byte) {
		file, problems := Parse("tests.yml", tests)
		if file == nil {
			if len(problems) == 0 {
				t.Error("no file and no problem")
			}
			return
		}
		root := fstest.MapFS{"rules.yml": {Data: rules}}
		began := time.Now()
		results := (&Runner{FS: root}).Run(t.Context(), []*File{file}, Options{Limits: limits})
		for _, test := range results.Files[0].Tests {
			if test.Passed != (len(test.Failures) == 0) {
				t.Errorf("%+v", test)
			}
		}
		if took := time.Since(began); took > time.Duration(1+len(file.Tests))*2*limits.Timeout {
			t.Errorf("took %s", took)
		}
	})
}
