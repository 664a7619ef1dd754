package running

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/reconcile/query"
	"github.com/watchbill/watchbill/reconcile/review"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/live"
)

// queryName is what the pods of Thanos Query are called.
const queryName = "thanos-query"

// past is what alerts are tried over.
const past = 7 * 24 * time.Hour

// Backtest says how often the alerts that a change adds or alters would have
// fired lately, by their rules of before and of after.
func (s *Stack) Backtest(ctx context.Context, base, head *repolayout.Repo, environment string) ([]review.Fired, error) {
	if environment != s.Environment {
		return nil, ErrElsewhere
	}
	env := head.Environment(environment)
	after := live.Changed(base, head, env)
	if len(after) == 0 {
		return nil, nil
	}
	before := map[alertKey]live.Alert{}
	for _, a := range live.Alerts(base, base.Environment(environment)) {
		if _, taken := before[keyOf(a)]; !taken {
			before[keyOf(a)] = a
		}
	}
	client, err := s.query(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	alerts, pairs := after, make([]int, len(after))
	for i, a := range after {
		pairs[i] = -1
		if old, ok := before[keyOf(a)]; ok {
			pairs[i] = len(alerts)
			alerts = append(alerts[:len(alerts):len(alerts)], old)
		}
	}
	outcomes, err := live.Backtest(ctx, client.Live(), alerts, live.Options{Now: s.now(), Environment: env, Backtest: past})
	if err != nil {
		return nil, err
	}
	out := make([]review.Fired, len(after))
	for i, a := range after {
		out[i] = review.Fired{Team: a.Team, Alert: a.Name, Over: past, Before: -1, After: outcomes[i].Firings, Text: tellOutcome(outcomes[i])}
		if pairs[i] >= 0 {
			out[i].Before = outcomes[pairs[i]].Firings
		}
	}
	return out, nil
}

// alertKey is what Prometheus knows an alert by.
type alertKey struct{ file, group, name string }

func keyOf(a live.Alert) alertKey { return alertKey{a.Pos.File, a.Group, a.Name} }

func tellOutcome(o live.Outcome) string {
	switch {
	case o.Unknown != "":
		return "not known: " + o.Unknown
	case o.Firings == 0:
		return ""
	}
	text := fmt.Sprintf("%s in all, %s at the longest, %d at once", o.Firing, o.Longest, o.AtOnce)
	if o.Still {
		text += ", fires now"
	}
	if len(o.Notes) > 0 {
		text += "; " + o.Notes[0]
	}
	return text
}

// query asks whoever has the widest view: Thanos Query, or else a Prometheus.
func (s *Stack) query(ctx context.Context) (*query.Client, error) {
	port, pods, err := queryPort, []corev1.Pod(nil), error(nil)
	if pods, err = s.pods(ctx, queryName); err != nil {
		port = prometheusPort
		if pods, err = s.pods(ctx, bundle.Prometheus); err != nil {
			return nil, err
		}
	}
	u, err := s.Way.URL(pods[0].Name, pods[0].Status.PodIP, port)
	if err != nil {
		return nil, err
	}
	return query.New(query.Options{URL: u.String(), Transport: s.Way.Client.Transport})
}
