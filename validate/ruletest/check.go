package ruletest

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// alert is a firing alert, expected or there.
type alert struct {
	labels, annotations labels.Labels
}

func compareAlerts(a, b alert) int {
	if c := labels.Compare(a.labels, b.labels); c != 0 {
		return c
	}
	return labels.Compare(a.annotations, b.annotations)
}

func (a alert) equal(b alert) bool {
	return labels.Equal(a.labels, b.labels) && labels.Equal(a.annotations, b.annotations)
}

func (a alert) String() string {
	if a.annotations.IsEmpty() {
		return a.labels.String()
	}
	return a.labels.String() + " annotations " + a.annotations.String()
}

// checkAlerts compares what fires after a step with what each test expects.
func (r *testRun) checkAlerts(tests []*AlertTest) {
	for _, t := range tests {
		var expected []alert
		for _, e := range t.Expected {
			withName := map[string]string{}
			for k, v := range e.Labels {
				withName[k] = v
			}
			// People give the labels of the rule; this one comes with the alert.
			withName[labels.AlertName] = t.Alertname
			expected = append(expected, alert{labels.FromMap(withName), labels.FromMap(e.Annotations)})
		}
		got := r.firing(t.Alertname)
		slices.SortFunc(expected, compareAlerts)
		slices.SortFunc(got, compareAlerts)
		if !slices.EqualFunc(expected, got, alert.equal) {
			r.fail(r.alertFailure(t, expected, got))
		}
	}
}

// firing is the alerts of a name that fire, in all groups that have it.
func (r *testRun) firing(name string) []alert {
	var found []alert
	r.eachAlert(name, func(_ *rule, a *active) {
		if a.firing {
			found = append(found, alert{a.labels, a.annotations()})
		}
	})
	return found
}

func (r *testRun) eachAlert(name string, do func(*rule, *active)) {
	for _, g := range r.groups {
		for i := range g.rules {
			if g.rules[i].alert != name {
				continue
			}
			for _, a := range g.states[i].alerts {
				do(&g.rules[i], a)
			}
		}
	}
}

// resultSample is a sample that an expression gives, or should. A histogram is told by its text.
type resultSample struct {
	labels    labels.Labels
	value     float64
	histogram string
}

func (s resultSample) String() string {
	if s.histogram != "" {
		return s.labels.String() + " " + s.histogram
	}
	return s.labels.String() + " " + strconv.FormatFloat(s.value, 'g', -1, 64)
}

// equal compares as promtool does: NaN equals nothing, and the value counts for histograms too.
func (s resultSample) equal(other resultSample, fuzzy bool) bool {
	return labels.Equal(s.labels, other.labels) && s.histogram == other.histogram &&
		(s.value == other.value || fuzzy && besides(s.value, other.value))
}

// besides says whether there is no float between two.
func besides(x, y float64) bool {
	return math.Nextafter(x, math.Inf(-1)) == y || math.Nextafter(x, math.Inf(1)) == y
}

func (r *testRun) checkExpr(t *ExprTest) {
	if r.ctx.Err() != nil {
		r.fail(r.stopped())
		return
	}
	failure := Failure{Kind: KindExpr, Position: t.Position, Subject: t.Expr, EvalTime: t.EvalTime}
	got, err := r.query(t)
	if err != nil {
		failure.Message = fmt.Sprintf("evaluating the expression: %v", err)
		if r.ctx.Err() != nil {
			failure = r.stopped()
		}
		r.fail(failure)
		return
	}
	var expected []resultSample
	for i := range t.Expected {
		smp, err := t.Expected[i].parse()
		if err != nil {
			failure.Position, failure.Message = t.Expected[i].Position, err.Error()
			r.fail(failure)
			return
		}
		expected = append(expected, smp)
	}
	byLabels := func(a, b resultSample) int { return labels.Compare(a.labels, b.labels) }
	slices.SortStableFunc(expected, byLabels)
	slices.SortStableFunc(got, byLabels)
	fuzzy := r.file.FuzzyCompare
	if !slices.EqualFunc(expected, got, func(a, b resultSample) bool { return a.equal(b, fuzzy) }) {
		r.fail(r.exprFailure(failure, expected, got))
	}
}

func (r *testRun) query(t *ExprTest) ([]resultSample, error) {
	if err := weighExpr(t.Expr); err != nil {
		return nil, err
	}
	vector, err := r.eval.query(r.ctx, t.Expr, r.test.start().Add(t.EvalTime))
	if err != nil {
		return nil, err
	}
	return samplesIn(vector), nil
}

func samplesIn(vector promql.Vector) []resultSample {
	var samples []resultSample
	for _, s := range vector {
		samples = append(samples, resultSample{labels: s.Metric, value: s.F, histogram: histogramText(s.H)})
	}
	return samples
}

func histogramText(h *histogram.FloatHistogram) string {
	if h == nil {
		return ""
	}
	return h.TestExpression()
}

// parse reads an expected sample.
func (e *ExpectedSample) parse() (resultSample, error) {
	l, err := promQL.ParseMetric(e.Labels)
	if err != nil {
		return resultSample{}, fmt.Errorf("labels %q: %w", e.Labels, err)
	}
	smp := resultSample{labels: l, value: e.Value}
	if e.Histogram == "" {
		return smp, nil
	}
	line := "{} " + e.Histogram
	if weightOf(line, len(line)) > len(line) || len(line) > maxSeriesText {
		return smp, fmt.Errorf("histogram %q: expected 1 value, got more", shorten(e.Histogram))
	}
	_, values, err := promQL.ParseSeriesDesc(line)
	switch {
	case err != nil:
		return smp, fmt.Errorf("histogram %q: %w", shorten(e.Histogram), err)
	case len(values) != 1:
		return smp, fmt.Errorf("histogram %q: expected 1 value, got %d", shorten(e.Histogram), len(values))
	case values[0].Histogram == nil:
		return smp, fmt.Errorf("histogram %q: is a float", shorten(e.Histogram))
	}
	smp.histogram = histogramText(values[0].Histogram)
	return smp, nil
}
