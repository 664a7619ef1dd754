//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/stack"
)

const (
	prod       = "environments/prod.yaml"
	itself     = `up{job="prometheus"}` // each Prometheus scrapes every one
	scrapedFor = 30 * time.Second       // long enough for several scrapes
)

// samples are those of a matrix by series and time.
func samples(m model.Matrix) map[string]float64 {
	out := map[string]float64{}
	for _, series := range m {
		for _, p := range series.Values {
			out[fmt.Sprintf("%s @ %d", series.Metric, p.Timestamp)] = float64(p.Value)
		}
	}
	return out
}

// scraped waits until a replica has scraped for a while.
func scraped(t *testing.T, ctx context.Context, pod string) {
	t.Helper()
	check(t, s.Until(ctx, pod+" to have scraped for a while", func(ctx context.Context) error {
		m, err := s.Matrix(ctx, pod, stack.PrometheusPort, itself+"[1h]", time.Now(), false)
		if err == nil && (len(m) == 0 || m[0].Values[len(m[0].Values)-1].Timestamp.Sub(m[0].Values[0].Timestamp) < scrapedFor) {
			err = fmt.Errorf("it has %d series", len(m))
		}
		return err
	}))
}

// A replica that goes for good hands over everything that it has, what is only in its memory too.
func TestScaleDownLosesNoSample(t *testing.T) {
	fromGood(t)
	ctx := within(t, 5*time.Minute)
	edit(t, prod, "prometheus:\n  replicas: 2", "prometheus:\n  replicas: 3")
	awaitLive(t, ctx, deliver(t, ctx, "prod: a third Prometheus"))
	const third = "prometheus-2"
	scraped(t, ctx, third)
	at := time.Now()
	before, err := s.Matrix(ctx, third, stack.PrometheusPort, `{__name__=~"up|prometheus_tsdb_head_series"}[1h]`, at, false)
	check(t, err)

	edit(t, prod, "prometheus:\n  replicas: 3", "prometheus:\n  replicas: 2")
	record := awaitLive(t, ctx, deliver(t, ctx, "prod: two Prometheus again"))
	if record.Proven[bundle.Prometheus] != "2/2" {
		t.Errorf("proven by %s", record.Proven[bundle.Prometheus])
	}
	check(t, s.AwaitGone(ctx, third))
	t.Logf("gone %s after the commit", time.Since(at).Round(time.Second))
	check(t, s.Until(ctx, "its samples to be answered from the bucket", func(ctx context.Context) error {
		after, err := s.AskQuery(ctx, `{__name__=~"up|prometheus_tsdb_head_series",replica="`+third+`"}[1h]`, at, false)
		if err != nil {
			return err
		}
		return holds(withoutExternal(after), samples(before))
	}))
	events, err := eventTexts(ctx)
	check(t, err)
	contains(t, events, third)
}

// withoutExternal takes the external labels off, which Prometheus itself does not show.
func withoutExternal(m model.Matrix) map[string]float64 {
	for _, series := range m {
		delete(series.Metric, "replica")
		delete(series.Metric, "environment")
	}
	return samples(m)
}

func holds(got, want map[string]float64) error {
	missing := 0
	var first string
	for sample, value := range want {
		if now, ok := got[sample]; !ok || now != value {
			missing++
			first = sample
		}
	}
	if missing > 0 || len(want) == 0 {
		return fmt.Errorf("%d of %d samples are missing, such as %s; %d are there", missing, len(want), first, len(got))
	}
	return nil
}

// A replica that is killed and loses its volume leaves no gap: the other one has the samples.
func TestLostVolumeLeavesNoGap(t *testing.T) {
	good := fromGood(t)
	ctx := within(t, 4*time.Minute)
	scraped(t, ctx, "prometheus-1") // what is younger than a minute is in no bucket yet
	began := time.Now()
	now := int64(0)
	check(t, s.Client.CoreV1().Pods(s.Namespace).Delete(ctx, "prometheus-1", metav1.DeleteOptions{GracePeriodSeconds: &now}))
	check(t, s.Until(ctx, "two replicas of Prometheus", twoReplicas))
	stillLive(t, ctx, good)
	check(t, s.Until(ctx, "some more scrapes", func(context.Context) error {
		if time.Since(began) < 40*time.Second {
			return errors.New("not yet")
		}
		return nil
	}))
	end := time.Now()
	window := "[" + strconv.Itoa(int(end.Sub(began).Seconds())+60) + "s]"
	const series = `job="prometheus",instance="prometheus-0"`
	alone, err := s.AskQuery(ctx, `up{`+series+`,replica="prometheus-1"}`+window, end, false)
	check(t, err)
	both, err := s.AskQuery(ctx, `up{`+series+`}`+window, end, true)
	check(t, err)
	if len(both) != 1 {
		t.Fatalf("%d series, not one: %v", len(both), both)
	}
	if lost, all := len(samples(alone)), len(samples(both)); lost+2 > all {
		t.Errorf("the replica that was killed has %d of %d samples: there is nothing to make up for", lost, all)
	}
	// A scrape every 5 s, and dedup may take one later when it changes replicas.
	if g := gap(both); g > 16*time.Second {
		t.Errorf("a gap of %s: %v", g, both[0].Values)
	}
	if n := len(both[0].Values); n < 10 {
		t.Errorf("only %d samples", n)
	}
}

// gap is the longest time between two samples of a matrix's series.
func gap(m model.Matrix) time.Duration {
	var longest time.Duration
	for _, series := range m {
		for i := 1; i < len(series.Values); i++ {
			longest = max(longest, series.Values[i].Timestamp.Sub(series.Values[i-1].Timestamp))
		}
	}
	return longest
}

func TestQueryAndStoreScale(t *testing.T) {
	fromGood(t)
	ctx := within(t, 4*time.Minute)
	count := func(component string, want int) {
		t.Helper()
		check(t, s.Until(ctx, fmt.Sprintf("%d pods of %s", want, component), func(ctx context.Context) error {
			pods, err := s.Pods(ctx, component)
			if err == nil && len(pods) != want {
				err = fmt.Errorf("%d are there", len(pods))
			}
			return err
		}))
	}
	count(stack.ThanosQuery, 2)
	count(stack.ThanosStore, 2)
	edit(t, prod, "query:\n  replicas: 2", "query:\n  replicas: 3")
	edit(t, prod, "store:\n  shards: 2", "store:\n  shards: 3")
	awaitLive(t, ctx, deliver(t, ctx, "prod: more Query and Store"))
	count(stack.ThanosQuery, 3)
	count(stack.ThanosStore, 3)
	// Every block is served by one of the shards, so nothing that was there is missing.
	check(t, s.Until(ctx, "an answer from all shards", func(ctx context.Context) error {
		_, err := s.AskQuery(ctx, itself+"[1m]", time.Now(), true)
		return err
	}))
	edit(t, prod, "query:\n  replicas: 3", "query:\n  replicas: 2")
	edit(t, prod, "store:\n  shards: 3", "store:\n  shards: 2")
	awaitLive(t, ctx, deliver(t, ctx, "prod: fewer Query and Store"))
	count(stack.ThanosQuery, 2)
	count(stack.ThanosStore, 2)
}

// Every job runs by its schedule, once for each tick, and says what it did.
func TestJobsRunByTheirSchedules(t *testing.T) {
	fromGood(t)
	ctx := within(t, 5*time.Minute)
	text, err := s.Repo.Read(prod)
	check(t, err)
	for _, job := range []string{"ship", "compact", "retain"} {
		text = withSchedule(text, job, "* * * * *")
	}
	write(t, prod, text)
	awaitLive(t, ctx, deliver(t, ctx, "prod: every minute"))
	for _, job := range []string{"ship", "compact", "retain"} {
		check(t, s.Until(ctx, job+" to have run", func(ctx context.Context) error {
			m, err := s.Metrics(ctx)
			if err != nil {
				return err
			}
			for _, outcome := range []string{"done", "nothing"} {
				if m[`watchbill_job_runs_total{kind="`+job+`", outcome="`+outcome+`"}`] > 0 {
					return nil
				}
			}
			out, _ := watchbill(t, "jobs", "--output", "json")
			return fmt.Errorf("it has not: %s", out)
		}))
	}
	out, code := watchbill(t, "jobs")
	if code != 0 {
		t.Errorf("watchbill jobs: exit code %d: %s", code, out)
	}
	for _, job := range []string{"ship", "compact", "retain"} {
		contains(t, out, job)
	}
}

// withSchedule gives a job's section another schedule.
func withSchedule(text, job, schedule string) string {
	lines := strings.Split(text, "\n")
	in := false
	for i, line := range lines {
		if !strings.HasPrefix(line, " ") {
			in = line == job+":"
		}
		if in && strings.HasPrefix(line, "  schedule:") {
			lines[i] = "  schedule: '" + schedule + "'"
		}
	}
	return strings.Join(lines, "\n")
}

// An environment that retires hands everything over, and then nothing of it runs.
func TestRetiredEnvironmentHandsOver(t *testing.T) {
	fromGood(t)
	ctx := within(t, 4*time.Minute)
	at := time.Now()
	before, err := s.Matrix(ctx, "prometheus-0", stack.PrometheusPort, itself+"[30s]", at, false)
	check(t, err)
	text, err := s.Repo.Read(prod)
	check(t, err)
	write(t, prod, text+"\nretired: true\n")
	_, err = s.Await(ctx, deliver(t, ctx, "prod: goes"))
	check(t, err)
	check(t, s.Until(ctx, "all pods to go", func(ctx context.Context) error {
		for _, component := range append([]string{stack.ThanosQuery, stack.ThanosStore}, stack.Components...) {
			pods, err := s.Pods(ctx, component)
			if err != nil {
				return err
			}
			if len(pods) > 0 {
				return fmt.Errorf("%d of %s are there", len(pods), component)
			}
		}
		return nil
	}))
	write(t, prod, text)
	awaitLive(t, ctx, deliver(t, ctx, "prod: comes back"))
	check(t, s.Until(ctx, "what it had handed over", func(ctx context.Context) error {
		after, err := s.AskQuery(ctx, `up{job="prometheus",replica="prometheus-0"}[30s]`, at, false)
		if err != nil {
			return err
		}
		return holds(withoutExternal(after), samples(before))
	}))
}
