package ruletest

import (
	"errors"
	"fmt"
	"math"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// store holds the series of one test in memory. It takes and refuses samples,
// and gives them back, as the head of a TSDB with promtool's settings does:
// blocks of a day and nothing out of order. One goroutine uses it.
type store struct {
	series []*series // in the order of their first sample
	byHash map[uint64][]*series
	byName map[string][]*series

	// maxTime is the newest time, and the reason to refuse what is half a day older.
	maxTime     int64
	initialized bool

	labelBytes int // that one series may have
	room       int // for samples
}

// chunkRange is the length of promtool's blocks.
const chunkRange = 24 * 60 * 60 * 1000

var errInvalidSample = errors.New("invalid sample")

// A store has room for what rules record of the input, and a series takes as
// much of it as some samples.
const (
	recordedPerInput = 4
	samplesPerSeries = 32
)

func newStore(limits Limits) *store {
	return &store{
		byHash: map[uint64][]*series{}, byName: map[string][]*series{},
		labelBytes: limits.LabelBytes, room: limits.Samples * (1 + recordedPerInput),
	}
}

// full says whether there is no more room.
func (s *store) full() bool { return s.room < 0 }

// load commits the samples of inputs up to a time, and takes them from the inputs.
func (s *store) load(inputs []*input, until int64) error {
	b := s.begin()
	for _, in := range inputs {
		n := 0
		for n < len(in.samples) && in.samples[n].t <= until {
			if err := b.add(in.labels, in.samples[n]); err != nil {
				return fmt.Errorf("%s: %w", in.labels, err)
			}
			n++
		}
		in.samples = in.samples[n:]
	}
	b.commit()
	return nil
}

// series is one time series. Most have floats alone, which lie in two slices;
// with the first histogram it goes on in parts.
type series struct {
	labels labels.Labels
	parts  []part

	lastTime  int64
	lastValue float64
	lastHist  *histogram.FloatHistogram // the last sample, if it was a histogram
	histogramCutter
}

// part is a run of samples of one kind, floats or a chunk of histograms.
type part struct {
	times  []int64
	values []float64
	chunk  *histogramChunk
}

// batch is a set of samples that are seen from its commit on.
type batch struct {
	store    *store
	minValid int64
	ready    bool
	pending  []pending
}

type pending struct {
	series *series
	sample
}

// begin starts a batch. Before the first sample ever the first one sets the bounds.
func (s *store) begin() *batch {
	b := &batch{store: s}
	if s.initialized {
		b.bound()
	}
	return b
}

func (b *batch) bound() {
	b.minValid, b.ready = b.store.maxTime-chunkRange/2, true
}

// add checks a sample against what was committed before, and puts it in the batch.
func (b *batch) add(l labels.Labels, smp sample) error {
	if !b.ready {
		b.store.maxTime, b.store.initialized = smp.t, true
		b.bound()
	}
	if smp.h != nil {
		if err := smp.h.Validate(); err != nil {
			return err
		}
	}
	if smp.t < b.minValid {
		return storage.ErrOutOfBounds
	}
	s, err := b.store.seriesOf(l)
	if err != nil {
		return err
	}
	if err := s.takes(smp, b.minValid); err != nil {
		return err
	}
	b.pending = append(b.pending, pending{series: s, sample: smp})
	return nil
}

// commit makes the batch seen. What it holds twice is dropped without a word.
func (b *batch) commit() {
	for _, p := range b.pending {
		if p.h == nil && value.IsStaleNaN(p.v) && p.series.lastHist != nil {
			p.sample = sample{t: p.t, h: &histogram.FloatHistogram{Sum: p.v}}
		}
		if p.series.takes(p.sample, b.minValid) != nil || p.series.holds(p.t) {
			continue
		}
		p.series.append(p.sample)
		b.store.room--
		b.store.maxTime = max(b.store.maxTime, p.t)
	}
}

// seriesOf finds a series or makes it.
func (s *store) seriesOf(l labels.Labels) (*series, error) {
	l = l.WithoutEmpty()
	if l.IsEmpty() {
		return nil, fmt.Errorf("empty labelset: %w", errInvalidSample)
	}
	if name, twice := l.HasDuplicateLabelNames(); twice {
		return nil, fmt.Errorf("label name %q is not unique: %w", name, errInvalidSample)
	}
	hash := l.Hash()
	for _, found := range s.byHash[hash] {
		if labels.Equal(found.labels, l) {
			return found, nil
		}
	}
	if size := sizeOf(l); size > s.labelBytes {
		return nil, fmt.Errorf("the labels of a series take %d KiB; the most is %d KiB", size>>10, s.labelBytes>>10)
	}
	s.room -= samplesPerSeries
	made := &series{labels: l}
	s.series = append(s.series, made)
	s.byHash[hash] = append(s.byHash[hash], made)
	name := l.Get(model.MetricNameLabel)
	s.byName[name] = append(s.byName[name], made)
	return made, nil
}

// takes says why a series cannot take a sample, if it cannot: as memSeries.appendable.
func (s *series) takes(smp sample, minValid int64) error {
	switch {
	case smp.t < minValid:
		return storage.ErrOutOfBounds
	case len(s.parts) == 0 || smp.t > s.lastTime:
		return nil
	case smp.t < s.lastTime:
		return storage.ErrOutOfOrderSample
	case smp.h != nil:
		if !smp.h.Equals(s.lastHist) {
			return storage.ErrDuplicateSampleForTimestamp
		}
	case s.lastHist != nil:
		return storage.NewDuplicateHistogramToFloatErr(smp.t, smp.v)
	case math.Float64bits(s.lastValue) != math.Float64bits(smp.v):
		return storage.NewDuplicateFloatErr(smp.t, s.lastValue, smp.v)
	}
	return nil
}

// holds says whether the series has a sample at a time that it takes.
func (s *series) holds(t int64) bool { return len(s.parts) > 0 && t <= s.lastTime }

func (s *series) append(smp sample) {
	if smp.h != nil {
		s.appendHistogram(smp)
	} else {
		if n := len(s.parts); n == 0 || s.parts[n-1].chunk != nil {
			s.parts = append(s.parts, part{})
		}
		last := &s.parts[len(s.parts)-1]
		last.times, last.values = append(last.times, smp.t), append(last.values, smp.v)
	}
	s.lastTime, s.lastValue, s.lastHist = smp.t, smp.v, smp.h
}
