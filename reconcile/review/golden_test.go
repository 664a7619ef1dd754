package review

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

var update = flag.Bool("update", false, "write the golden files anew")

const newAlert = `groups:
  - name: payments.queue
    rules:
      - alert: PaymentsQueueLong
        expr: sum by (queue) (payments_queue_length{job="payments"}) > 1000
        for: 10m
        labels:
          severity: critical
        annotations:
          summary: "The queue {{ $labels.queue }} holds {{ $value }} payments."
          runbook_url: https://runbooks.example.org/PaymentsQueueLong
`

// changes to the example that people make.
var goldens = []struct {
	name       string
	main       map[string]string
	change     map[string]string
	fork       bool
	live       Live
	wantErrors bool
}{
	{
		name:   "new-alert",
		change: map[string]string{"teams/payments/rules/queue.yaml": newAlert},
		live: Live{
			Firing: someAlerts,
			Backtest: func(context.Context, *repolayout.Repo, *repolayout.Repo, string) ([]Fired, error) {
				return []Fired{{Team: "payments", Alert: "PaymentsQueueLong", Over: 14 * 24 * time.Hour, Before: -1, After: 9, Text: "mostly at night"}}, nil
			},
		},
	},
	{
		name: "changed-threshold",
		change: map[string]string{
			"teams/on-call/rules/alertmanager.yaml":  "for: 2m => for: 5m",
			"teams/delivery/rules/watchbill.yaml":    "seconds:p90_6h > 60 => seconds:p90_6h > 90",
			"teams/payments/rules/prod/latency.yaml": "severity: => severity: critical #",
		},
		live: Live{Firing: someAlerts},
	},
	{
		name: "removed-rule",
		change: map[string]string{
			"teams/delivery/rules/watchbill.yaml": "alert: WatchbillSlow => alert: WatchbillVerySlow",
			"teams/delivery/rules/jobs.yaml":      "",
			"teams/delivery/tests/jobs.yaml":      "",
		},
		live: Live{Firing: someAlerts},
	},
	{
		name:       "removed-recording-rule",
		change:     map[string]string{"teams/on-call/rules/alertmanager.yaml": "record: integration:alertmanager_notifications_failed:ratio_rate5m => record: integration:failed:ratio_rate5m"},
		wantErrors: true,
	},
	{
		name: "routing",
		change: map[string]string{
			"teams/payments/team.yaml": "  - severities: [critical]\n =>   - severities: [critical, warning]\n",
			"teams/platform/team.yaml": "channel: \"#platform-alerts\" => channel: \"#platform [x](https://example.org) @all\"",
		},
	},
	{
		name: "broken-rule",
		change: map[string]string{
			"teams/payments/rules/queue.yaml": strings.Replace(newAlert, "> 1000", "> (1000", 1),
			"teams/payments/team.yaml":        "repeatInterval: 1h => repeatInterval: 2h",
			"teams/delivery/tests/jobs.yaml":  "eval_time: 4h10m => eval_time: 2h",
		},
		wantErrors: true,
	},
	{
		name: "retention",
		change: map[string]string{
			"environments/prod.yaml": "  raw: 30d\n =>   raw: 20d\n",
		},
		live: Live{Retention: func(_ context.Context, b, a *repolayout.Environment) (string, error) {
			return fmt.Sprintf("12 blocks (4.2 GiB) that are older than %s and younger than %s would be deleted, from 2026-09-01 to 2026-09-11", a.Retention.Raw, b.Retention.Raw), nil
		}},
	},
	{
		name:   "fork",
		change: map[string]string{"environments/prod.yaml": "  raw: 30d\n =>   raw: 20d\n", "teams/on-call/rules/alertmanager.yaml": "for: 2m => for: 5m"},
		fork:   true,
		live: Live{Firing: neverAsk, Retention: func(context.Context, *repolayout.Environment, *repolayout.Environment) (string, error) {
			panic("asked")
		}},
	},
	{
		name:   "nothing-that-runs",
		change: map[string]string{"README.md": "other words", "teams/payments/team.yaml": "owner: payments@ => owner: pay@"},
	},
	{
		name:   "huge",
		change: hugeChange(),
	},
}

func neverAsk(context.Context, string) ([]LiveAlert, error) { panic("asked") }

func someAlerts(_ context.Context, environment string) ([]LiveAlert, error) {
	since := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	if environment != "prod" {
		return nil, nil
	}
	return []LiveAlert{
		{
			File: "rules/delivery/watchbill.yaml", Group: "watchbill.alerts", Name: "WatchbillSlow", State: "firing", Since: since,
			RuleLabels: map[string]string{"severity": "info", "team": "delivery"}, Labels: map[string]string{"alertname": "WatchbillSlow", "severity": "info", "team": "delivery"},
		},
		{
			File: "rules/delivery/jobs.yaml", Group: "watchbill.jobs", Name: "WatchbillShipLags", State: "pending", Since: since,
			RuleLabels: map[string]string{"severity": "warning", "team": "delivery"}, Labels: map[string]string{"alertname": "WatchbillShipLags", "replica": "prometheus-0", "severity": "warning", "team": "delivery"},
		},
		{
			File: "rules/payments/prod/latency.yaml", Group: "payments.latency", Name: "PaymentsSlow", State: "firing", Since: since,
			RuleLabels: map[string]string{"severity": "warning", "team": "payments"}, Labels: map[string]string{"alertname": "PaymentsSlow", "severity": "warning", "team": "payments"},
		},
	}, nil
}

func hugeChange() map[string]string {
	out := map[string]string{}
	for f := range 40 {
		var b strings.Builder
		fmt.Fprintf(&b, "groups:\n- name: many.%d\n  rules:\n", f)
		for i := range 40 {
			fmt.Fprintf(&b, "  - alert: Many%dOf%d\n    expr: sum by (job) (rate(requests_total{job=\"payments\",code=~\"5..\"}[5m])) > %d\n    for: 10m\n    labels: {severity: warning}\n    annotations: {summary: it is %d, runbook_url: https://runbooks.example.org/Many}\n", i, f, i, i)
		}
		out[fmt.Sprintf("teams/payments/rules/many-%02d.yaml", f)] = b.String()
	}
	return out
}

// TestComments: what people read of changes to the example. Read the golden files as Markdown.
func TestComments(t *testing.T) {
	for _, tc := range goldens {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.main, tc.change)
			w.opts.Live = tc.live
			p := w.forge.pulls[7]
			p.Fork = tc.fork
			w.forge.set(p)
			w.once(t)
			status, check, comment := w.forge.statuses["head-1"], w.forge.checks["head-1"], w.forge.comments[7]
			if wantState := map[bool]forge.State{true: forge.Failure, false: forge.Success}[tc.wantErrors]; status.State != wantState || check.State != wantState {
				t.Errorf("status %s, check %s, want %s", status.State, check.State, wantState)
			}
			if len(comment) > commentRoom {
				t.Errorf("the comment has %d bytes", len(comment))
			}
			got := fmt.Sprintf("<!-- %s: %s -->\n%s", status.State, status.Text, comment)
			for _, n := range check.Notes {
				got += fmt.Sprintf("<!-- note %s:%d: %s -->\n", n.File, n.Line, n.Title)
			}
			golden(t, tc.name+".md", got)
			page, ok := w.Page(7)
			if !ok || tc.name == "huge" && !strings.Contains(page, "Many39Of39") {
				t.Errorf("the page is there: %v, and has %d bytes", ok, len(page))
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
