// Package live holds the rules of a monitoring repo against the series that a
// running Prometheus has: what no offline check can know.
//
// [Check] asks whether each selector matches something, whether the labels that
// rules name are there, and what one evaluation costs. [Backtest] says how often
// alerts would have fired lately; [Changed] says which alerts a change is about.
//
// The package speaks to nobody by itself: an [Ask] is four functions that do, so
// that it serves the command line and the daemon, any server that speaks
// Prometheus's query API, and tests with a storage in memory.
//
// Whoever is asked may be slow, down or small. So there is a limit to everything:
// questions in all, at once, series of an answer, samples that backtests read,
// and time, by the context. What could not be looked at is said, as one warning.
package live

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

// Ask is a query API that can be asked, by several at once. An answer holds at
// most as many series, label sets or values as asked for; an API that does not
// know such a limit may give more. What the API itself refuses is a [*Refusal].
type Ask struct {
	// Query evaluates an expression at one time.
	Query func(ctx context.Context, expr string, at time.Time) (Answer, error)
	// QueryRange evaluates an expression at each step.
	QueryRange func(ctx context.Context, expr string, steps Steps, most int) (Answer, error)
	// Series lists the label sets that a selector matches within a time.
	Series func(ctx context.Context, selector string, within Window, most int) ([]labels.Labels, error)
	// LabelValues lists the values of a label within a time, of the series that a selector matches, or of all.
	LabelValues func(ctx context.Context, label, selector string, within Window, most int) ([]string, error)
}

// Window is a time from its first to its last moment.
type Window struct{ From, To time.Time }

// Steps are the times of a range query.
type Steps struct {
	Window
	Every time.Duration
}

// Answer is what a query returns.
type Answer struct {
	Series []Series
	// Samples that the query read, if the API says so.
	Samples  int64
	Measured bool
}

// Series is one series of an answer.
type Series struct {
	Labels labels.Labels
	Points []Point // sorted by time
}

// Point is a sample of a series: of a histogram, that there is one.
type Point struct {
	T int64 // milliseconds
	V float64
}

// Refusal is what an API that works says of a query that it will not, or cannot, answer.
type Refusal struct {
	Kind    string // as the API names it: bad_data, execution, timeout
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// Options say what is looked at, and how far. Zero limits are the defaults.
type Options struct {
	// Now is when: the end of every time that is looked at.
	Now time.Time
	// Environment is the one whose series the API has; nil for rules that are meant for every environment alone.
	Environment *repolayout.Environment
	// Files are those whose rules are checked; nil for all.
	Files map[string]bool
	// Past is how far back a series may lie that still counts. 7 days.
	Past time.Duration
	// MaxQueries is how many questions may be asked. 2,000.
	MaxQueries int
	// MaxFailures is how many of them may fail before no more are asked. 5.
	MaxFailures int
	// MaxSeries is how many series are taken of an answer. 1,000.
	MaxSeries int
	// MaxSamples is how many samples an evaluation may read without a finding. 5,000,000.
	MaxSamples int64

	// Backtest is how far back alerts are tried. 7 days.
	Backtest time.Duration
	// MaxAlerts is how many alerts are tried. 100.
	MaxAlerts int
	// MaxPoints is how many points of a series may be asked for at once. 11,000, which is Prometheus's own limit.
	MaxPoints int
	// MaxBacktestSamples is how many samples all trials together may read, each an equal share. 2,000,000,000.
	MaxBacktestSamples int64
}

const day = 24 * time.Hour

func (o Options) withDefaults() Options {
	set(&o.Past, 7*day)
	set(&o.MaxQueries, 2_000)
	set(&o.MaxFailures, 5)
	set(&o.MaxSeries, 1_000)
	set(&o.MaxSamples, 5_000_000)
	set(&o.Backtest, 7*day)
	set(&o.MaxAlerts, 100)
	set(&o.MaxPoints, 11_000)
	set(&o.MaxBacktestSamples, 2_000_000_000)
	return o
}

func set[T ~int | ~int64](to *T, def T) {
	if *to <= 0 {
		*to = def
	}
}

// The ids of the checks.
const (
	costID        = "live/cost"
	failsID       = "live/fails"
	labelID       = "live/label"
	noSeriesID    = "live/no-series"
	unavailableID = "live/unavailable"
)

// Check makes the live checks of a repo's rules. Its findings are warnings, unless
// the policies want errors; that the API cannot be asked is a finding, too.
func Check(ctx context.Context, ask Ask, repo *repolayout.Repo, o Options) []validate.Finding {
	o = o.withDefaults()
	c := &checker{
		facts:    newFacts(newAsker(ask, o), o),
		recorded: recordedBy(repo),
		scrape:   durationOf(repo.Stack.Prometheus.ScrapeInterval, time.Minute),
		samples:  o.MaxSamples, now: o.Now,
	}
	rules := rulesOf(repo, o)
	if len(rules) == 0 {
		return nil
	}
	var findings []validate.Finding
	if err := c.begin(ctx); err == nil {
		findings = c.rules(ctx, rules)
	}
	if f, missed := c.missed(); missed {
		findings = append(findings, f)
	}
	return validate.Settle(findings, repo, o.Now)
}
