package ruletest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

// active is an alert that is pending or fires.
type active struct {
	labels   labels.Labels
	hash     uint64
	activeAt time.Time
	firing   bool
	// keptSince is when the expression stopped to give it; zero while it does.
	keptSince time.Time

	annotations func() labels.Labels
}

var errSameAlerts = errors.New("vector contains metrics with the same labelset after applying alert labels")

// alerts is rules.AlertingRule.Eval: from the result of the expression to the
// alerts that are pending or fire, and to their series. One thing is left out
// that no test can see, alerts that are resolved.
func (r *rule) alerts(e *evaluator, state *ruleState, result promql.Vector, at time.Time, shown int64, limit int) (promql.Vector, error) {
	found := make(map[uint64]*active, len(result))
	order := make([]*active, 0, len(result))
	lb := labels.NewBuilder(labels.EmptyLabels())
	for _, smp := range result {
		texts := e.texts(r, smp, at)
		lb.Reset(smp.Metric)
		lb.Del(model.MetricNameLabel)
		r.labels.Range(func(l labels.Label) { lb.Set(l.Name, texts.expand(l.Value)) })
		lb.Set(labels.AlertName, r.alert)
		a := &active{labels: lb.Labels(), activeAt: at, annotations: texts.annotations()}
		a.hash = a.labels.Hash()
		if found[a.hash] != nil {
			return nil, errSameAlerts
		}
		found[a.hash] = a
		order = append(order, a)
	}
	kept := state.alerts[:0:0]
	for _, a := range state.alerts {
		now := found[a.hash]
		switch {
		case now != nil:
			a.annotations, a.keptSince = now.annotations, time.Time{}
			delete(found, a.hash)
		case !r.keeps(a, at):
			continue
		}
		kept = append(kept, a)
	}
	for _, a := range order {
		if found[a.hash] != nil {
			kept = append(kept, a)
		}
	}
	if limit > 0 && len(kept) > limit {
		state.alerts = nil
		return nil, fmt.Errorf("exceeded limit of %d with %d alerts", limit, len(kept))
	}
	state.alerts = kept
	return r.alertSeries(kept, at, shown), nil
}

// keeps says whether an alert that the expression gives no more goes on firing.
func (r *rule) keeps(a *active, at time.Time) bool {
	if !a.firing || r.keepFiring <= 0 {
		return false
	}
	if a.keptSince.IsZero() {
		a.keptSince = at
	}
	return at.Sub(a.keptSince) < r.keepFiring
}

// alertSeries makes alerts fire that were pending for long enough, and gives the
// series ALERTS and ALERTS_FOR_STATE.
func (r *rule) alertSeries(alerts []*active, at time.Time, shown int64) promql.Vector {
	vector := make(promql.Vector, 0, 2*len(alerts))
	lb := labels.NewBuilder(labels.EmptyLabels())
	for _, a := range alerts {
		a.firing = a.firing || at.Sub(a.activeAt) >= r.hold
		lb.Reset(r.labels)
		a.labels.Range(func(l labels.Label) { lb.Set(l.Name, l.Value) })
		lb.Set(labels.AlertName, r.alert)
		lb.Set(model.MetricNameLabel, "ALERTS_FOR_STATE")
		state := promql.Sample{Metric: lb.Labels(), T: shown, F: float64(a.activeAt.Unix())}
		lb.Set(model.MetricNameLabel, "ALERTS")
		lb.Set("alertstate", map[bool]string{true: "firing", false: "pending"}[a.firing])
		vector = append(vector, promql.Sample{Metric: lb.Labels(), T: shown, F: 1}, state)
	}
	return vector
}

// texts expands the templates of one alert.
type texts struct {
	*evaluator
	rule *rule
	smp  promql.Sample
	at   time.Time
	data any
}

func (e *evaluator) texts(r *rule, smp promql.Sample, at time.Time) *texts {
	return &texts{evaluator: e, rule: r, smp: smp, at: at}
}

// prelude is what Prometheus puts before each template.
const prelude = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

func (t *texts) expand(text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	if t.data == nil {
		t.data = template.AlertTemplateData(t.smp.Metric.Map(), t.test.ExternalLabels.Map(), t.test.ExternalURL, t.smp)
	}
	expander := template.NewTemplateExpander(t.ctx, prelude+text, "__alert_"+t.rule.alert, t.data,
		model.Time(timestamp.FromTime(t.at)), t.templateQuery, nil, nil)
	result, err := expander.Expand()
	if err != nil {
		return fmt.Sprintf("<error expanding template: %s>", err)
	}
	return result
}

// annotations expands the annotations when they are first asked for, which for
// most alerts is never. One that queries is expanded now, as later there is more
// to be seen.
func (t *texts) annotations() func() labels.Labels {
	expand := func() labels.Labels {
		sb := labels.NewScratchBuilder(t.rule.annotations.Len())
		t.rule.annotations.Range(func(a labels.Label) { sb.Add(a.Name, t.expand(a.Value)) })
		return sb.Labels()
	}
	if t.rule.queries {
		now := expand()
		return func() labels.Labels { return now }
	}
	return expand
}

var errTemplateQueries = errors.New("the templates of this test query too much")

// templateQuery is the function query of templates, whose results are counted.
func (t *texts) templateQuery(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	if t.templates < 0 {
		return nil, errTemplateQueries
	}
	if err := weighExpr(expr); err != nil {
		return nil, err
	}
	vector, err := t.query(ctx, expr, at)
	t.templates -= (1 + len(vector)) * (1 + t.rule.loops)
	return vector, err
}
