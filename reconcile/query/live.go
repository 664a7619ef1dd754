package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/validate/live"
)

// Live is the client as live checks ask it.
func (c *Client) Live() live.Ask {
	return live.Ask{Query: c.Query, QueryRange: c.QueryRange, Series: c.Series, LabelValues: c.LabelValues}
}

// Query evaluates an expression at one time, and has the server measure it.
func (c *Client) Query(ctx context.Context, expr string, at time.Time) (live.Answer, error) {
	data, err := c.ask(ctx, "/api/v1/query", url.Values{"query": {expr}, "time": {seconds(at)}, "stats": {"all"}})
	if err != nil {
		return live.Answer{}, err
	}
	return c.answer(data)
}

// QueryRange evaluates an expression at each step.
func (c *Client) QueryRange(ctx context.Context, expr string, steps live.Steps, most int) (live.Answer, error) {
	data, err := c.ask(ctx, "/api/v1/query_range", url.Values{
		"query": {expr}, "start": {seconds(steps.From)}, "end": {seconds(steps.To)},
		"step": {strconv.FormatFloat(steps.Every.Seconds(), 'f', -1, 64)}, "limit": {strconv.Itoa(most)},
	})
	if err != nil {
		return live.Answer{}, err
	}
	return c.answer(data)
}

// Series lists the label sets that a selector matches.
func (c *Client) Series(ctx context.Context, selector string, within live.Window, most int) ([]labels.Labels, error) {
	data, err := c.ask(ctx, "/api/v1/series", url.Values{
		"match[]": {selector}, "start": {seconds(within.From)}, "end": {seconds(within.To)}, "limit": {strconv.Itoa(most)},
	})
	if err != nil {
		return nil, err
	}
	var sets []map[string]string
	if err := json.Unmarshal(data, &sets); err != nil {
		return nil, c.unreadable(err)
	}
	out := make([]labels.Labels, 0, len(sets))
	for _, set := range sets {
		out = append(out, labels.FromMap(set))
	}
	return out, nil
}

// LabelValues lists the values of a label, of the series that a selector matches or of all.
func (c *Client) LabelValues(ctx context.Context, label, selector string, within live.Window, most int) ([]string, error) {
	form := url.Values{"start": {seconds(within.From)}, "end": {seconds(within.To)}, "limit": {strconv.Itoa(most)}}
	if selector != "" {
		form.Set("match[]", selector)
	}
	if !model.LegacyValidation.IsValidLabelName(label) {
		label = model.EscapeName(label, model.ValueEncodingEscaping)
	}
	data, err := c.ask(ctx, "/api/v1/label/"+url.PathEscape(label)+"/values", form)
	if err != nil {
		return nil, err
	}
	var values []string
	if err := json.Unmarshal(data, &values); err != nil {
		return nil, c.unreadable(err)
	}
	return values, nil
}

func (c *Client) unreadable(err error) error {
	return fmt.Errorf("ask %s: read the answer: %w", c.Address(), err)
}

// seconds writes a time as the API takes it.
func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// result is the data of a query's answer.
type result struct {
	ResultType model.ValueType `json:"resultType"`
	Result     json.RawMessage `json:"result"`
	Stats      *struct {
		Samples *struct {
			Total int64 `json:"totalQueryableSamples"`
		} `json:"samples"`
	} `json:"stats"`
}

var errEmptySeries = errors.New("a series is null")

func (c *Client) answer(data json.RawMessage) (live.Answer, error) {
	var r result
	if err := json.Unmarshal(data, &r); err != nil {
		return live.Answer{}, c.unreadable(err)
	}
	var a live.Answer
	if r.Stats != nil && r.Stats.Samples != nil {
		a.Samples, a.Measured = r.Stats.Samples.Total, true
	}
	var err error
	switch r.ResultType {
	case model.ValMatrix:
		var m model.Matrix
		if err = json.Unmarshal(r.Result, &m); err == nil {
			for _, s := range m {
				if s == nil {
					return live.Answer{}, c.unreadable(errEmptySeries)
				}
				a.Series = append(a.Series, live.Series{Labels: labelsOf(s.Metric), Points: pointsOf(s)})
			}
		}
	case model.ValVector:
		var v model.Vector
		if err = json.Unmarshal(r.Result, &v); err == nil {
			for _, s := range v {
				if s == nil {
					return live.Answer{}, c.unreadable(errEmptySeries)
				}
				a.Series = append(a.Series, live.Series{Labels: labelsOf(s.Metric), Points: []live.Point{{T: int64(s.Timestamp), V: float64(s.Value)}}})
			}
		}
	case model.ValScalar:
		var s model.Scalar
		if err = json.Unmarshal(r.Result, &s); err == nil {
			a.Series = []live.Series{{Points: []live.Point{{T: int64(s.Timestamp), V: float64(s.Value)}}}}
		}
	default:
		err = fmt.Errorf("a result of type %q", r.ResultType)
	}
	if err != nil {
		return live.Answer{}, c.unreadable(err)
	}
	return a, nil
}

func labelsOf(metric model.Metric) labels.Labels {
	lb := labels.NewScratchBuilder(len(metric))
	for name, value := range metric {
		lb.Add(string(name), string(value))
	}
	lb.Sort()
	return lb.Labels()
}

// pointsOf are the points of floats and histograms together, in the order of time.
func pointsOf(s *model.SampleStream) []live.Point {
	points := make([]live.Point, 0, len(s.Values)+len(s.Histograms))
	floats, histograms := s.Values, s.Histograms
	for len(floats)+len(histograms) > 0 {
		if len(histograms) == 0 || len(floats) > 0 && floats[0].Timestamp < histograms[0].Timestamp {
			points = append(points, live.Point{T: int64(floats[0].Timestamp), V: float64(floats[0].Value)})
			floats = floats[1:]
		} else {
			points = append(points, live.Point{T: int64(histograms[0].Timestamp)})
			histograms = histograms[1:]
		}
	}
	return points
}
