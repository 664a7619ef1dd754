//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/watchbill/watchbill/reconcile/history"
)

func TestMassChangeIsHeldUntilAllowed(t *testing.T) {
	good := fromGood(t)
	ctx := within(t, time.Minute)
	check(t, s.Repo.Remove("teams/payments"))
	record, err := s.Await(ctx, deliver(t, ctx, "payments: gone"), history.Held)
	check(t, err)
	contains(t, record.Reason, "payments")
	stillLive(t, ctx, good)
	id := regexp.MustCompile(`add ([0-9a-f]{12}) to guard\.allow`).FindStringSubmatch(record.Reason)
	if id == nil {
		t.Fatalf("the reason names no id: %s", record.Reason)
	}
	edit(t, "watchbill.yaml", "maxRemovedRules: 50%", "maxRemovedRules: 50%\n  allow: [\""+id[1]+"\"]")
	awaitLive(t, ctx, deliver(t, ctx, "payments: gone, and that is meant"))
	rules, err := s.Rules(ctx, "prometheus-0", "PaymentsErrorBudgetBurns")
	check(t, err)
	if len(rules) != 0 {
		t.Errorf("payments' rules run on: %+v", rules)
	}
}

func TestRollbackUntilTheNextCommit(t *testing.T) {
	before := fromGood(t)
	ctx := within(t, 2*time.Minute)
	edit(t, platformRules, failures+"10m", failures+"2m")
	after := awaitLive(t, ctx, deliver(t, ctx, "platform: too soon"))

	out, code := watchbill(t, "rollback")
	if code != 0 {
		t.Fatalf("watchbill rollback: exit code %d: %s", code, out)
	}
	pendsFor(t, ctx, 600)
	stillLive(t, ctx, before)
	noLeftovers(t, ctx)

	// A poke, which finds nothing new, ends nothing.
	check(t, s.Poke(ctx))
	stillLive(t, ctx, before)

	// The restart of the daemon does not either.
	killDaemon(t, ctx)
	check(t, s.Poke(ctx))
	stillLive(t, ctx, before)

	if out, code := watchbill(t, "rollback", "--undo"); code != 0 {
		t.Fatalf("watchbill rollback --undo: exit code %d: %s", code, out)
	}
	pendsFor(t, ctx, 120)
	stillLive(t, ctx, after)

	watchbill(t, "rollback", before.Revision[:10])
	pendsFor(t, ctx, 600)
	edit(t, platformRules, failures+"2m", failures+"3m")
	awaitLive(t, ctx, deliver(t, ctx, "platform: better"))
	pendsFor(t, ctx, 180)
}

// pendsFor waits until PrometheusRuleFailures pends for so many seconds on each Prometheus.
func pendsFor(t *testing.T, ctx context.Context, seconds float64) {
	t.Helper()
	check(t, s.Until(ctx, fmt.Sprintf("the alert to pend for %g s", seconds), func(context.Context) error {
		if got := pending(t); !slices.Equal(got, []float64{seconds, seconds}) {
			return fmt.Errorf("it pends for %v", got)
		}
		return nil
	}))
}
