package live

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

// memory is upstream's engine over series in memory: what a Prometheus answers, without one.
type memory struct {
	engine  *promql.Engine
	storage storage.Queryable
}

// load makes series of promqltest's "load" commands, from 1970 on.
func load(t testing.TB, text string) *memory {
	t.Helper()
	return &memory{engine: promqltest.NewTestEngine(t, false, 0, 50_000_000), storage: promqltest.LoadedStorage(t, text)}
}

func (m *memory) ask() Ask {
	return Ask{Query: m.query, QueryRange: m.queryRange, Series: m.series, LabelValues: m.labelValues}
}

func (m *memory) query(ctx context.Context, expr string, at time.Time) (Answer, error) {
	q, err := m.engine.NewInstantQuery(ctx, m.storage, nil, expr, at)
	if err != nil {
		return Answer{}, &Refusal{Kind: "bad_data", Message: err.Error()}
	}
	return executed(ctx, q)
}

func (m *memory) queryRange(ctx context.Context, expr string, steps Steps, _ int) (Answer, error) {
	if n := steps.To.Sub(steps.From) / steps.Every; n > 11_000 {
		return Answer{}, &Refusal{Kind: "bad_data", Message: "exceeded maximum resolution of 11,000 points per timeseries"}
	}
	q, err := m.engine.NewRangeQuery(ctx, m.storage, nil, expr, steps.From, steps.To, steps.Every)
	if err != nil {
		return Answer{}, &Refusal{Kind: "bad_data", Message: err.Error()}
	}
	return executed(ctx, q)
}

func executed(ctx context.Context, q promql.Query) (Answer, error) {
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return Answer{}, &Refusal{Kind: "execution", Message: result.Err.Error()}
	}
	answer := Answer{Samples: q.Stats().Samples.TotalSamples, Measured: true}
	switch v := result.Value.(type) {
	case promql.Matrix:
		for _, s := range v {
			one := Series{Labels: s.Metric}
			for _, p := range s.Floats {
				one.Points = append(one.Points, Point{T: p.T, V: p.F})
			}
			answer.Series = append(answer.Series, one)
		}
	case promql.Vector:
		for _, s := range v {
			answer.Series = append(answer.Series, Series{Labels: s.Metric, Points: []Point{{T: s.T, V: s.F}}})
		}
	case promql.Scalar:
		answer.Series = []Series{{Points: []Point{{T: v.T, V: v.V}}}}
	}
	return answer, nil
}

func (m *memory) series(ctx context.Context, selector string, within Window, most int) ([]labels.Labels, error) {
	matchers, err := promQL.ParseMetricSelector(selector)
	if err != nil {
		return nil, &Refusal{Kind: "bad_data", Message: err.Error()}
	}
	q, err := m.storage.Querier(within.From.UnixMilli(), within.To.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer q.Close()
	var out []labels.Labels
	set := q.Select(ctx, true, nil, matchers...)
	for set.Next() && len(out) < most {
		out = append(out, set.At().Labels())
	}
	return out, set.Err()
}

func (m *memory) labelValues(ctx context.Context, label, selector string, within Window, most int) ([]string, error) {
	var matchers []*labels.Matcher
	if selector != "" {
		var err error
		if matchers, err = promQL.ParseMetricSelector(selector); err != nil {
			return nil, &Refusal{Kind: "bad_data", Message: err.Error()}
		}
	}
	q, err := m.storage.Querier(within.From.UnixMilli(), within.To.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer q.Close()
	values, _, err := q.LabelValues(ctx, label, nil, matchers...)
	return values[:min(len(values), most)], err
}

var errDown = errors.New("connection refused")

// down answers nothing.
func down() Ask {
	return Ask{
		Query:       func(context.Context, string, time.Time) (Answer, error) { return Answer{}, errDown },
		QueryRange:  func(context.Context, string, Steps, int) (Answer, error) { return Answer{}, errDown },
		Series:      func(context.Context, string, Window, int) ([]labels.Labels, error) { return nil, errDown },
		LabelValues: func(context.Context, string, string, Window, int) ([]string, error) { return nil, errDown },
	}
}

const ruleFile = "teams/payments/rules/a.yaml"

// repoWith is a repo with rule files; the rest is what every repo has.
func repoWith(t testing.TB, files map[string]string) *repolayout.Repo {
	t.Helper()
	all := map[string]string{
		"watchbill.yaml":           "onCall: {receiver: {slack: [{channel: '#alerts', urlKey: slack}]}}\n",
		"environments/prod.yaml":   "namespace: monitoring\n",
		"teams/payments/team.yaml": "owner: payments@example.org\n",
	}
	fsys := fstest.MapFS{}
	for path, content := range files {
		all[path] = content
	}
	for path, content := range all {
		fsys[path] = &fstest.MapFile{Data: []byte(content)}
	}
	repo, problems := repolayout.NewLoader().Load(fsys)
	for _, p := range problems {
		if strings.Contains(p.File, "/rules/") {
			t.Fatalf("%+v", p)
		}
	}
	return repo
}

// after is the time so long after the first sample.
func after(d time.Duration) time.Time { return time.Unix(0, 0).Add(d).UTC() }

func lines(findings []validate.Finding) []string {
	var out []string
	for _, f := range findings {
		line := strings.TrimPrefix(f.String(), ruleFile+":")
		if f.Hint != "" {
			line += " (" + f.Hint + ")"
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}
