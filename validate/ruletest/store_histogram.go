package ruletest

import (
	"math"

	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// histogramChunk is a chunk as a TSDB cuts it. Histograms are kept in real
// chunks because a chunk changes them: the hint about counter resets of what is
// read back depends on what stood before, and on where the chunk was cut.
type histogramChunk struct {
	chunk            chunkenc.Chunk
	minTime, maxTime int64
}

// histogramCutter is what a series remembers to cut its chunks of histograms.
type histogramCutter struct {
	appender chunkenc.Appender
	nextAt   int64
	computed bool // nextAt was foretold from the chunk's size
}

// appendHistogram is memSeries.appendFloatHistogram.
func (s *series) appendHistogram(smp sample) {
	var before chunkenc.Appender
	if n := len(s.parts); n > 0 && s.parts[n-1].chunk != nil {
		before = s.appender
	}
	c, created := s.histogramChunkFor(smp.t)
	if !created {
		before = nil
	}
	chunk, recoded, appender, _ := s.appender.AppendFloatHistogram(before, 0, smp.t, smp.h, false)
	s.appender = appender
	switch {
	case chunk == nil:
		c.maxTime = smp.t
	case recoded:
		c.maxTime, c.chunk = smp.t, chunk
	default:
		s.parts = append(s.parts, part{chunk: &histogramChunk{chunk: chunk, minTime: smp.t, maxTime: smp.t}})
		s.nextAt = rangeEnd(smp.t)
	}
}

// histogramChunkFor is memSeries.histogramsAppendPreprocessor: the chunk that a
// histogram at t goes to, cut anew at the end of a block or when it is full.
func (s *series) histogramChunkFor(t int64) (c *histogramChunk, created bool) {
	if n := len(s.parts); n > 0 {
		c = s.parts[n-1].chunk
	}
	if c == nil {
		c, created = s.cut(t), true
	}
	samples, size := c.chunk.NumSamples(), len(c.chunk.Bytes())
	if samples == 0 {
		c.minTime = t
		s.nextAt = rangeEnd(t)
	}
	nextRange := s.nextAt
	if s.computed {
		nextRange = rangeEnd(c.minTime)
	}
	const full = chunkenc.TargetBytesPerHistogramChunk
	if !s.computed && size >= full/4 {
		s.nextAt = chunkEnd(c.minTime, c.maxTime, s.nextAt, float64(full)/float64(size))
		s.computed = true
	}
	if (t >= s.nextAt || size >= 2*full) && (samples >= chunkenc.MinSamplesPerHistogramChunk || t >= nextRange) {
		c, created = s.cut(t), true
	}
	if created {
		s.computed = false
	}
	return c, created
}

func (s *series) cut(t int64) *histogramChunk {
	chunk := chunkenc.NewFloatHistogramChunk()
	appender, err := chunk.Appender()
	if err != nil {
		panic(err) // an empty chunk has one
	}
	c := &histogramChunk{chunk: chunk, minTime: t, maxTime: math.MinInt64}
	s.parts = append(s.parts, part{chunk: c})
	s.nextAt, s.appender = rangeEnd(t), appender
	return c
}

// rangeEnd is the end of the block that t is in.
func rangeEnd(t int64) int64 { return (t/chunkRange)*chunkRange + chunkRange }

// chunkEnd is tsdb.computeChunkEndTime: when to cut, so that chunks come out alike.
func chunkEnd(start, now, end int64, ratioToFull float64) int64 {
	n := float64(end-start) / (float64(now-start+1) * ratioToFull)
	if n <= 1 {
		return end
	}
	return int64(float64(start) + float64(end-start)/math.Floor(n))
}
