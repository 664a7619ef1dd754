//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

// watchbill runs the program against the cluster, as a person would.
func watchbill(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.Programs["watchbill"], append(args, "--kubeconfig", s.Kubeconfig, "--namespace", s.Namespace)...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		check(t, err)
		return string(out), 0
	}
	if exit.ExitCode() == 2 {
		t.Fatalf("watchbill %s: %s", strings.Join(args, " "), exit.Stderr)
	}
	return string(out), exit.ExitCode()
}

func TestBadRuleQuarantinesItsTeam(t *testing.T) {
	fromGood(t)
	ctx := within(t, time.Minute)
	edit(t, paymentsRules, burnRate, "job:http_requests_errors:ratio_rate1h > > 14.4")
	edit(t, platformRules, failures+"10m", failures+"6m")
	record := awaitLive(t, ctx, deliver(t, ctx, "payments: broken; platform: fine"))
	if len(record.Quarantined) != 1 || record.Quarantined[0].Team != "payments" {
		t.Fatalf("quarantined: %+v, not payments alone", record.Quarantined)
	}
	contains(t, record.Quarantined[0].Reason, paymentsRules)
	if got := pending(t); !slices.Equal(got, []float64{360, 360}) {
		t.Errorf("platform's change is not live: pending for %v s", got)
	}
	rules, err := s.Rules(ctx, "prometheus-0", "PaymentsErrorBudgetBurns")
	check(t, err)
	if len(rules) != 1 || !strings.Contains(rules[0].Query, "14.4") {
		t.Errorf("payments' last good rule does not run: %+v", rules)
	}
	// The status says it, to people and to programs.
	text, _ := watchbill(t, "status")
	contains(t, text, "payments")
	out, _ := watchbill(t, "status", "--output", "json")
	var status struct{ Live history.Record }
	check(t, json.Unmarshal([]byte(out), &status))
	if len(status.Live.Quarantined) != 1 || status.Live.Quarantined[0].Team != "payments" {
		t.Errorf("watchbill status -o json says %+v", status.Live.Quarantined)
	}
	m, err := s.Metrics(ctx)
	check(t, err)
	if m["watchbill_quarantined_teams"] != 1 {
		t.Errorf("watchbill_quarantined_teams is %g", m["watchbill_quarantined_teams"])
	}
}

const (
	paymentsScrape = "teams/payments/scrape/payments.yaml"
	paymentsJob    = "  - job_name: payments\n"
	missingCA      = "    scheme: https\n    tls_config:\n      ca_file: /etc/payments/ca.crt\n"
)

// A pod is deleted in the moment in which its bundle is being refused, or has
// just been; it has to come back on the last good. The log that says why may have
// gone with it.
func TestBundleThatPrometheusRefuses(t *testing.T) {
	for name, moment := range map[string]func(e stack.Event) (pod string){
		"while it is being loaded": func(e stack.Event) string {
			if e.Index != nil && e.Component == bundle.Prometheus && !e.Index.Proven() {
				return "prometheus-0"
			}
			return ""
		},
		"once it is refused": func(e stack.Event) string {
			if e.Report != nil && e.Component == bundle.Prometheus && e.Report.State == agent.Refused {
				return e.Report.Pod
			}
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			good := fromGood(t)
			ctx := within(t, 2*time.Minute)
			check(t, s.AwaitScraped(ctx, "payments"))
			edit(t, paymentsScrape, paymentsJob, paymentsJob+missingCA)
			events, err := s.Follow(ctx)
			check(t, err)
			commit := deliver(t, ctx, "payments: over TLS")
			for e := range events {
				if pod := moment(e); pod != "" {
					now := int64(0)
					check(t, s.Client.CoreV1().Pods(s.Namespace).Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: &now}))
					break
				}
			}
			record, err := s.Await(ctx, commit, history.Refused)
			check(t, err)
			contains(t, record.Reason, "/etc/payments/ca.crt: no such file or directory")
			check(t, s.Until(ctx, "two replicas of Prometheus", twoReplicas))
			stillLive(t, ctx, good)
			text, _ := watchbill(t, "status")
			contains(t, text, "refused")
		})
	}
}

// A refused revision stays refused, and the next good commit goes live over it.
func TestRefusalEndsWithTheNextCommit(t *testing.T) {
	good := fromGood(t)
	ctx := within(t, time.Minute)
	check(t, s.AwaitScraped(ctx, "payments"))
	edit(t, paymentsScrape, paymentsJob, paymentsJob+missingCA)
	refused := deliver(t, ctx, "payments: over TLS")
	_, err := s.Await(ctx, refused, history.Refused)
	check(t, err)
	stillLive(t, ctx, good)
	edit(t, paymentsScrape, missingCA, "")
	edit(t, platformRules, failures+"10m", failures+"9m")
	awaitLive(t, ctx, deliver(t, ctx, "payments: without TLS again"))
	h, err := s.History(ctx)
	check(t, err)
	if r := h.Of(refused); r == nil || r.Outcome != history.Refused {
		t.Errorf("the history of the refused revision is %+v", r)
	}
}
