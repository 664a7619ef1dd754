package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// wave is high for ten minutes of each half hour, for six hours; the second of the two is late by two minutes.
const wave = `load 1m
  m{i="a"} ` + waves + `
  m{i="b"} 0x1 ` + waves + `
`
const waves = `9x9 0x19 9x9 0x19 9x9 0x19 9x9 0x19 9x9 0x19 9x9 0x19 9x9 0x19 9x9 0x19 9x9 0x19 9x9 0x19 9x9 0x19 9x9 0x19`

func oneOf(expr string, wait time.Duration) Alert {
	return Alert{Name: "A", Team: "payments", Expr: expr, For: model.Duration(wait), Interval: model.Duration(30 * time.Second), Labels: map[string]string{"team": "payments"}}
}

func TestBacktest(t *testing.T) {
	m := load(t, wave)
	one := func(change func(*Alert)) Alert {
		a := oneOf("m > 5", 0)
		change(&a)
		return a
	}
	for _, tt := range []struct {
		name  string
		alert Alert
		o     Options
		want  Outcome
	}{
		{"fires", oneOf("m > 5", 0), Options{}, Outcome{Firings: 8, Periods: 4, AtOnce: 2, Series: 2}},
		{"waits", oneOf("m > 5", 9*time.Minute), Options{}, Outcome{Firings: 8, Periods: 8, AtOnce: 1, Series: 2}},
		{"waits too long", oneOf("m > 5", 10*time.Minute), Options{}, Outcome{}},
		{"in short queries", oneOf("m > 5", 9*time.Minute), Options{MaxPoints: 3}, Outcome{Firings: 8, Periods: 8, AtOnce: 1, Series: 2}},
		{"one series of two", oneOf("m > 5", 0), Options{MaxSeries: 1}, Outcome{Firings: 4, Periods: 4, AtOnce: 1, Series: 1,
			Notes: []string{"it returns more than 1 series, of which so many are counted"}}},
		{"few samples", oneOf("m > 5", 0), Options{MaxBacktestSamples: 2 * 120 * atOnce}, Outcome{Firings: 4, Periods: 2, AtOnce: 2, Series: 2,
			Notes: []string{"only the last 1h are counted: one evaluation reads 2 samples"}}},
		{"a label by value", one(func(a *Alert) { a.Labels["level"] = "{{ $value }}" }), Options{}, Outcome{Firings: 8, Periods: 4, AtOnce: 2, Series: 2}},
		{"labels that fall together", one(func(a *Alert) { a.Labels["i"] = "" }), Options{}, Outcome{Firings: 4, Periods: 4, AtOnce: 1, Series: 1,
			Notes: []string{"64 evaluations would have failed: vector contains metrics with the same labelset after applying alert labels"}}},
		{"a limit", one(func(a *Alert) { a.Limit = 1 }), Options{}, Outcome{Firings: 8, Periods: 8, AtOnce: 1, Series: 2,
			Notes: []string{"64 evaluations would have failed: exceeded limit of 1 with 2 alerts"}}},
		{"records that are new", one(func(a *Alert) { a.Records = []string{"m"} }), Options{}, Outcome{Firings: 8, Periods: 4, AtOnce: 2, Series: 2,
			Notes: []string{"it goes by m, recorded by rules that are new or changed: counted is what was recorded until now"}}},
		{"a template that asks", one(func(a *Alert) { a.Labels["x"] = `{{ query "up" }}` }), Options{}, Outcome{Firings: 8, Periods: 4, AtOnce: 2, Series: 2,
			Notes: []string{"a label's template asks Prometheus, or for external labels, which a backtest does not know"}}},
		{"start and end", oneOf("m @ end() > 5", 0), Options{}, Outcome{Unknown: "the expression uses @ start() or @ end(), which means another time in a query over many steps"}},
		{"no expression", oneOf("m >", 0), Options{}, Outcome{Unknown: "the expression is not one of a rule"}},
		{"what fails", oneOf("m > 5 and on () (m + on () m)", 0), Options{}, Outcome{Unknown: "found duplicate series"}},
		{"too many alerts", oneOf("m", 0), Options{MaxAlerts: -1, MaxQueries: 1}, Outcome{Unknown: "not tried: the limit of 1 queries is reached"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Now, tt.o.Backtest = after(4*time.Hour+15*time.Minute), 2*time.Hour
			got, err := Backtest(t.Context(), m.ask(), []Alert{tt.alert}, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			o := got[0]
			figures := Outcome{Firings: o.Firings, Periods: o.Periods, AtOnce: o.AtOnce, Series: o.Series, Notes: o.Notes, Unknown: o.Unknown}
			if tt.name == "what fails" {
				figures.Unknown, _, _ = strings.Cut(o.Unknown, " for the match")
			}
			if diff := cmp.Diff(tt.want, figures); diff != "" {
				t.Errorf("(-want +got):\n%s\n%+v", diff, o)
			}
		})
	}
}

// TestSmallerQueries: what is refused is asked for in smaller parts, until there is an answer.
func TestSmallerQueries(t *testing.T) {
	m := load(t, wave)
	ask := m.ask()
	var asked []int
	ask.QueryRange = func(ctx context.Context, expr string, steps Steps, most int) (Answer, error) {
		n := int(steps.To.Sub(steps.From)/steps.Every) + 1
		asked = append(asked, n)
		if n > 150 {
			return Answer{}, &Refusal{Kind: "execution", Message: "too many samples"}
		}
		return m.queryRange(ctx, expr, steps, most)
	}
	o := Options{Now: after(4 * time.Hour), Backtest: 4 * time.Hour, MaxPoints: 1000}
	got, err := Backtest(t.Context(), ask, []Alert{oneOf("m > 5", 0)}, o)
	if err != nil || got[0].Unknown != "" {
		t.Fatal(err, got[0].Unknown)
	}
	if diff := cmp.Diff([]int{481, 125, 125, 125, 106}, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got[0].Firings != 17 {
		t.Errorf("%d firings", got[0].Firings)
	}
}

// TestDown: a server that is down is one finding, however many rules there are, and is asked a few times at most.
func TestDown(t *testing.T) {
	const why = "live checks were not made: connection refused"
	rules := "groups:\n- name: g\n  rules:\n"
	for i := range 200 {
		rules += fmt.Sprintf("  - {alert: A%d, expr: 'm%d > 1'}\n", i, i)
	}
	repo := repoWith(t, map[string]string{ruleFile: rules})
	var asked atomic.Int32
	ask := down()
	query := ask.Query
	ask.Query = func(ctx context.Context, expr string, at time.Time) (Answer, error) {
		asked.Add(1)
		return query(ctx, expr, at)
	}
	if found := Check(t.Context(), ask, repo, Options{Now: after(0)}); len(found) != 1 || found[0].Message != why || found[0].Check != unavailableID {
		t.Errorf("findings %v", lines(found))
	}
	outcomes, err := Backtest(t.Context(), ask, Alerts(repo, nil), Options{Now: after(0)})
	if !errors.Is(err, errDown) || len(outcomes) != 200 || asked.Load() > 5+atOnce {
		t.Errorf("%v, %d outcomes, asked %d times", err, len(outcomes), asked.Load())
	}
}

// TestLimits: what is over a limit, or fails on the way, is said once, and what was found stays.
func TestLimits(t *testing.T) {
	m := load(t, someSeries)
	repo := repoWith(t, map[string]string{ruleFile: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: nothing}\n  - {alert: B, expr: up == 3}\n  - {alert: C, expr: old_requests == 3}\n"})
	broken := m.ask()
	broken.Query = down().Query
	ended, cancel := context.WithCancel(t.Context())
	late := m.ask()
	late.Series = func(context.Context, string, Window, int) ([]labels.Labels, error) {
		cancel()
		return nil, ended.Err()
	}
	const nothing = `4:22: warning: alert "A": there is no metric "nothing" now nor in the last 7 days [live/no-series] (see that its exporter runs and is scraped; if the metric is new, this ends with the first scrape)`
	for _, tt := range []struct {
		name string
		ask  Ask
		most int
		want string
	}{
		{"enough", m.ask(), 6, ""},
		{"one query less", m.ask(), 5, "warning: live checks are not complete: the limit of 5 queries is reached [live/unavailable] (check a change alone, with --changed-since)"},
		{"no answers", broken, 0, "warning: live checks are not complete: 3 queries had no answer: connection refused [live/unavailable] (what was found without it stands)"},
		{"the time is up", late, 0, "warning: live checks are not complete: 1 query had no answer: context canceled [live/unavailable] (what was found without it stands)"},
	} {
		var want []string
		if want = append(want, nothing); tt.want != "" {
			want = append(want, tt.want)
		}
		if diff := cmp.Diff(want, lines(Check(ended, tt.ask, repo, Options{Now: after(time.Hour), MaxQueries: tt.most}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestConcurrency: no more than four questions are under way at once.
func TestConcurrency(t *testing.T) {
	m := load(t, wave)
	ask := m.ask()
	var now, most atomic.Int32
	ask.QueryRange = func(ctx context.Context, expr string, steps Steps, n int) (Answer, error) {
		if at := now.Add(1); at > most.Load() {
			most.Store(at)
		}
		defer now.Add(-1)
		return m.queryRange(ctx, expr, steps, n)
	}
	alerts := make([]Alert, 50)
	for i := range alerts {
		alerts[i] = oneOf(fmt.Sprintf("m > %d", i%9), 0)
	}
	outcomes, err := Backtest(t.Context(), ask, alerts, Options{Now: after(time.Hour), Backtest: time.Hour, MaxAlerts: 40})
	if err != nil || most.Load() > 4 {
		t.Errorf("%v, %d at once", err, most.Load())
	}
	if o := outcomes[40]; o.Unknown != "not tried: the limit is 40 alerts" || outcomes[39].Unknown != "" {
		t.Errorf("%+v", o)
	}
}

func TestTable(t *testing.T) {
	outcome := func(name string, firings int) Outcome {
		o := Outcome{Alert: Alert{Name: name, Team: "payments"}, From: after(0), To: after(7 * day), Firings: firings, Periods: firings}
		if firings > 0 {
			o.Firing, o.Longest, o.AtOnce, o.First, o.Last = model.Duration(50*time.Hour+time.Minute), model.Duration(90*time.Second), 2, after(time.Hour), after(3*time.Hour)
		}
		return o
	}
	some := []Outcome{outcome("Quiet", 0), outcome("Few", 2), outcome("Many", 20), outcome("Noted", 0), outcome("Unknown", 0), outcome("Unknown2", 0), outcome("Late", 0)}
	some[2].Kind, some[2].Still = KindNew, true
	some[3].Notes = []string{"only a part"}
	some[4].Unknown, some[5].Unknown, some[6].Unknown = "it fails", "it fails", "not tried: the time is up"
	for _, tt := range []struct {
		outcomes []Outcome
		want     string
	}{
		{nil, "backtest of 0 alerts\n"},
		{some[:1], "backtest of 1 alert over the last 7d: 1 would not have fired\n"},
		{some, `ALERT  TEAM      CHANGE  FIRED  IN ALL  LONGEST  AT ONCE  FIRST              LAST
Many   payments  new     20x    2d2h    1m30s    2        1970-01-01 01:00Z  fires now
Few    payments  -       2x     2d2h    1m30s    2        1970-01-01 01:00Z  1970-01-01 03:00Z
Noted  payments  -       0x     -       -        -        -                  -
Noted: only a part
Unknown, Unknown2: it fails
Late: not tried: the time is up
backtest of 7 alerts over the last 7d: 1 would not have fired, 3 not known
`},
	} {
		var got bytes.Buffer
		if err := Table(&got, tt.outcomes); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
