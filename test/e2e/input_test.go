//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/test/gitserver"
	"github.com/watchbill/watchbill/test/stack"
)

// Whatever is committed, what is live stays live, everyone else's change goes
// out, and the reason is clear.
func TestBadContent(t *testing.T) {
	for _, bad := range []struct {
		name string
		make func(*testing.T)
		// says is in the reason, of the quarantine or of the block.
		says string
	}{
		{"symlink out of the repo", func(t *testing.T) {
			check(t, os.Symlink("/etc/passwd", filepath.Join(s.Repo.Dir, "teams/payments/rules/link.yaml")))
		}, "teams/payments/rules/link.yaml"},
		{"folder that is a symlink", func(t *testing.T) {
			check(t, s.Repo.Remove("teams/payments/rules"))
			check(t, os.Symlink("../../teams/platform/rules", filepath.Join(s.Repo.Dir, "teams/payments/rules")))
		}, "teams/payments/rules"},
		{"submodule", func(t *testing.T) {
			head, err := s.Repo.Head(t.Context())
			check(t, err)
			_, err = s.Repo.Git(t.Context(), "update-index", "--add", "--cacheinfo", "160000,"+head+",teams/payments/rules/sub")
			check(t, err)
			check(t, os.MkdirAll(filepath.Join(s.Repo.Dir, "teams/payments/rules/sub"), 0o755)) // as git itself leaves it
		}, "teams/payments/rules/sub"},
		{"10 MiB file", func(t *testing.T) {
			write(t, "teams/payments/rules/large.yaml", "groups: []\n"+strings.Repeat("# nothing but length\n", 10<<20/21))
		}, "teams/payments/rules/large.yaml"},
		{"YAML bomb", func(t *testing.T) { write(t, "teams/payments/rules/bomb.yaml", bomb()) }, "teams/payments/rules/bomb.yaml"},
		{"not UTF-8", func(t *testing.T) { write(t, "teams/payments/rules/latin.yaml", "groups: [] # gr\xfc\xdfe\n") }, "teams/payments/rules/latin.yaml"},
		{"unknown key", func(t *testing.T) {
			edit(t, "teams/payments/team.yaml", "owner: ", "pager: yes\nowner: ")
		}, "pager"},
		{"broken watchbill.yaml", func(t *testing.T) { write(t, "watchbill.yaml", "components: [\n") }, "watchbill.yaml"},
		{"no environment", func(t *testing.T) { check(t, s.Repo.Remove("environments/prod.yaml")) }, "prod"},
		{"nothing at all", func(t *testing.T) {
			for _, path := range []string{"watchbill.yaml", "environments", "teams", "alertmanager", ".schemas", "README.md"} {
				check(t, s.Repo.Remove(path))
			}
		}, ""},
	} {
		t.Run(bad.name, func(t *testing.T) {
			good := fromGood(t)
			ctx := within(t, 90*time.Second)
			bad.make(t)
			began := time.Now()
			record, err := s.Await(ctx, deliver(t, ctx, bad.name), history.Blocked, history.Live, history.Held)
			check(t, err)
			t.Logf("%s after %s: %s%s", record.Outcome, time.Since(began).Round(time.Millisecond), record.Reason, quarantine(record))
			contains(t, record.Reason+quarantine(record), bad.says)
			if record.Reason+quarantine(record) == "" {
				t.Error("nothing says what is wrong")
			}
			if record.Outcome != history.Live {
				stillLive(t, ctx, good)
			}
			rules, err := s.Rules(ctx, "prometheus-1", "PaymentsErrorBudgetBurns")
			check(t, err)
			if len(rules) != 1 {
				t.Errorf("payments' last good rules do not run: %+v", rules)
			}
		})
	}
}

func quarantine(r history.Record) string {
	var text strings.Builder
	for _, q := range r.Quarantined {
		fmt.Fprintf(&text, "team %s: %s", q.Team, q.Reason)
	}
	return text.String()
}

// bomb is a file of a few lines that stands for 10^9 rules.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 {record: x, expr: vector(1)}\n")
	for n := 1; n < 10; n++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", n, n, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", n-1), 10), ","))
	}
	return b.String() + "groups:\n  - name: bomb\n    rules: *a9\n"
}

// Whatever becomes of the remote, what is live stays live, the log says what is
// wrong, and the daemon goes on when the remote is itself again.
func TestBadRemote(t *testing.T) {
	for _, bad := range []struct {
		name         string
		make, unmake func(*testing.T, context.Context)
		says         string
	}{
		{"branch deleted", func(t *testing.T, ctx context.Context) {
			bare(t, ctx, "update-ref", "refs/keep", "refs/heads/"+stack.Branch)
			bare(t, ctx, "update-ref", "-d", "refs/heads/"+stack.Branch)
		}, func(t *testing.T, ctx context.Context) {
			bare(t, ctx, "update-ref", "refs/heads/"+stack.Branch, "refs/keep")
			bare(t, ctx, "update-ref", "-d", "refs/keep")
		}, stack.Branch},
		{"remote emptied", func(t *testing.T, ctx context.Context) {
			check(t, os.Rename(s.Repo.Bare, s.Repo.Bare+".aside"))
			check(t, gitserver.Init(ctx, s.Repo.Bare, stack.Branch))
		}, func(t *testing.T, _ context.Context) {
			check(t, os.RemoveAll(s.Repo.Bare))
			check(t, os.Rename(s.Repo.Bare+".aside", s.Repo.Bare))
		}, "empty"},
		{"remote gone", func(t *testing.T, _ context.Context) {
			check(t, os.Rename(s.Repo.Bare, s.Repo.Bare+".aside"))
		}, func(t *testing.T, _ context.Context) {
			check(t, os.Rename(s.Repo.Bare+".aside", s.Repo.Bare))
		}, "not found"},
		{"credential refused", faulty(gitserver.Fault{Status: http.StatusUnauthorized, Body: "who are you"}), healed, "credential"},
		{"server in trouble", faulty(gitserver.Fault{Status: http.StatusServiceUnavailable, Body: "try later"}), healed, "503"},
		{"connection breaks", faulty(gitserver.Fault{CutAfter: 40}), healed, "fetch the monitoring repo"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			good := fromGood(t)
			ctx := within(t, time.Minute)
			since := time.Now()
			bad.make(t, ctx)
			err := errors.Join(s.Poke(ctx), s.Until(ctx, "the daemon to say what is wrong", func(ctx context.Context) error {
				return said(ctx, since, bad.says)
			}))
			stillLive(t, ctx, good)
			bad.unmake(t, ctx)
			check(t, err)
			edit(t, platformRules, failures+"10m", failures+"11m")
			awaitLive(t, ctx, deliver(t, ctx, "after: "+bad.name))
		})
	}
}

func bare(t *testing.T, ctx context.Context, args ...string) {
	t.Helper()
	_, err := s.Repo.GitBare(ctx, args...)
	check(t, err)
}

func faulty(f gitserver.Fault) func(*testing.T, context.Context) {
	return func(*testing.T, context.Context) { s.Git.SetFault(&f) }
}

func healed(*testing.T, context.Context) { s.Git.SetFault(nil) }

// said looks for an error in the daemon's log.
func said(ctx context.Context, since time.Time, text string) error {
	pods, err := s.Pods(ctx, stack.Deployment)
	if err != nil {
		return err
	}
	last := "nothing"
	for _, pod := range pods {
		log, err := s.Logs(ctx, pod.Name, "watchbill", false)
		if err != nil {
			return err
		}
		for line := range strings.Lines(log) {
			stamp, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
			at, err := time.Parse(time.RFC3339Nano, stamp)
			if err != nil || at.Before(since) || !strings.Contains(line, "level=ERROR") {
				continue
			}
			if last = strings.TrimSpace(line); strings.Contains(line, text) {
				return nil
			}
		}
	}
	return fmt.Errorf("no error in the log says %q; the last: %s", text, last)
}

// A force-push that takes a commit back is followed.
func TestForcePush(t *testing.T) {
	fromGood(t)
	ctx := within(t, time.Minute)
	base, err := s.Repo.Head(ctx)
	check(t, err)
	edit(t, platformRules, failures+"10m", failures+"12m")
	awaitLive(t, ctx, deliver(t, ctx, "platform: to be taken back"))
	_, err = s.Repo.Git(ctx, "reset", "--quiet", "--hard", base)
	check(t, err)
	edit(t, platformRules, failures+"10m", failures+"13m")
	commit, err := s.Repo.Commit(ctx, "platform: instead of it")
	check(t, err)
	check(t, s.Repo.Push(ctx, "--force"))
	check(t, s.Poke(ctx))
	awaitLive(t, ctx, commit)
	pendsFor(t, ctx, 13*60)
	events, err := eventTexts(ctx)
	check(t, err)
	contains(t, events, "force-pushed")
}
