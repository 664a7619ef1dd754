//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
)

// seen is what the replicas were seen to run, by digest and number of the commit.
type seen struct {
	mu      sync.Mutex
	running map[string]map[string]bool // Prometheus's own digest: the numbers in its teams' rules
	agents  map[string]bool            // the agents' digests
	asked   int
}

// Fifty commits are pushed as fast as git can, and every replica is asked all
// the time what it runs. Each commit writes its number into the rules of two
// teams, which travel in two chunks: what runs has to be one commit's, whole.
func TestBurstOfCommitsNeverMixes(t *testing.T) {
	good := fromGood(t)
	ctx := within(t, 4*time.Minute)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	found := &seen{running: map[string]map[string]bool{}, agents: map[string]bool{}}
	var watchers sync.WaitGroup
	pods, err := s.Pods(ctx, bundle.Prometheus)
	check(t, err)
	for _, pod := range pods {
		watchers.Go(func() {
			for watching.Err() == nil {
				found.ask(t, watching, pod.Name)
			}
		})
	}

	const commits = 50
	want := map[string]string{good.Bundles[bundle.Prometheus]: "none"}
	builder := build.New(render.Options{AgentImage: "agent"})
	var last string
	for n := range commits {
		number := fmt.Sprint(n)
		for _, team := range []string{"payments", "platform"} {
			write(t, "teams/"+team+"/rules/burst.yaml", burstRule(team, number))
		}
		want[digestOf(t, builder)] = number
		last = deliver(t, ctx, "burst "+number)
	}
	record := awaitLive(t, ctx, last)
	stop()
	watchers.Wait()

	if got := want[record.Bundles[bundle.Prometheus]]; got != fmt.Sprint(commits-1) {
		t.Errorf("live in the end is commit %s", got)
	}
	for digest, numbers := range found.running {
		number, committed := want[digest]
		if !committed || len(numbers) != 1 || !numbers[number] {
			t.Errorf("a replica said that it runs %.12s, which is commit %q, and had the rules of %v", digest, number, numbers)
		}
	}
	for digest := range found.agents {
		if _, committed := want[digest]; !committed {
			t.Errorf("an agent said that %.12s is live, which no commit is", digest)
		}
	}
	if len(found.running) < 3 {
		t.Errorf("only %d bundles were seen running: the test has looked too seldom", len(found.running))
	}
	t.Logf("asked %d times, seen %d bundles of %d commits", found.asked, len(found.running), commits)
	// As a series, too, the marker tells which bundle runs: once its group has been evaluated, that of the last commit.
	check(t, s.Until(ctx, "the series watchbill:bundle_info to tell of the last commit", func(ctx context.Context) error {
		series, err := s.Query(ctx, "prometheus-0", "watchbill:bundle_info")
		if err != nil {
			return err
		}
		for _, sample := range series {
			if string(sample.Metric["digest"]) == record.Bundles[bundle.Prometheus] {
				return nil
			}
		}
		return fmt.Errorf("it tells of %v", series)
	}))
}

func burstRule(team, number string) string {
	return fmt.Sprintf("groups:\n  - name: burst\n    rules:\n      - record: burst:%s\n        expr: vector(1)\n        labels: {n: %q}\n", team, number)
}

// digestOf is Prometheus's bundle as the clone stands.
func digestOf(t *testing.T, builder *build.Builder) string {
	t.Helper()
	result, err := builder.Build(os.DirFS(s.Repo.Dir), s.Environment, func(string) (*build.LastGood, error) { return nil, nil })
	check(t, err)
	for _, b := range result.Output.Bundles {
		if b.Component == bundle.Prometheus {
			return b.Digest
		}
	}
	t.Fatal("the clone makes no bundle for Prometheus")
	return ""
}

// ask asks a Prometheus once for its rules, and its agent.
func (f *seen) ask(t *testing.T, ctx context.Context, pod string) {
	rules, err := s.Rules(ctx, pod, "watchbill:bundle_info", "burst:payments", "burst:platform")
	if err != nil {
		if ctx.Err() == nil {
			t.Error(err)
		}
		return
	}
	report, err := s.Report(ctx, pod)
	if err != nil {
		if ctx.Err() == nil {
			t.Error(err)
		}
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if report.Live != "" {
		f.agents[report.Live] = true
	}
	digest, numbers := "", map[string]string{"burst:payments": "none", "burst:platform": "none"}
	for _, r := range rules {
		if r.Name == "watchbill:bundle_info" {
			digest = r.Labels["digest"]
			continue
		}
		numbers[r.Name] = r.Labels["n"]
	}
	if f.running[digest] == nil {
		f.running[digest] = map[string]bool{}
	}
	for _, n := range numbers {
		f.running[digest][n] = true
	}
}
