package ruletest

import "time"

// Results are what a run gave, in the order of the files and their tests.
type Results struct {
	Files []FileResult `json:"files"`
}

// Passed says whether all that was run passed.
func (r Results) Passed() bool {
	for i := range r.Files {
		if !r.Files[i].Passed {
			return false
		}
	}
	return true
}

// FileResult is the verdict on one test file.
type FileResult struct {
	Path   string `json:"path"`
	Passed bool   `json:"passed"`
	// Problems are those of the file's rule_files. What Parse found is not repeated.
	Problems []Problem    `json:"problems,omitempty"`
	Tests    []TestResult `json:"tests"`
}

// TestResult is the verdict on one test of a file. A test that Options.Run left
// out has no result.
type TestResult struct {
	Position
	Name     string        `json:"name"` // unnamed#N for the N-th, if it has none
	Passed   bool          `json:"passed"`
	Asserted int           `json:"asserted"` // alert_rule_test and promql_expr_test
	Failures []Failure     `json:"failures,omitempty"`
	Duration time.Duration `json:"duration"`
}

// Kind says what failed.
type Kind string

const (
	KindRules  Kind = "rules"  // the rule files of the test cannot be loaded
	KindSeries Kind = "series" // an input series cannot be loaded
	KindEval   Kind = "eval"   // a rule cannot be evaluated
	KindLimit  Kind = "limit"  // the test would use more than Limits allow
	KindAlert  Kind = "alert"  // other alerts fire than expected
	KindExpr   Kind = "expr"   // an expression gives something else than expected
)

// Failure is one reason for a test's failing.
type Failure struct {
	Kind Kind `json:"kind"`
	Position
	// Subject is the alert or the expression.
	Subject  string        `json:"subject,omitempty"`
	EvalTime time.Duration `json:"evalTime,omitempty"`
	Message  string        `json:"message"`
	// Expected and Got are one alert or sample a line, sorted; the first hundred.
	Expected []string `json:"expected,omitempty"`
	Got      []string `json:"got,omitempty"`
	// Diff is what to change in one to come to the other: lines that begin with
	// "-" are expected and not there, with "+" there and not expected, with " "
	// explain.
	Diff []string `json:"diff,omitempty"`
	Hint string   `json:"hint,omitempty"`
}
