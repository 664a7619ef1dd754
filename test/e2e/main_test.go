//go:build e2e

// Package e2e takes the whole of Watchbill through what a year brings: merges,
// broken merges, drift, killed daemons, a lost API server, bad remotes. One
// stack is brought up for all tests; each begins where the repository is the
// example, and leaves it so.
//
//	go run ./test/e2e/cmd/e2e
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/test/stack"
)

// s is the stack that all tests share, and started is when it was up.
var (
	s       *stack.Stack
	started time.Time
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	var err error
	s, err = stack.Up(ctx, stack.Options{
		Name:      "e2e",
		Progress:  os.Stderr,
		Prepare:   hasten,
		Receivers: receivers,
		Forge:     forge.Serve,
		// Where a test cannot poke, git is asked soon all the same.
		Variables: map[string]string{"WATCHBILL_POLL": "5s", "WATCHBILL_LOG_LEVEL": "debug", "WATCHBILL_PROOF_TIMEOUT": "2m"},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 2
	}
	started = time.Now()
	stop, err := serveNotifications(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 2
	}
	code := m.Run()
	if err := errors.Join(stop(), forge.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 2
	}
	if code != 0 {
		printLogs(ctx)
	}
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 2
	}
	return code
}

// hasten makes what takes hours in a real environment take minutes: blocks of a
// minute that are soon gone from the volumes, and stores that soon see them.
func hasten(_ context.Context, repo *stack.Repo) error {
	return errors.Join(
		repo.Replace("watchbill.yaml", "scrapeInterval: 15s", "scrapeInterval: 5s"),
		repo.Replace(prod, "  retention: 15d\n", "  retention: 4m\n  blockDuration: 1m\n"),
		repo.Replace(prod, "store:\n  shards: 2\n", "store:\n  shards: 2\n  syncInterval: 5s\n"),
	)
}

// printLogs prints the end of every log of Watchbill's own.
func printLogs(ctx context.Context) {
	for _, l := range logs(ctx) {
		if l.container != "watchbill" && l.container != "agent" {
			continue
		}
		const most = 150
		lines := strings.Split(strings.TrimSpace(l.text), "\n")
		fmt.Printf("\n--- the last lines of %s/%s\n%s\n", l.pod, l.container, strings.Join(lines[max(0, len(lines)-most):], "\n"))
	}
}

type podLog struct{ pod, container, text string }

// logs are those of every container, those of the runs before included.
func logs(ctx context.Context) []podLog {
	var all []podLog
	for _, name := range append([]string{stack.Deployment, stack.ThanosQuery, stack.ThanosStore, "watchbill-job"}, stack.Components...) {
		pods, err := s.Pods(ctx, name)
		if err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
		}
		for _, pod := range pods {
			for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
				for _, previous := range []bool{true, false} {
					if text, err := s.Logs(ctx, pod.Name, c.Name, previous); err == nil {
						all = append(all, podLog{pod.Name, c.Name, text})
					}
				}
			}
		}
	}
	return all
}

// within is the test's context with a deadline, which no wait goes beyond.
func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// fromGood makes sure that the test begins and ends with the example live, and
// returns the record of what is live at its beginning.
func fromGood(t *testing.T) history.Record {
	t.Helper()
	ctx := within(t, time.Minute)
	base, err := s.Repo.Head(ctx)
	check(t, err)
	record := awaitLive(t, ctx, base)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		began := time.Now()
		check(t, backTo(ctx, base))
		head, err := s.Repo.Head(ctx)
		check(t, err)
		awaitLive(t, ctx, head)
		noLeftovers(t, ctx)
		t.Logf("put back in %s", time.Since(began).Round(time.Millisecond))
	})
	return record
}

// backTo commits the files of an earlier commit, if they are others.
func backTo(ctx context.Context, base string) error {
	for _, args := range [][]string{{"reset", "--quiet", "--hard"}, {"clean", "--quiet", "-ffdx"}, {"read-tree", "-u", "--reset", base}} {
		if _, err := s.Repo.Git(ctx, args...); err != nil {
			return err
		}
	}
	if _, err := s.Repo.Git(ctx, "diff", "--quiet", "HEAD", base); err == nil {
		return s.Poke(ctx)
	}
	_, err := s.Deliver(ctx, "Back to the example")
	return err
}

// deliver commits, pushes and pokes.
func deliver(t *testing.T, ctx context.Context, message string) string {
	t.Helper()
	commit, err := s.Deliver(ctx, message)
	check(t, err)
	return commit
}

// awaitLive waits until a revision is live, and checks that every replica says so.
func awaitLive(t *testing.T, ctx context.Context, commit string) history.Record {
	t.Helper()
	record, err := s.Await(ctx, commit)
	check(t, err)
	stillLive(t, ctx, record)
	return record
}

// stillLive checks that every replica runs the record's bundles, or soon does.
func stillLive(t *testing.T, ctx context.Context, record history.Record) {
	t.Helper()
	check(t, s.Until(ctx, "every replica to run what is live", func(ctx context.Context) error {
		_, err := s.AllLive(ctx, record)
		return err
	}))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// edit changes a text that stands once in a file of the clone.
func edit(t *testing.T, path, before, after string) {
	t.Helper()
	check(t, s.Repo.Replace(path, before, after))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	check(t, s.Repo.Write(path, content))
}

func contains(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%q does not say %q", text, want)
	}
}
