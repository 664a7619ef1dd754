package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

const (
	ruleFile = "teams/platform/rules/prometheus.yaml"
	alert    = "PrometheusRuleFailures"
	before   = "expr: instance:prometheus_rule_evaluation_failures:rate5m > 0\n        for: 10m"
	after    = "expr: instance:prometheus_rule_evaluation_failures:rate5m > 0\n        for: 5m"
)

// merge takes a change from push to proven live.
func (d *demo) merge(ctx context.Context) error {
	d.screen.title("A change is merged: %s pages after 5 minutes and not after 10", alert)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := d.stack.Repo.Replace(ruleFile, before, after); err != nil {
		return err
	}
	if err := d.everywhere(ctx, 600); err != nil {
		return err
	}
	record, took, err := d.deliver(ctx, "platform: page sooner when rules fail", history.Live)
	if err != nil {
		return err
	}
	text, err := d.stack.AllLive(ctx, record)
	if err != nil {
		return broken("%w", err)
	}
	if err := d.everywhere(ctx, 300); err != nil {
		return err
	}
	d.screen.ok("proven live on %s, %.2f s after the push", text, took.Seconds())
	d.screen.note("asked of each Prometheus itself: %s is pending for 300 s now, it was 600 s", alert)
	return nil
}

// everywhere checks with every Prometheus for how long the alert is pending.
func (d *demo) everywhere(ctx context.Context, seconds float64) error {
	pods, err := d.stack.Pods(ctx, bundle.Prometheus)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		rules, err := d.stack.Rules(ctx, pod.Name, alert)
		if err != nil {
			return err
		}
		if len(rules) != 1 || rules[0].Duration != seconds {
			return broken("%s should have %s pending for %g s, it has %+v", pod.Name, alert, seconds, rules)
		}
	}
	return nil
}

// deliver commits, pushes, pokes, and prints what happens then until the
// revision has come to the outcome.
func (d *demo) deliver(ctx context.Context, message string, outcome history.Outcome) (history.Record, time.Duration, error) {
	fail := func(err error) (history.Record, time.Duration, error) { return history.Record{}, 0, err }
	commit, err := d.stack.Repo.Commit(ctx, message)
	if err != nil {
		return fail(err)
	}
	diff, err := d.stack.Repo.Git(ctx, "show", "--format=", "--unified=0", commit)
	if err != nil {
		return fail(err)
	}
	d.screen.diff(diff)
	if outcome != history.Live {
		if err := d.validate(ctx); err != nil {
			return fail(err)
		}
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	events, err := d.stack.Follow(following)
	if err != nil {
		return fail(err)
	}
	if err := d.stack.Repo.Push(ctx); err != nil {
		return fail(err)
	}
	pushed := time.Now()
	d.screen.say("%s  git push of %.8s returned", since(pushed, pushed), commit)
	if err := d.stack.Poke(ctx); err != nil {
		return fail(err)
	}
	d.screen.say("%s  the daemon is poked", since(pushed, time.Now()))
	l := listing{demo: d, pushed: pushed, said: map[string]string{}}
	for e := range events {
		if e.History == nil {
			l.show(e)
			continue
		}
		record := e.History.Of(commit)
		if record == nil {
			continue
		}
		l.line(e.Time, "%s", stages(*record))
		if record.Outcome != outcome {
			return fail(broken("revision %.8s is %s: %s", commit, record.Outcome, record.Reason))
		}
		return *record, e.Time.Sub(pushed), nil
	}
	return fail(broken("revision %.8s is not %s in time: %w", commit, outcome, context.Cause(ctx)))
}

// listing prints what happens, with the time since the push.
type listing struct {
	*demo
	pushed time.Time
	said   map[string]string // by pod or index, so that nothing is said twice
}

func (l *listing) line(at time.Time, format string, args ...any) {
	l.screen.say("%s  %s", since(l.pushed, at), fmt.Sprintf(format, args...))
}

func (l *listing) show(e stack.Event) {
	switch {
	case e.Chunk != "":
		l.line(e.Time, "chunk %s is written", e.Chunk)
	case e.Index != nil:
		l.once(e.Time, "the index of "+e.Component, indexed(*e.Index))
	case e.Report != nil:
		l.once(e.Time, e.Report.Pod, spoken(*e.Report))
	}
}

func (l *listing) once(at time.Time, who, says string) {
	if l.said[who] != says {
		l.line(at, "%s %s", who, says)
	}
	l.said[who] = says
}

func indexed(i bundle.Index) string {
	if i.Proven() {
		return fmt.Sprintf("wants %.12s, the last good", i.Wanted.Digest)
	}
	return fmt.Sprintf("wants %.12s", i.Wanted.Digest)
}

func spoken(r agent.Report) string {
	switch r.State {
	case agent.Live:
		return fmt.Sprintf("runs %.12s, read back after a reload of %.2f s", r.Live, r.ReloadSeconds)
	case agent.Applying:
		return fmt.Sprintf("applies %.12s", r.Wanted)
	}
	return fmt.Sprintf("%s %.12s: %.60s…", r.State, r.Wanted, r.Error)
}

// stages are the daemon's own times.
func stages(r history.Record) string {
	var times []string
	for _, s := range r.Stages {
		times = append(times, fmt.Sprintf("%s %.2f s", s.Name, s.Seconds))
	}
	return fmt.Sprintf("the daemon says %s; %s", r.Outcome, strings.Join(times, ", "))
}

// since is how long after the push something was seen.
func since(pushed, at time.Time) string { return fmt.Sprintf("%6.2f s", at.Sub(pushed).Seconds()) }
