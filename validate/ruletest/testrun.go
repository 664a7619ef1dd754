package ruletest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// testRun is one test while it runs.
type testRun struct {
	ctx      context.Context
	file     *File
	test     *Test
	limits   Limits
	engine   *promql.Engine
	eval     *evaluator
	inputs   []*input
	groups   []*group
	failures []Failure
}

// maxFailures of one test are kept; nobody reads on after the first few.
const maxFailures = 100

func (r *testRun) fail(f Failure) {
	if len(r.failures) < maxFailures {
		r.failures = append(r.failures, f)
	}
}

// load reads the series and makes the rules.
func (r *testRun) load(files *ruleFiles, paths []string) {
	inputs, err := r.test.inputs(r.limits)
	if err != nil {
		at := r.test.Position
		var in *seriesError
		if errors.As(err, &in) {
			at = in.at
		}
		r.fail(Failure{Kind: KindSeries, Position: at, Message: fmt.Sprintf("input_series: %v", err)})
		return
	}
	r.inputs = inputs
	for _, path := range paths {
		groups, err := files.load(path)
		if err != nil {
			r.fail(Failure{Kind: KindRules, Position: r.test.Position, Subject: path, Message: fmt.Sprintf("loading rules: %v", err)})
			return
		}
		for _, g := range groups {
			r.groups = append(r.groups, newGroup(g))
		}
	}
	order := map[string]int{}
	for i, name := range r.file.GroupEvalOrder {
		order[name] = i
	}
	slices.SortStableFunc(r.groups, func(a, b *group) int { return cmp.Compare(order[a.name], order[b.name]) })
	r.eval = &evaluator{ctx: r.ctx, engine: r.engine, store: newStore(r.limits), test: r.test, templates: r.limits.Samples, interval: r.file.EvaluationInterval}
	r.checkTest()
}

// checkTest finds what keeps the test from running.
func (r *testRun) checkTest() {
	for i := range r.test.AlertTests {
		if a := &r.test.AlertTests[i]; a.Alertname == "" {
			r.fail(Failure{Kind: KindAlert, Position: a.Position, EvalTime: a.EvalTime, Message: "an item of alert_rule_test has no alertname", Hint: "name the alert that it tests"})
			return
		}
	}
	count := 1
	for _, g := range r.groups {
		count += len(g.rules)
	}
	if steps := int64(r.test.end()/r.file.EvaluationInterval) + 1; steps > int64(r.limits.Evaluations)/int64(count) {
		r.fail(Failure{
			Kind: KindLimit, Position: r.test.Position,
			Message: fmt.Sprintf("the test evaluates %d rules at %d times, which is more than %d evaluations", count-1, steps, r.limits.Evaluations),
			Hint:    "test at an earlier eval_time, or set a longer evaluation_interval",
		})
	}
}

// run goes from step to step, and checks the alerts of each before the next.
func (r *testRun) run() {
	start, interval := r.test.start(), r.file.EvaluationInterval
	end := start.Add(r.test.end())
	alerts := r.alertTestsByTime()
	for at := start; !at.After(end); at = at.Add(interval) {
		if !r.step(at) {
			return
		}
		next := at.Add(interval).Sub(start)
		for len(alerts) > 0 && at.Sub(start) <= alerts[0].at && alerts[0].at < next {
			r.checkAlerts(alerts[0].tests)
			alerts = alerts[1:]
		}
	}
	for i := range r.test.ExprTests {
		r.checkExpr(&r.test.ExprTests[i])
	}
}

// step loads the samples up to a time and evaluates the rules at it. It says
// whether there is a next one.
func (r *testRun) step(at time.Time) bool {
	if err := r.ctx.Err(); err != nil {
		r.fail(r.stopped())
		return false
	}
	if err := r.eval.store.load(r.inputs, at.Sub(time.Unix(0, 0)).Milliseconds()); err != nil {
		r.fail(Failure{Kind: KindSeries, Position: r.test.Position, Message: fmt.Sprintf("input_series: %v", err)})
		return false
	}
	going := true
	for _, g := range r.groups {
		g.eval(r.eval, at)
		if rule, err := g.failed(); err != nil {
			r.fail(r.evalFailure(rule, g, at, err))
			going = false
		}
	}
	if r.eval.store.full() {
		going = false
		r.fail(Failure{Kind: KindLimit, Position: r.test.Position, Message: "the rules record more samples in this test than it may keep", Hint: "test with fewer series, or at an earlier eval_time"})
	}
	return going
}

func (r *testRun) evalFailure(rule *rule, g *group, at time.Time, err error) Failure {
	if r.ctx.Err() != nil {
		return r.stopped()
	}
	return Failure{
		Kind: KindEval, Position: r.test.Position, Subject: rule.name(), EvalTime: at.Sub(r.test.start()),
		Message: fmt.Sprintf("evaluating rule %q of group %q in %s at %s: %v", rule.name(), g.name, g.file, short(at.Sub(r.test.start())), err),
	}
}

func (r *rule) name() string { return r.alert + r.record } // one of them is empty

func (r *testRun) stopped() Failure {
	if errors.Is(r.ctx.Err(), context.DeadlineExceeded) {
		return Failure{Kind: KindLimit, Position: r.test.Position, Message: fmt.Sprintf("the test took longer than %s, or all of its file longer than %s", r.limits.Timeout, fileTimeouts*r.limits.Timeout), Hint: "test with fewer series and steps"}
	}
	return Failure{Kind: KindLimit, Position: r.test.Position, Message: "the test was stopped before it came to its end"}
}

// timedTests are the alert tests of one time.
type timedTests struct {
	at    time.Duration
	tests []*AlertTest
}

func (r *testRun) alertTestsByTime() []timedTests {
	byTime := map[time.Duration][]*AlertTest{}
	for i := range r.test.AlertTests {
		a := &r.test.AlertTests[i]
		byTime[a.EvalTime] = append(byTime[a.EvalTime], a)
	}
	var all []timedTests
	for _, at := range slices.Sorted(maps.Keys(byTime)) {
		all = append(all, timedTests{at, byTime[at]})
	}
	return all
}
