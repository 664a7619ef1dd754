package main

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/test/stack"
)

const (
	environmentFile = "environments/prod.yaml"
	two, one        = "prometheus:\n  replicas: 2", "prometheus:\n  replicas: 1"
	// goes is the replica that the change gives up; what it scraped of itself nobody else has under its name.
	goes   = "prometheus-1"
	itself = `up{job="prometheus"}`
)

// keep gives a Prometheus up, and asks for its samples once it and its volume have gone.
func (d *demo) keep(ctx context.Context) error {
	d.screen.title("A Prometheus is given up: before it goes, what is in its memory goes to the object store")
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := d.withoutTLS(ctx); err != nil {
		return err
	}
	var before model.Matrix
	at := time.Now()
	err := d.stack.Until(ctx, goes+" to have scraped a few times", func(ctx context.Context) (err error) {
		at = time.Now()
		before, err = d.stack.Matrix(ctx, goes, stack.PrometheusPort, itself+"[1h]", at, false)
		if err == nil && count(before) < 4 {
			err = fmt.Errorf("it has %d samples", count(before))
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := d.stack.Repo.Replace(environmentFile, two, one); err != nil {
		return err
	}
	_, took, err := d.deliver(ctx, "prod: one Prometheus is enough", history.Live)
	if err != nil {
		return err
	}
	d.screen.ok("live %.2f s after the push; nothing waits for what follows", took.Seconds())
	pushed := time.Now().Add(-took)
	if err := d.stack.AwaitGone(ctx, goes); err != nil {
		return err
	}
	d.screen.ok("%s has handed its samples over, and it and its volume are gone after %.1f s", goes, time.Since(pushed).Seconds())
	return d.answered(ctx, before, at)
}

// withoutTLS takes back what was refused.
func (d *demo) withoutTLS(ctx context.Context) error {
	if err := d.stack.Repo.Replace(scrapeFile, job+tls, job); err != nil {
		return err
	}
	commit, err := d.stack.Deliver(ctx, "payments: not over TLS after all")
	if err != nil {
		return err
	}
	if _, err := d.stack.Await(ctx, commit); err != nil {
		return broken("%w", err)
	}
	d.screen.say("the change that was refused is taken back: revision %.8s is live", commit)
	return nil
}

// answered asks Thanos Query for what the replica had.
func (d *demo) answered(ctx context.Context, before model.Matrix, at time.Time) error {
	selector := fmt.Sprintf("up{job=%q,replica=%q}[1h]", "prometheus", goes)
	var after model.Matrix
	err := d.stack.Until(ctx, "Thanos Query to answer from the object store", func(ctx context.Context) (err error) {
		after, err = d.stack.AskQuery(ctx, selector, at, false)
		if err == nil && count(after) < count(before) {
			err = fmt.Errorf("%d of %d samples are there", count(after), count(before))
		}
		return err
	})
	if err != nil {
		return broken("%w", err)
	}
	d.screen.ok("Thanos Query answers %s with %d samples; the replica had %d. They come from the object store", selector, count(after), count(before))
	return nil
}

func count(m model.Matrix) int {
	n := 0
	for _, series := range m {
		n += len(series.Values)
	}
	return n
}
