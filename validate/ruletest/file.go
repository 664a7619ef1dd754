package ruletest

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// Position is a place in a test file, in lines and characters from 1 on. The
// zero Position is the file as a whole.
type Position struct {
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// Problem is something about a test file itself: an error keeps it from
// running, a warning does not.
type Problem struct {
	File string `json:"file"`
	Position
	Warning bool   `json:"warning,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// File is one test file, as Parse read it.
type File struct {
	Path               string
	RuleFiles          []RuleFile
	EvaluationInterval time.Duration
	GroupEvalOrder     []string // groups not named here stand with the first
	FuzzyCompare       bool     // floats one step apart are equal
	Tests              []Test
}

// RuleFile is one entry of rule_files: a path or glob, relative to the folder of the test file.
type RuleFile struct {
	Position
	Pattern string
}

// Test is one entry of tests: samples, and what must come of them.
type Test struct {
	Position
	Index          int    // in the file, from 0
	Name           string // may be empty
	Interval       time.Duration
	Start          time.Time // zero is the Unix epoch
	InputSeries    []InputSeries
	AlertTests     []AlertTest
	ExprTests      []ExprTest
	ExternalLabels labels.Labels
	ExternalURL    string
}

// InputSeries is a series and its values in PromQL's series notation.
type InputSeries struct {
	Position
	Series string
	Values string
}

// AlertTest is one alert_rule_test: the alerts of one name that fire at a time.
type AlertTest struct {
	Position
	EvalTime  time.Duration
	Alertname string
	Expected  []ExpectedAlert
}

// ExpectedAlert is one of exp_alerts. Labels are without alertname.
type ExpectedAlert struct {
	Position
	Labels      map[string]string
	Annotations map[string]string
}

// ExprTest is one promql_expr_test: what an expression gives at a time.
type ExprTest struct {
	Position
	Expr     string
	EvalTime time.Duration
	Expected []ExpectedSample
}

// ExpectedSample is one of exp_samples, in PromQL's notation.
type ExpectedSample struct {
	Position
	Labels    string
	Value     float64
	Histogram string
}

// end is how long after the start the last assertion of the test looks.
func (t *Test) end() time.Duration {
	var end time.Duration
	for i := range t.AlertTests {
		end = max(end, t.AlertTests[i].EvalTime)
	}
	for i := range t.ExprTests {
		end = max(end, t.ExprTests[i].EvalTime)
	}
	return end
}

// start is the time of the first step.
func (t *Test) start() time.Time {
	if t.Start.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return t.Start
}
