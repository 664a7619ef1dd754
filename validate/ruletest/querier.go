package ruletest

import (
	"context"
	"maps"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

// Querier makes the store a storage.Queryable.
func (s *store) Querier(mint, maxt int64) (storage.Querier, error) {
	return &querier{store: s, mint: mint, maxt: maxt}, nil
}

type querier struct {
	store      *store
	mint, maxt int64
}

func (q *querier) Close() error { return nil }

// Select gives the series in the order of their first sample, or sorted. They
// are cut to the time asked for.
func (q *querier) Select(_ context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	mint, maxt := q.mint, q.maxt
	if hints != nil {
		mint, maxt = hints.Start, hints.End
	}
	set := &seriesSet{at: -1, mint: mint, maxt: maxt, series: q.matching(matchers)}
	if sorted {
		slices.SortFunc(set.series, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	}
	return set
}

func (q *querier) matching(matchers []*labels.Matcher) []*series {
	candidates := q.store.series
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			candidates = q.store.byName[m.Value]
			break
		}
	}
	var found []*series
	for _, s := range candidates {
		if matchesAll(s.labels, matchers) {
			found = append(found, s)
		}
	}
	return found
}

func matchesAll(l labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// LabelValues is asked by info() alone.
func (q *querier) LabelValues(_ context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	values := map[string]bool{}
	for _, s := range q.matching(matchers) {
		if v := s.labels.Get(name); v != "" {
			values[v] = true
		}
	}
	return slices.Sorted(maps.Keys(values)), nil, nil
}

func (q *querier) LabelNames(_ context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	names := map[string]bool{}
	for _, s := range q.matching(matchers) {
		s.labels.Range(func(l labels.Label) { names[l.Name] = true })
	}
	return slices.Sorted(maps.Keys(names)), nil, nil
}

type seriesSet struct {
	series     []*series
	at         int
	mint, maxt int64
}

func (s *seriesSet) Next() bool {
	s.at++
	return s.at < len(s.series)
}

func (s *seriesSet) At() storage.Series {
	return &seriesView{series: s.series[s.at], mint: s.mint, maxt: s.maxt}
}
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// seriesView is a series within a time.
type seriesView struct {
	series     *series
	mint, maxt int64
}

func (v *seriesView) Labels() labels.Labels { return v.series.labels }

func (v *seriesView) Iterator(reuse chunkenc.Iterator) chunkenc.Iterator {
	it, ok := reuse.(*iterator)
	if !ok {
		it = &iterator{}
	}
	*it = iterator{parts: v.series.parts, mint: v.mint, maxt: v.maxt, chunkIt: it.chunkIt}
	return it
}

// iterator walks over the parts of a series.
type iterator struct {
	parts      []part // the first is the one that the iterator is in
	at         int    // in the first part, the index after the current sample
	inChunk    bool   // chunkIt stands in the first part
	chunkIt    chunkenc.Iterator
	mint, maxt int64
	now        int64
	kind       chunkenc.ValueType
	done       bool
}

func (it *iterator) Next() chunkenc.ValueType { return it.advance(it.mint) }

// milliseconds is the time of a sample. By this name go vet does not take Seek for io.Seeker's.
type milliseconds = int64

// Seek stays where it is if that is late enough.
func (it *iterator) Seek(t milliseconds) chunkenc.ValueType {
	if it.kind != chunkenc.ValNone && it.now >= t {
		return it.kind
	}
	return it.advance(max(t, it.mint))
}

// advance goes on to the next sample that is not before from.
func (it *iterator) advance(from int64) chunkenc.ValueType {
	it.kind = chunkenc.ValNone
	for !it.done && len(it.parts) > 0 {
		var found bool
		if p := &it.parts[0]; p.chunk == nil {
			found = it.nextFloat(p, from)
		} else {
			found = it.nextHistogram(p, from)
		}
		if found && it.now > it.maxt {
			it.done, it.kind = true, chunkenc.ValNone
		}
		if found {
			return it.kind
		}
		it.parts, it.at, it.inChunk = it.parts[1:], 0, false
	}
	return chunkenc.ValNone
}

func (it *iterator) nextFloat(p *part, from int64) bool {
	if it.at < len(p.times) && p.times[it.at] < from {
		n, _ := slices.BinarySearch(p.times[it.at:], from)
		it.at += n
	}
	if it.at >= len(p.times) {
		return false
	}
	it.now, it.kind = p.times[it.at], chunkenc.ValFloat
	it.at++
	return true
}

func (it *iterator) nextHistogram(p *part, from int64) bool {
	if p.chunk.maxTime < from {
		return false
	}
	if !it.inChunk {
		it.chunkIt, it.inChunk = p.chunk.chunk.Iterator(it.chunkIt), true
	}
	for {
		kind := it.chunkIt.Next()
		if kind == chunkenc.ValNone {
			return false
		}
		if t := it.chunkIt.AtT(); t >= from {
			it.now, it.kind = t, kind
			return true
		}
	}
}

func (it *iterator) At() (int64, float64) { return it.now, it.parts[0].values[it.at-1] }

func (it *iterator) AtHistogram(h *histogram.Histogram) (int64, *histogram.Histogram) {
	return it.chunkIt.AtHistogram(h)
}

func (it *iterator) AtFloatHistogram(h *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	return it.chunkIt.AtFloatHistogram(h)
}

func (it *iterator) AtT() int64  { return it.now }
func (it *iterator) AtST() int64 { return 0 }
func (it *iterator) Err() error {
	if it.inChunk {
		return it.chunkIt.Err()
	}
	return nil
}
