package main

import (
	"context"
	"fmt"
	"time"

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
	for e := range events {
		if e.History == nil {
			d.show(pushed, e)
			continue
		}
		record := e.History.Of(commit)
		if record == nil {
			continue
		}
		d.screen.say("%s  %s", since(pushed, e.Time), d.stages(*record))
		if record.Outcome != outcome {
			return fail(broken("revision %.8s is %s: %s", commit, record.Outcome, record.Reason))
		}
		return *record, e.Time.Sub(pushed), nil
	}
	return fail(broken("revision %.8s is not %s in time: %w", commit, outcome, context.Cause(ctx)))
}

// show prints one thing that happened.
func (d *demo) show(pushed time.Time, e stack.Event) {
	at := since(pushed, e.Time)
	switch {
	case e.Chunk != "":
		d.screen.say("%s  chunk %s is written", at, e.Chunk)
	case e.Index != nil && e.Index.Proven():
		d.screen.say("%s  the index of %s: %.12s is the last good", at, e.Component, e.Index.Wanted.Digest)
	case e.Index != nil:
		d.screen.say("%s  the index of %s wants bundle %.12s", at, e.Component, e.Index.Wanted.Digest)
	case e.Report != nil:
		d.screen.say("%s  %s: %s", at, e.Report.Pod, spoken(e))
	}
}

func spoken(e stack.Event) string {
	r := e.Report
	switch {
	case r.Error != "":
		return fmt.Sprintf("%s: %s", r.State, r.Error)
	case r.Live == r.Wanted:
		return fmt.Sprintf("%s, runs %.12s (reload took %.2f s)", r.State, r.Live, r.ReloadSeconds)
	}
	return fmt.Sprintf("%s %.12s", r.State, r.Wanted)
}

// stages are the daemon's own times.
func (d *demo) stages(r history.Record) string {
	text := fmt.Sprintf("the daemon: %s;", r.Outcome)
	for _, s := range r.Stages {
		text += fmt.Sprintf(" %s %.2f s,", s.Name, s.Seconds)
	}
	return text[:len(text)-1]
}

// since is how long after the push something was seen; what was seen before push returned is so.
func since(pushed, at time.Time) string { return fmt.Sprintf("%6.2f s", at.Sub(pushed).Seconds()) }
