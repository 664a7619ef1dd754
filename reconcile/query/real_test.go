package query

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/test/upstream"
	"github.com/watchbill/watchbill/validate/live"
)

// beginning is when the first samples are, and recorded how long they go on.
var beginning = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)

const recorded = 3 * 24 * time.Hour

// samples are of a queue that is full for the first ten minutes of every sixth
// hour, of a second one that is so for two minutes more, and of one that was
// there on the first day alone.
func samples() string {
	var b strings.Builder
	fmt.Fprintln(&b, "# TYPE queue_length gauge")
	for _, q := range []struct {
		name       string
		full, last time.Duration
	}{{"mail", 10 * time.Minute, recorded}, {"print", 12 * time.Minute, recorded}, {"fax", 0, 24 * time.Hour}} {
		for at := time.Duration(0); at <= q.last; at += time.Minute {
			value := 0
			if at%(6*time.Hour) < q.full {
				value = 100
			}
			fmt.Fprintf(&b, "queue_length{queue=%q} %d %d\n", q.name, value, beginning.Add(at).Unix())
		}
	}
	b.WriteString("# EOF\n")
	return b.String()
}

// realPrometheus is the real program over those samples.
func realPrometheus(t *testing.T, args ...string) *Client {
	t.Helper()
	dir := t.TempDir()
	upstream.Write(t, dir, map[string]string{"samples.txt": samples(), "prometheus.yml": "global: {scrape_interval: 1m}\n"})
	upstream.Run(t, "promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=72h", filepath.Join(dir, "samples.txt"), filepath.Join(dir, "data"))
	c, err := New(Options{URL: upstream.Prometheus(t, dir, append(args, "--storage.tsdb.retention.time=100y")...).URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func repoWith(t *testing.T, rules string) *repolayout.Repo {
	t.Helper()
	repo, problems := repolayout.NewLoader().Load(fstest.MapFS{"teams/post/rules/a.yaml": {Data: []byte(rules)}})
	for _, p := range problems {
		if strings.Contains(p.File, "rules") {
			t.Fatalf("%+v", p)
		}
	}
	return repo
}

const realRules = `groups:
- name: queues
  interval: 15s
  rules:
  - alert: QueueFull
    expr: queue_length > 50
  - alert: QueueFullLong
    expr: queue_length > 50
    for: 11m
  - alert: QueueHeld
    expr: queue_length > 50
    for: 5m
    keep_firing_for: 1h
  - alert: NoFax
    expr: absent(queue_length{queue="fax"})
    for: 30m
  - alert: Quiet
    expr: queue_length > 1000
`

// TestRealBacktest wants of the real Prometheus what follows from the samples: a
// sample counts for five minutes, unless the next one is there. The steps are
// more than Prometheus gives at once.
func TestRealBacktest(t *testing.T) {
	c := realPrometheus(t)
	end := beginning.Add(recorded)
	outcomes, err := live.Backtest(t.Context(), c.Live(), live.Alerts(repoWith(t, realRules), nil), live.Options{Now: end.Add(7 * time.Second), Backtest: recorded})
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) string { return beginning.Add(d).Format(time.RFC3339) }
	const m, h = time.Minute, time.Hour
	want := []string{
		// 12 times both, and again at the very last step.
		fmt.Sprint("QueueFull 26 13 2h24m15s 12m0s 2 ", at(0), " ", at(72*h), " true"),
		fmt.Sprint("QueueFullLong 12 12 12m0s 1m0s 1 ", at(11*m), " ", at(66*h+12*m-15*time.Second), " false"),
		fmt.Sprint("QueueHeld 24 12 ", 12*(7*m+h), " 1h7m0s 2 ", at(5*m), " ", at(67*h+12*m-15*time.Second), " false"),
		fmt.Sprint("NoFax 1 1 47h25m15s 47h25m15s 1 ", at(24*h+35*m), " ", at(72*h), " true"),
		"Quiet 0 0 0s 0s 0 - - false",
	}
	var got []string
	for _, o := range outcomes {
		first, last := "-", "-"
		if o.Firings > 0 {
			first, last = o.First.Format(time.RFC3339), o.Last.Format(time.RFC3339)
		}
		got = append(got, fmt.Sprint(o.Name, " ", o.Firings, " ", o.Periods, " ", time.Duration(o.Firing), " ", time.Duration(o.Longest), " ", o.AtOnce, " ", first, " ", last, " ", o.Still, strings.Join(o.Notes, ""), o.Unknown))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRealCheck has the real Prometheus asked for everything, in both ways: metrics
// as a whole, and selector by selector. It refuses what reads too much.
func TestRealCheck(t *testing.T) {
	c := realPrometheus(t, "--query.max-samples=2000")
	repo := repoWith(t, `groups:
- name: queues
  rules:
  - {alert: Fine, expr: 'max by (queue) (queue_length{queue=~"mail|print"}) > 50', annotations: {a: '{{ $labels.queue }}'}}
  - {alert: Gone, expr: 'queue_length{queue="fax"} > 50'}
  - {alert: Name, expr: 'queue_lenght > 50'}
  - {alert: Value, expr: 'queue_length{queue="male"} > 50'}
  - {alert: Label, expr: 'sum by (queu) (queue_length) > 50'}
  - {alert: Matcher, expr: 'queue_length{host!="x"} > 50', annotations: {a: 'on {{ $labels.host }}'}}
  - {alert: Dear, expr: 'avg_over_time(queue_length[1d]) > 50'}
  - {alert: TooDear, expr: 'sum_over_time(queue_length[2d]) + sum_over_time(queue_length[2d]) > 50'}
  - {alert: Fails, expr: 'queue_length + on () queue_length > 50'}
`)
	want := []string{
		`5:3 alert "Gone": no series of queue_length matches queue="fax", now nor in the last 1d [live/no-series] queue is "mail", "print"`,
		`6:3 alert "Name": there is no metric "queue_lenght" now nor in the last 1d [live/no-series] did you mean "queue_length"?`,
		`7:3 alert "Value": no series of queue_length matches queue="male", now nor in the last 1d [live/no-series] did you mean "mail"?`,
		`8:3 alert "Label": by (queu): no series that is aggregated has the label "queu" [live/label] did you mean "queue"?`,
		`9:3 alert "Matcher": no series of queue_length has the label "host": host!="x" leaves nothing out [live/label] the labels are queue`,
		`9:3 alert "Matcher": the annotation "a" prints the label "host", which no series has [live/label] the labels are queue`,
		`10:3 alert "Dear": one evaluation reads 2,880 samples; the limit is 2,000 [live/cost] narrow what is selected, shorten the range, or record a part of it that changes slowly; most comes from queue_length[1d]`,
		`11:3 alert "TooDear": Prometheus could not evaluate it just now: query processing would load too many samples into memory in query execution [live/fails] it takes more than Prometheus gives a query; narrow what is selected, or record a part of it`,
		`12:3 alert "Fails": Prometheus could not evaluate it just now: found duplicate series for the match group {} on the right hand-side of the operation [live/fails] a rule that fails records nothing and never fires; its labels decide which series are matched`,
	}
	for _, most := range []int{1000, 1} {
		var got []string
		for _, f := range live.Check(t.Context(), c.Live(), repo, live.Options{
			Now: beginning.Add(recorded), Past: 24 * time.Hour, MaxSeries: most, MaxSamples: 2_000,
		}) {
			message, _, _ := strings.Cut(f.Message, ": [") // the two series come in any order
			got = append(got, fmt.Sprintf("%d:3 %s [%s] %s", f.Line, message, f.Check, f.Hint))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with %d series at once (-want +got):\n%s", most, diff)
		}
	}
}
