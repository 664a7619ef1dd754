package ruletest

import "time"

// Limits are what one test may use, and what all tests of a file may. They are
// counts, so that the same test has the same outcome on every machine; Timeout
// alone is not, and is set so that no honest test comes near it.
type Limits struct {
	// Samples that the input series of a test stand for. A histogram counts for
	// as many as its text is long.
	Samples int
	// Evaluations of rules: steps times rules.
	Evaluations int
	// LabelBytes that one series may have, input or recorded.
	LabelBytes int
	// FileWork is how many samples of input and steps the tests of one file may have together.
	FileWork int
	// Timeout of one test. Those of a file have fileTimeouts of it together.
	Timeout time.Duration
}

const fileTimeouts = 5

// DefaultLimits are far above what tests that people write need.
var DefaultLimits = Limits{
	Samples: 1_000_000, Evaluations: 2_000_000, LabelBytes: 16 << 10, FileWork: 100_000_000, Timeout: 2 * time.Minute,
}

// orDefault fills what is not set.
func (l Limits) orDefault() Limits {
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&l.Samples, DefaultLimits.Samples)
	set(&l.Evaluations, DefaultLimits.Evaluations)
	set(&l.LabelBytes, DefaultLimits.LabelBytes)
	set(&l.FileWork, DefaultLimits.FileWork)
	if l.Timeout == 0 {
		l.Timeout = DefaultLimits.Timeout
	}
	return l
}
