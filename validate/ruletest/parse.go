package ruletest

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// maxFile bounds a test file.
const maxFile = 8 << 20

// Parse reads a test file as strictly as promtool does: unknown keys and keys
// that stand twice are errors. The File is nil if there is an error among the
// problems.
func Parse(path string, content []byte) (*File, []Problem) {
	if len(content) > maxFile {
		return nil, []Problem{{
			File: path, Message: fmt.Sprintf("the file takes %d MiB; the most is %d MiB", len(content)>>20, maxFile>>20),
			Hint: "split the tests over several files",
		}}
	}
	raw, err := decode(content)
	if err != nil {
		return nil, yamlProblems(path, content, err)
	}
	f := &File{
		Path: path, GroupEvalOrder: raw.GroupEvalOrder, FuzzyCompare: raw.FuzzyCompare,
		EvaluationInterval: time.Duration(raw.EvaluationInterval),
	}
	if f.EvaluationInterval == 0 {
		f.EvaluationInterval = time.Minute
	}
	places := placesOf(content)
	for i, pattern := range raw.RuleFiles {
		f.RuleFiles = append(f.RuleFiles, RuleFile{Position: places.at("rule_files", i).position(), Pattern: pattern})
	}
	for i := range raw.Tests {
		f.Tests = append(f.Tests, testOf(&raw.Tests[i], i, f, places.at("tests", i)))
	}
	problems := f.check(places)
	for _, p := range problems {
		if !p.Warning {
			return nil, problems
		}
	}
	return f, problems
}

// check is what promtool holds against a file as a whole, and what a person
// should know before the tests run.
func (f *File) check(places *place) []Problem {
	var problems []Problem
	seen := map[string]bool{}
	for i, name := range f.GroupEvalOrder {
		if seen[name] {
			problems = append(problems, Problem{
				File: f.Path, Position: places.at("group_eval_order", i).position(),
				Message: fmt.Sprintf("group %q stands twice in group_eval_order", name), Hint: "name each group once",
			})
		}
		seen[name] = true
	}
	for i := range f.Tests {
		if last := loadedSeries(f.Tests[i].InputSeries); last < len(f.Tests[i].InputSeries) {
			problems = append(problems, Problem{
				File: f.Path, Position: f.Tests[i].InputSeries[last].Position, Warning: true,
				Message: "neither this series nor those after it are loaded: an empty line or a comment ends the list",
				Hint:    "write series and values on one line, without #; of a block scalar, take away the last line break with |-",
			})
		}
	}
	return problems[:min(len(problems), maxProblems)]
}

func testOf(raw *rawTest, index int, f *File, at *place) Test {
	t := Test{
		Position: at.position(), Index: index, Name: raw.TestGroupName, Interval: time.Duration(raw.Interval),
		Start: raw.StartTimestamp.Time, ExternalLabels: raw.ExternalLabels, ExternalURL: raw.ExternalURL,
	}
	if t.Interval == 0 {
		t.Interval = f.EvaluationInterval
	}
	for i, s := range raw.InputSeries {
		t.InputSeries = append(t.InputSeries, InputSeries{Position: at.at("input_series", i).position(), Series: s.Series, Values: s.Values})
	}
	for i, a := range raw.AlertRuleTests {
		t.AlertTests = append(t.AlertTests, alertTestOf(a, at.at("alert_rule_test", i)))
	}
	for i, e := range raw.PromqlExprTests {
		t.ExprTests = append(t.ExprTests, exprTestOf(e, at.at("promql_expr_test", i)))
	}
	return t
}

func alertTestOf(raw rawAlertTest, at *place) AlertTest {
	a := AlertTest{Position: at.position(), EvalTime: time.Duration(raw.EvalTime), Alertname: raw.Alertname}
	for i, e := range raw.ExpAlerts {
		a.Expected = append(a.Expected, ExpectedAlert{
			Position: at.at("exp_alerts", i).position(), Labels: e.ExpLabels, Annotations: e.ExpAnnotations,
		})
	}
	return a
}

func exprTestOf(raw rawExprTest, at *place) ExprTest {
	e := ExprTest{Position: at.position(), Expr: raw.Expr, EvalTime: time.Duration(raw.EvalTime)}
	for i, s := range raw.ExpSamples {
		e.Expected = append(e.Expected, ExpectedSample{
			Position: at.at("exp_samples", i).position(), Labels: s.Labels, Value: s.Value, Histogram: s.Histogram,
		})
	}
	return e
}

// columnOf is the column where a word stands in a line, or else where its text begins.
func columnOf(content []byte, line int, word string) int {
	text := lineOf(content, line)
	at := -1
	if word != "" {
		at = strings.Index(text, word)
	}
	if at < 0 {
		at = len(text) - len(strings.TrimLeft(text, " \t-"))
	}
	return utf8.RuneCountInString(text[:at]) + 1
}
