package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

// The file and line that the measured commits change.
const (
	changedFile  = "teams/payments/rules/bench.yaml"
	changedAlert = "BenchChanges"
	slowTries    = 5 // of the way through a ConfigMap volume, which takes a minute each
	quietPasses  = 10
)

// ruleText is the measured rule; n is what changes from commit to commit.
func ruleText(n int) string {
	return fmt.Sprintf(`groups:
  - name: bench
    rules:
      - alert: %s
        expr: vector(0) > %d
        labels:
          severity: info
        annotations:
          summary: Changed %d times
          description: Never fires; its expression changes with every measured commit.
`, changedAlert, n+1, n)
}

// benchLive measures on a real cluster, and takes the cluster down again.
func benchLive(ctx context.Context, commits int, out figures, log io.Writer) error {
	var forge stack.GitHub
	defer func() { _ = forge.Close() }()
	name, release, err := stack.OwnName("bench")
	if err != nil {
		return err
	}
	defer release()
	s, err := stack.Up(ctx, stack.Options{
		Name: name, Progress: log,
		Forge: forge.Serve,
		// Nothing but pokes wakes the daemon: a short poll would flatter it.
		Variables: map[string]string{"WATCHBILL_POLL": "10m"},
		Prepare: func(_ context.Context, r *stack.Repo) error {
			return r.Write(changedFile, ruleText(0))
		},
	})
	if err != nil {
		return err
	}
	defer func() {
		s.Close()
		if s.Cluster != nil {
			_ = s.Cluster.Down(context.WithoutCancel(ctx))
		}
	}()
	for _, step := range []func(context.Context, *stack.Stack, figures, io.Writer) error{
		func(ctx context.Context, s *stack.Stack, out figures, log io.Writer) error {
			return benchMerges(ctx, s, commits, out, log)
		},
		benchNoop, benchOneline,
		func(ctx context.Context, s *stack.Stack, out figures, log io.Writer) error {
			return benchWebhook(ctx, s, &forge, out, log)
		},
		benchMemory, benchBareReload, benchVolume,
	} {
		if err := step(ctx, s, out, log); err != nil {
			return err
		}
	}
	return nil
}

// benchMerges takes commits from the return of git push to the last replica's proof.
func benchMerges(ctx context.Context, s *stack.Stack, commits int, out figures, log io.Writer) error {
	var took []float64
	for n := range commits {
		if err := s.Repo.Write(changedFile, ruleText(n+1)); err != nil {
			return err
		}
		commit, err := s.Repo.Commit(ctx, fmt.Sprintf("bench: change %d", n+1))
		if err != nil {
			return err
		}
		if err := s.Repo.Push(ctx); err != nil {
			return err
		}
		pushed := time.Now()
		if err := s.Poke(ctx); err != nil {
			return err
		}
		record, err := s.Await(ctx, commit)
		if err != nil {
			return err
		}
		took = append(took, record.Ended.Sub(pushed).Seconds())
		fmt.Fprintf(log, "merge to live: %.3f s (%s)\n", took[n], stages(record))
	}
	out["merge_to_live_max_seconds"] = slices.Max(took)
	out["merge_to_live_median_seconds"] = median(took)
	return nil
}

func stages(r history.Record) string {
	var parts []string
	for _, s := range r.Stages {
		parts = append(parts, fmt.Sprintf("%s %.3f", s.Name, s.Seconds))
	}
	return strings.Join(parts, ", ")
}

// benchNoop pokes a daemon that has nothing to do.
func benchNoop(ctx context.Context, s *stack.Stack, out figures, log io.Writer) error {
	for range 2 { // one removes the chunks that are no longer wanted; the next has begun when it is over
		if err := pass(ctx, s); err != nil {
			return err
		}
	}
	before, err := s.Metrics(ctx)
	if err != nil {
		return err
	}
	for range quietPasses {
		if err := pass(ctx, s); err != nil {
			return err
		}
	}
	after, err := s.Metrics(ctx)
	if err != nil {
		return err
	}
	requests, writes := 0.0, 0.0
	for name, value := range after {
		if !strings.HasPrefix(name, "watchbill_kubernetes_requests_total{") {
			continue
		}
		requests += value - before[name]
		if !strings.Contains(name, `verb="GET"`) {
			writes += value - before[name]
		}
	}
	out["noop_api_requests"] = requests / quietPasses
	out["noop_api_writes"] = writes / quietPasses
	fmt.Fprintf(log, "%d passes with nothing to do: %.0f requests\n", quietPasses, requests)
	return nil
}

// pass pokes and waits until the next pass has begun, and with it the one before has ended.
func pass(ctx context.Context, s *stack.Stack) error {
	const turned = "watchbill_passes_total"
	before, err := s.Metrics(ctx)
	if err != nil {
		return err
	}
	if err := s.Poke(ctx); err != nil {
		return err
	}
	return s.Until(ctx, "a pass", func(ctx context.Context) error {
		now, err := s.Metrics(ctx)
		if err == nil && now[turned] == before[turned] {
			err = fmt.Errorf("%s is still %.0f", turned, now[turned])
		}
		return err
	})
}

// benchOneline counts the objects that a one-line change writes, and what the
// daemon writes for itself beside them.
func benchOneline(ctx context.Context, s *stack.Stack, out figures, log io.Writer) error {
	before, err := s.Metrics(ctx)
	if err != nil {
		return err
	}
	if err := s.Repo.Replace(changedFile, "description: Never", "description: It never"); err != nil {
		return err
	}
	commit, err := s.Deliver(ctx, "bench: one line")
	if err != nil {
		return err
	}
	if _, err := s.Await(ctx, commit); err != nil {
		return err
	}
	after, err := s.Metrics(ctx)
	if err != nil {
		return err
	}
	written := func(stage string) float64 {
		n := 0.0
		for _, action := range []string{"created", "configured"} {
			name := fmt.Sprintf(`watchbill_objects_total{action=%q, stage=%q}`, action, stage)
			n += after[name] - before[name]
		}
		return n
	}
	// The index is one object; it is written to switch, and again to note that the bundle is good.
	out["oneline_objects_written"] = written("chunks") + written("workloads") + min(written("index"), 1)
	out["oneline_index_writes"] = written("index")
	fmt.Fprintf(log, "one line: %.0f chunks, %.0f workloads, %.0f index writes\n",
		written("chunks"), written("workloads"), written("index"))
	return nil
}

// benchMemory reads the resident size of the daemon and of the largest agent.
func benchMemory(ctx context.Context, s *stack.Stack, out figures, _ io.Writer) error {
	const resident = "process_resident_memory_bytes"
	daemon, err := s.Metrics(ctx)
	if err != nil {
		return err
	}
	out["example_daemon_mib"] = daemon[resident] / (1 << 20)
	for _, component := range []string{bundle.Prometheus, bundle.Alertmanager} {
		pods, err := s.Pods(ctx, component)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			m, err := s.PodMetrics(ctx, pod.Name, stack.AgentPort)
			if err != nil {
				return err
			}
			out["example_agent_mib"] = max(out["example_agent_mib"], m[resident]/(1<<20))
		}
	}
	return nil
}
