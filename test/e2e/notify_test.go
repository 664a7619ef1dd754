//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/notify"
	"github.com/watchbill/watchbill/test/stack"
)

// notifications stands in for Slack, PagerDuty and the on-call webhook. It is nil
// on a cluster that is not ours, whose pods do not reach this process.
var notifications *notify.Server

const (
	// notifyPort is where it listens inside the local cluster's network.
	notifyPort = 8091
	// payingKey is as long as PagerDuty's keys are: 32 characters.
	payingKey   = stack.Planted + "-payments"
	notifyRules = "teams/payments/rules/notify.yaml"
)

// receivers are those values of the receivers' Secret that lead to the stand-in, which listens at the address.
func receivers(address string) map[string]string {
	return map[string]string{
		"slack-url":              standIn(address) + "/services/T00000000/B00000000/" + stack.Planted,
		"on-call-url":            standIn(address) + "/webhook/" + stack.Planted,
		"payments-pagerduty-key": payingKey,
	}
}

func standIn(address string) string {
	return "http://" + net.JoinHostPort(address, strconv.Itoa(notifyPort))
}

// serveNotifications starts the stand-in on the local cluster; stop ends it.
func serveNotifications(ctx context.Context) (stop func() error, err error) {
	if s.Cluster == nil {
		return func() error { return nil }, nil
	}
	address, err := s.Cluster.Address(ctx)
	if err != nil {
		return nil, err
	}
	listener, err := s.Cluster.Listen(net.JoinHostPort(address, strconv.Itoa(notifyPort)))
	if err != nil {
		return nil, fmt.Errorf("listen for notifications: %w", err)
	}
	notifications = notify.New()
	ended := make(chan error, 1)
	go func() { ended <- notifications.Serve(listener) }()
	return func() error { return errors.Join(notifications.Close(), <-ended) }, nil
}

// notifyRule is a group with one alert, which fires where the expression has a value.
func notifyRule(alert, expr string) string {
	return `  - name: payments.` + alert + `
    interval: 5s
    rules:
      - alert: ` + alert + `
        expr: ` + expr + `
        for: 5s
        labels: {severity: critical}
        annotations:
          summary: ` + alert + ` has happened.
          description: Nobody can pay.
          runbook_url: https://runbooks.example.org/` + alert + "\n"
}

const (
	fires = "vector(1)"
	quiet = "vector(1) > 1"
)

// wanted is what everybody is to be told of an alert: its team's channel and
// PagerDuty in the words of the repo's templates, on-call by a copy. Each of
// them once, though two Prometheus and three Alertmanagers know of it.
func wanted(alert, status string) []string {
	title := "[FIRING 1] " + alert + " in prod"
	action := "trigger"
	if status == notify.Resolved {
		title, action = "[RESOLVED] "+alert+" in prod", "resolve"
	}
	return []string{
		"pagerduty " + payingKey + " " + action + " critical: " + title,
		"slack #payments " + status + ": " + title + " | - critical: " + alert + " has happened. Nobody can pay. Runbook: https://runbooks.example.org/" + alert,
		"webhook on-call-alerts " + status + ": map[alertname:" + alert + " environment:prod severity:critical team:payments]",
	}
}

// told is what was told of an alert, sorted, in the same form.
func told(alert, status string) []string {
	var out []string
	for _, n := range notifications.Received() {
		if n.Status != status {
			continue
		}
		switch n.Kind {
		case notify.PagerDuty:
			if strings.Contains(n.Title, " "+alert+" ") {
				out = append(out, fmt.Sprintf("pagerduty %s %s %s: %s", n.Key, n.Action, n.Severity, n.Title))
			}
		case notify.Slack:
			if strings.Contains(n.Title, " "+alert+" ") {
				out = append(out, fmt.Sprintf("slack %s %s: %s | %s", n.Channel, n.Status, n.Title, strings.Join(strings.Fields(n.Text), " ")))
			}
		case notify.Webhook:
			if strings.HasSuffix(n.Receiver, "on-call-alerts") && n.Alerts[0].Labels["alertname"] == alert {
				labels := make([]string, 0, len(n.Alerts))
				for _, a := range n.Alerts {
					labels = append(labels, fmt.Sprint(a.Labels))
				}
				out = append(out, fmt.Sprintf("webhook %s %s: %s", n.Receiver, n.Status, strings.Join(labels, ", ")))
			}
		}
	}
	slices.Sort(out)
	return out
}

// awaitTold waits until as many were told of an alert as should be.
func awaitTold(t *testing.T, ctx context.Context, alert, status string) {
	t.Helper()
	check(t, s.Until(ctx, alert+" to be told as "+status, func(context.Context) error {
		want, got := wanted(alert, status), told(alert, status)
		if len(got) < len(want) {
			return fmt.Errorf("told %q, faults %q", got, notifications.Faults())
		}
		return nil
	}))
}

// toldOnce checks that everybody was told of an alert, and nobody twice.
func toldOnce(t *testing.T, alert, status string) {
	t.Helper()
	if diff := cmp.Diff(wanted(alert, status), told(alert, status)); diff != "" {
		t.Errorf("%s, %s:\n%s", alert, status, diff)
	}
}

// alertGroup is what an Alertmanager tells as one.
type alertGroup struct {
	Receiver struct{ Name string }
	Labels   map[string]string
}

func alertGroups(ctx context.Context, pod string) ([]alertGroup, error) {
	var groups []alertGroup
	return groups, s.GetJSON(ctx, &groups, pod, stack.AlertmanagerPort, "api/v2/alerts/groups")
}

// integrations is how many each receiver has of those who are told.
func integrations(ctx context.Context, pod string) (map[string]int, error) {
	var status struct {
		Config struct{ Original string }
	}
	if err := s.GetJSON(ctx, &status, pod, stack.AlertmanagerPort, "api/v2/status"); err != nil {
		return nil, err
	}
	var config struct{ Receivers []map[string]any }
	if err := yaml.Unmarshal([]byte(status.Config.Original), &config); err != nil {
		return nil, fmt.Errorf("read the configuration that %s runs: %w", pod, err)
	}
	counts := map[string]int{}
	for _, r := range config.Receivers {
		name, _ := r["name"].(string)
		for _, configs := range r {
			list, _ := configs.([]any)
			counts[name] += len(list)
		}
	}
	return counts, nil
}

// known waits until every Alertmanager holds the two groups of an alert that
// fires, its team's and the copy for on-call. One that was just started is told
// of it when Prometheus tells everybody again, within a minute.
func known(t *testing.T, ctx context.Context, alert string) {
	t.Helper()
	check(t, s.Until(ctx, "every Alertmanager to know of "+alert, func(ctx context.Context) error {
		pods, err := s.Pods(ctx, bundle.Alertmanager)
		if err != nil {
			return err
		}
		if len(pods) != 3 {
			return fmt.Errorf("there are %d", len(pods))
		}
		for _, pod := range pods {
			groups, err := alertGroups(ctx, pod.Name)
			if err != nil {
				return err
			}
			groups = slices.DeleteFunc(groups, func(g alertGroup) bool { return g.Labels["alertname"] != alert })
			if len(groups) != 2 {
				return fmt.Errorf("%s has %d groups of it", pod.Name, len(groups))
			}
		}
		return nil
	}))
}

const nflogQueries = "alertmanager_nflog_queries_total"

// round waits until every Alertmanager has had the time to tell what it would
// tell. Before it tells a receiver of a group it asks its log of notifications
// whether another has; these queries are counted. Once there were more of them
// than receivers of all groups, some group had its turn twice, so that a whole
// group interval has passed. That is longer than the last Alertmanager waits for
// the others. Of groups that fire no more, and are not listed, the receivers are
// given.
func round(t *testing.T, ctx context.Context, unlisted int) {
	t.Helper()
	pods, err := s.Pods(ctx, bundle.Alertmanager)
	check(t, err)
	enough := map[string]float64{} // by pod: what its count of queries has to exceed
	for _, pod := range pods {
		counts, err := integrations(ctx, pod.Name)
		check(t, err)
		groups, err := alertGroups(ctx, pod.Name)
		check(t, err)
		before, err := s.PodMetrics(ctx, pod.Name, stack.AlertmanagerPort)
		check(t, err)
		most := unlisted
		for _, g := range groups {
			most += counts[g.Receiver.Name]
		}
		enough[pod.Name] = before[nflogQueries] + float64(most)
	}
	for _, pod := range pods {
		check(t, s.Until(ctx, "the groups of "+pod.Name+" to have their turns", func(ctx context.Context) error {
			now, err := s.PodMetrics(ctx, pod.Name, stack.AlertmanagerPort)
			if err != nil {
				return err
			}
			if now[nflogQueries] <= enough[pod.Name] {
				return fmt.Errorf("it has asked its log %g times, and has to more than %g", now[nflogQueries], enough[pod.Name])
			}
			return nil
		}))
	}
}

// firstToTell is the Alertmanager whose turn it is first: the one whose name in
// the mesh sorts before the others'. Those wait some seconds more each.
func firstToTell(t *testing.T, ctx context.Context) string {
	t.Helper()
	pods, err := s.Pods(ctx, bundle.Alertmanager)
	check(t, err)
	names := map[string]string{}
	for _, pod := range pods {
		var status struct {
			Cluster struct {
				Name  string
				Peers []struct{ Name string }
			}
		}
		check(t, s.GetJSON(ctx, &status, pod.Name, stack.AlertmanagerPort, "api/v2/status"))
		if len(status.Cluster.Peers) != len(pods) {
			t.Fatalf("%s sees %d of %d Alertmanagers", pod.Name, len(status.Cluster.Peers), len(pods))
		}
		names[pod.Name] = status.Cluster.Name
	}
	return slices.MinFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(names[a.Name], names[b.Name]) }).Name
}

// TestAlertIsToldOnce: an alert that really fires reaches its team's channel,
// PagerDuty and on-call, once each; so does another after the Alertmanager that
// would tell it has been killed; and all are told that both are over.
//
// The group interval has to be longer than what the last of three Alertmanagers
// waits for the others, which is 30 s. One that takes its turn while another is
// waiting would be contradicted by it.
func TestAlertIsToldOnce(t *testing.T) {
	if notifications == nil {
		t.Skip("the pods of this cluster do not reach the stand-in for Slack and PagerDuty")
	}
	fromGood(t)
	ctx := within(t, 10*time.Minute)
	faults := len(notifications.Faults())
	address, err := s.Cluster.Address(ctx)
	check(t, err)
	edit(t, "watchbill.yaml", "groupWait: 15s", "groupWait: 5s")
	edit(t, "watchbill.yaml", "groupInterval: 2m", "groupInterval: 40s")
	const pays = "integrationKey: payments-pagerduty-key"
	edit(t, "teams/payments/team.yaml", pays, pays+`
          url: `+standIn(address)+`/v2/enqueue
          description: '{{ template "team.title" . }}'`)
	write(t, notifyRules, "groups:\n"+notifyRule("CheckoutStops", fires))
	awaitLive(t, ctx, deliver(t, ctx, "payments: tell of a checkout that stops"))
	awaitTold(t, ctx, "CheckoutStops", notify.Firing)
	known(t, ctx, "CheckoutStops")
	round(t, ctx, 0)
	toldOnce(t, "CheckoutStops", notify.Firing)

	killed, now := firstToTell(t, ctx), int64(0)
	check(t, s.Client.CoreV1().Pods(s.Namespace).Delete(ctx, killed, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	write(t, notifyRules, "groups:\n"+notifyRule("CheckoutStops", fires)+notifyRule("RefundsStop", fires))
	awaitLive(t, ctx, deliver(t, ctx, "payments: tell of refunds that stop"))
	awaitTold(t, ctx, "RefundsStop", notify.Firing)
	known(t, ctx, "CheckoutStops")
	known(t, ctx, "RefundsStop")
	round(t, ctx, 0)
	toldOnce(t, "CheckoutStops", notify.Firing)
	toldOnce(t, "RefundsStop", notify.Firing)

	// The one that was killed counts its intervals from another time than the
	// others, which a new configuration puts right.
	edit(t, "watchbill.yaml", "groupInterval: 40s", "groupInterval: 41s")
	awaitLive(t, ctx, deliver(t, ctx, "alertmanager: group a little longer"))
	write(t, notifyRules, "groups:\n"+notifyRule("CheckoutStops", quiet)+notifyRule("RefundsStop", quiet))
	awaitLive(t, ctx, deliver(t, ctx, "payments: both go again"))
	alerts := []string{"CheckoutStops", "RefundsStop"}
	for _, alert := range alerts {
		awaitTold(t, ctx, alert, notify.Resolved)
	}
	round(t, ctx, len(alerts)*len(wanted("", notify.Resolved)))
	for _, alert := range alerts {
		toldOnce(t, alert, notify.Firing)
		toldOnce(t, alert, notify.Resolved)
		sameIncident(t, alert)
	}
	if more := notifications.Faults()[faults:]; len(more) > 0 {
		t.Errorf("against the published formats:\n%s", strings.Join(more, "\n"))
	}
}

// sameIncident checks that what PagerDuty was told belongs together: a resolve
// with another key would leave the incident open.
func sameIncident(t *testing.T, alert string) {
	t.Helper()
	keys := map[string]bool{}
	for _, n := range notifications.Received() {
		if n.Kind == notify.PagerDuty && strings.Contains(n.Title, " "+alert+" ") {
			keys[n.Dedup] = true
		}
	}
	if len(keys) != 1 {
		t.Errorf("%s: PagerDuty was told under %d keys", alert, len(keys))
	}
}
