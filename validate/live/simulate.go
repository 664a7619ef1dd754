package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

// simulation is rules.AlertingRule.Eval, step by step over the answers to range
// queries: which alerts are pending, which fire.
type simulation struct {
	*Alert
	labels []labels.Label // the alert's own
	active map[uint64]*active
	tally  tally
}

// active is an alert that is pending or fires.
type active struct {
	activeAt, keptSince int64 // milliseconds; keptSince 0 while the expression gives it
	firing              bool
	firedAt             int64
}

func newSimulation(a *Alert) *simulation {
	s := &simulation{Alert: a, active: map[uint64]*active{}, tally: tally{step: millis(a.Interval), series: map[uint64]labels.Labels{}}}
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) { // an empty one takes the series' label away
		s.labels = append(s.labels, labels.Label{Name: name, Value: a.Labels[name]})
	}
	return s
}

// sample is what the expression gives at a step.
type sample struct {
	of    *Series
	value float64
}

// step evaluates the rule at one time, at which the expression gave these samples.
func (s *simulation) step(ctx context.Context, at int64, given []sample) {
	found, err := s.named(ctx, at, given)
	if err != nil {
		s.tally.failed(err)
		s.tally.count(at, s.active) // a rule that fails leaves its alerts as they were
		return
	}
	for hash := range found {
		if s.active[hash] == nil {
			s.active[hash] = &active{activeAt: at}
		}
	}
	for hash, a := range s.active {
		if _, ok := found[hash]; ok {
			a.keptSince = 0
		} else if !s.keeps(a, at) {
			s.tally.resolved(at, a)
			delete(s.active, hash)
		}
	}
	if s.Limit > 0 && len(s.active) > s.Limit {
		s.tally.failed(fmt.Errorf("exceeded limit of %d with %d alerts", s.Limit, len(s.active)))
		for _, a := range s.active {
			s.tally.resolved(at, a)
		}
		clear(s.active)
	}
	for hash, a := range s.active {
		if !a.firing && at-a.activeAt >= millis(s.For) {
			a.firing, a.firedAt = true, at
			s.tally.fired(at, hash, found[hash])
		}
	}
	s.tally.count(at, s.active)
}

func millis(d model.Duration) int64 { return time.Duration(d).Milliseconds() }

func (s *simulation) keeps(a *active, at int64) bool {
	if !a.firing || s.KeepFiringFor <= 0 {
		return false
	}
	if a.keptSince == 0 {
		a.keptSince = at
	}
	return at-a.keptSince < millis(s.KeepFiringFor)
}

var errSameAlerts = errors.New("vector contains metrics with the same labelset after applying alert labels")

// named are the alerts of the samples, by the hash of their labels.
func (s *simulation) named(ctx context.Context, at int64, given []sample) (map[uint64]labels.Labels, error) {
	found := make(map[uint64]labels.Labels, len(given))
	lb := labels.NewBuilder(labels.EmptyLabels())
	for _, smp := range given {
		lb.Reset(smp.of.Labels)
		lb.Del(model.MetricNameLabel)
		for _, l := range s.labels {
			lb.Set(l.Name, s.expand(ctx, l.Value, at, smp))
		}
		lb.Set(labels.AlertName, s.Name)
		set := lb.Labels()
		hash := set.Hash()
		if _, ok := found[hash]; ok {
			return nil, errSameAlerts
		}
		found[hash] = set
	}
	return found, nil
}

// prelude is what Prometheus puts before each template.
const prelude = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

var errNoQueries = errors.New("a backtest asks nothing for templates")

// expand gives a label its value. External labels are not known here, and are empty.
func (s *simulation) expand(ctx context.Context, text string, at int64, smp sample) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	data := template.AlertTemplateData(smp.of.Labels.Map(), nil, "", promql.Sample{Metric: smp.of.Labels, T: at, F: smp.value})
	none := func(context.Context, string, time.Time) (promql.Vector, error) { return nil, errNoQueries }
	expanded, err := template.NewTemplateExpander(ctx, prelude+text, "__alert_"+s.Name, data,
		model.Time(timestamp.FromTime(time.UnixMilli(at))), none, nil, nil).Expand()
	if err != nil {
		return fmt.Sprintf("<error expanding template: %s>", err)
	}
	return expanded
}

// tally counts what fires.
type tally struct {
	step        int64
	firings     int
	periods     int
	firing, all int64 // how long one fires at least, and all of them together
	longest     int64
	most        int
	first, last int64 // the first and last step at which one fires
	now         bool
	series      map[uint64]labels.Labels
	failures    int
	failure     error
}

func (t *tally) fired(at int64, hash uint64, set labels.Labels) {
	if t.firings == 0 {
		t.first = at
	}
	t.firings++
	if len(t.series) < maxFiringSeries {
		t.series[hash] = set
	}
}

// maxFiringSeries is how many label sets that fired are remembered.
const maxFiringSeries = 1_000

func (t *tally) resolved(at int64, a *active) {
	if a.firing {
		t.longest = max(t.longest, at-a.firedAt)
	}
}

func (t *tally) failed(err error) {
	t.failures++
	if t.failure == nil {
		t.failure = err
	}
}

// count takes a step in, at whose end these alerts are active.
func (t *tally) count(at int64, alerts map[uint64]*active) {
	firing := 0
	for _, a := range alerts {
		if a.firing {
			firing++
			t.longest = max(t.longest, at+t.step-a.firedAt)
		}
	}
	if firing > 0 {
		if !t.now {
			t.periods++
		}
		t.firing += t.step
		t.all += int64(firing) * t.step
		t.last = at
	}
	t.now = firing > 0
	t.most = max(t.most, firing)
}
