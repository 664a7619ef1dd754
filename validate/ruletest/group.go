package ruletest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
)

// group is a rule group within one test, as rules.Group.
type group struct {
	*ruleGroup
	states []ruleState // one for each of its rules
	buffer []byte
}

// ruleState is what a rule keeps from step to step.
type ruleState struct {
	err    error                    // of the last evaluation
	before map[string]labels.Labels // the series of the last evaluation
	alerts []*active

	awake  bool // a series of one of its selectors is there
	looked int  // at so many series of the store, while it was not
}

func newGroup(g *ruleGroup) *group {
	return &group{ruleGroup: g, states: make([]ruleState, len(g.rules))}
}

// evaluator is what evaluating a rule takes.
type evaluator struct {
	ctx    context.Context
	engine *promql.Engine
	store  *store
	test   *Test
	// templates counts down what functions of templates may still query.
	templates int
	interval  time.Duration    // between steps
	weighed   map[string]error // expressions
}

// eval evaluates the rules one after the other, each seeing what those before it recorded.
func (g *group) eval(e *evaluator, at time.Time) {
	shown := at.Add(-g.queryOffset)
	for i := range g.rules {
		r, state := &g.rules[i], &g.states[i]
		if state.dormant(r, e.store) {
			continue
		}
		var vector promql.Vector
		vector, state.err = e.query(e.ctx, r.expr, shown)
		if state.err != nil {
			continue
		}
		if r.alert == "" {
			vector, state.err = r.recorded(vector, g.limit)
		} else {
			vector, state.err = r.alerts(e, state, vector, at, timestamp.FromTime(shown), g.limit)
		}
		if state.err == nil {
			state.err = g.record(state, vector, timestamp.FromTime(shown), e.store)
		}
	}
}

// record puts a rule's result in the store, and a stale marker where a series of
// the step before has gone. It returns the last sample's error.
func (g *group) record(state *ruleState, vector promql.Vector, at int64, s *store) (failed error) {
	if len(vector) == 0 && len(state.before) == 0 {
		return nil
	}
	b := s.begin()
	returned := make(map[string]labels.Labels, len(vector))
	for j := range vector {
		smp := &vector[j]
		if err := b.add(smp.Metric, sample{t: smp.T, v: smp.F, h: smp.H}); err != nil {
			failed = err
			continue
		}
		g.buffer = smp.Metric.Bytes(g.buffer[:0])
		returned[string(g.buffer)] = smp.Metric
	}
	for key, l := range state.before {
		if _, ok := returned[key]; !ok {
			// An error here says that another rule goes on with the series.
			_ = b.add(l, sample{t: at, v: math.Float64frombits(value.StaleNaN)})
		}
	}
	b.commit()
	state.before = returned
	return failed
}

// failed is the first rule whose last evaluation failed.
func (g *group) failed() (*rule, error) {
	for i := range g.states {
		if err := g.states[i].err; err != nil {
			return &g.rules[i], err
		}
	}
	return nil, nil
}

var errSameLabels = errors.New("vector contains metrics with the same labelset after applying rule labels")

// recorded is rules.RecordingRule.Eval: the result under the rule's name and labels.
func (r *rule) recorded(vector promql.Vector, limit int) (promql.Vector, error) {
	lb := labels.NewBuilder(labels.EmptyLabels())
	for i := range vector {
		lb.Reset(vector[i].Metric)
		lb.Set(model.MetricNameLabel, r.record)
		r.labels.Range(func(l labels.Label) { lb.Set(l.Name, l.Value) })
		vector[i].Metric = lb.Labels()
	}
	if vector.ContainsSameLabelset() {
		return nil, errSameLabels
	}
	if limit > 0 && len(vector) > limit {
		return nil, fmt.Errorf("exceeded limit of %d with %d series", limit, len(vector))
	}
	return vector, nil
}

// query evaluates an expression at one time. The result is the caller's.
func (e *evaluator) query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	if err := e.weigh(expr); err != nil {
		return nil, err
	}
	q, err := e.engine.NewInstantQuery(ctx, e.store, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	switch v := result.Value.(type) {
	case promql.Vector:
		return v, nil
	case promql.Scalar:
		return promql.Vector{promql.Sample{T: v.T, F: v.V, Metric: labels.EmptyLabels()}}, nil
	}
	return nil, errors.New("rule result is not a vector or scalar")
}
