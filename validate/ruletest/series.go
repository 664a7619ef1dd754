package ruletest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// seriesParser reads input series. Upstream's test loader allows all that is experimental in them.
var seriesParser = parser.NewParser(parser.Options{
	EnableExperimentalFunctions: true, ExperimentalDurationExpr: true,
	EnableExtendedRangeSelectors: true, EnableBinopFillModifiers: true,
})

// sample is a float, or a histogram.
type sample struct {
	t int64 // milliseconds
	v float64
	h *histogram.FloatHistogram
}

// input is one input series whose samples are not yet loaded.
type input struct {
	labels  labels.Labels
	samples []sample
}

// loadLines is how upstream's loader sees a series: one line of a script, where
// a comment is an empty line.
func (s *InputSeries) loadLines() []string {
	lines := strings.Split("  "+s.Series+" "+s.Values, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
		if strings.HasPrefix(lines[i], "#") {
			lines[i] = ""
		}
	}
	return lines
}

// loadedSeries is how many of the series are loaded: an empty line ends the script.
func loadedSeries(series []InputSeries) int {
	for i := range series {
		for j, line := range series[i].loadLines() {
			if line == "" {
				// The line break at the end of a block scalar; the last series may have it.
				if j > 0 && i+1 < len(series) {
					return i + 1
				}
				if j == 0 {
					return i
				}
			}
		}
	}
	return len(series)
}

// seriesError is an error in one of the input series.
type seriesError struct {
	at  Position
	err error
}

func (e *seriesError) Error() string { return e.err.Error() }
func (e *seriesError) Unwrap() error { return e.err }

// inputs expands the input series of a test. The same series given twice is the
// one given last.
func (t *Test) inputs(limits Limits) ([]*input, error) {
	var all []*input
	byHash := map[uint64]*input{}
	budget := limits.Samples
	for i := range t.InputSeries {
		s := &t.InputSeries[i]
		for _, line := range s.loadLines() {
			if line == "" {
				return all, nil
			}
			in, err := t.input(line, &budget, limits)
			if err != nil {
				return nil, &seriesError{at: s.Position, err: err}
			}
			if before := byHash[in.labels.Hash()]; before != nil {
				*before = *in
				continue
			}
			byHash[in.labels.Hash()] = in
			all = append(all, in)
		}
	}
	return all, nil
}

func (t *Test) input(line string, budget *int, limits Limits) (*input, error) {
	if first, _, ok := strings.Cut(strings.ReplaceAll(line, "\t", " "), " "); ok && strings.HasSuffix(first, "@st") {
		return nil, errors.New("start timestamps (@st) are not for unit tests of rules, which do not look at them")
	}
	if len(line) > maxSeriesText {
		return nil, fmt.Errorf("the series takes %d KiB of text; the most is %d KiB", len(line)>>10, maxSeriesText>>10)
	}
	if *budget -= weightOf(line, limits.Samples); *budget < 0 {
		return nil, fmt.Errorf("the input series of this test stand for more than %d samples", limits.Samples)
	}
	metric, values, err := seriesParser.ParseSeriesDesc(line)
	if err != nil {
		return nil, err
	}
	if size := sizeOf(metric); size > limits.LabelBytes {
		return nil, fmt.Errorf("the labels take %d KiB; the most is %d KiB", size>>10, limits.LabelBytes>>10)
	}
	return &input{labels: metric, samples: samplesOf(values, t.start(), t.Interval)}, nil
}

// maxSeriesText bounds the text of one series.
const maxSeriesText = 1 << 20

func samplesOf(values []parser.SequenceValue, at time.Time, interval time.Duration) []sample {
	samples := make([]sample, 0, len(values))
	for _, v := range values {
		if !v.Omitted {
			samples = append(samples, sample{t: at.UnixNano() / int64(time.Millisecond), v: v.Value, h: v.Histogram})
		}
		at = at.Add(interval)
	}
	return samples
}

// repeat is an item of a series that stands for many samples: 1+2x300.
var repeat = regexp.MustCompile(`[xX][ \t]*([0-9]+)`)

// weightOf is how many samples a series stands for, at least; or more than most.
func weightOf(line string, most int) int {
	values := valuesOf(line)
	weight, from := 0, 0
	for _, m := range repeat.FindAllStringSubmatchIndex(values, -1) {
		n, err := strconv.ParseUint(values[m[2]:m[3]], 10, 32)
		each := 1
		if text := values[from:m[0]]; strings.Contains(text, "{{") {
			each += len(text)
		}
		if from = m[1]; err != nil || int(n) > most/each {
			return most + 1
		}
		if weight += int(n) * each; weight > most {
			return most + 1
		}
	}
	return weight + (len(values)+1)/2
}

// valuesOf is a series without its metric, whose label values may hold anything.
func valuesOf(line string) string {
	at := 0
	for at < len(line) && strings.IndexByte(" \t{", line[at]) < 0 {
		at++
	}
	rest := strings.TrimLeft(line[at:], " \t")
	if !strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "{{") {
		return rest
	}
	var quote byte
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case quote == 0 && c == '}':
			return rest[i+1:]
		case quote == 0 && strings.IndexByte("\"'`", c) >= 0:
			quote = c
		case quote != 0 && quote != '`' && c == '\\':
			i++
		case c == quote:
			quote = 0
		}
	}
	return rest
}

// sizeOf is the size of the labels of a series.
func sizeOf(l labels.Labels) int {
	size := 0
	l.Range(func(l labels.Label) { size += len(l.Name) + len(l.Value) })
	return size
}
