package audit

import (
	"cmp"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
)

// Stream is the blocks of one label set and resolution: what one Prometheus
// wrote, or one compaction made of it. In good order its blocks follow each
// other in time.
type Stream struct {
	Labels     labels.Labels
	Resolution int64
	Blocks     []*Block // described ones, sorted by MinTime, then ID
}

// Streams sorts the described blocks by what they belong to.
func (inv *Inventory) Streams() []Stream {
	at := map[string]int{}
	var streams []Stream
	var key []byte
	for i := range inv.Blocks {
		b := &inv.Blocks[i]
		if !b.Described {
			continue
		}
		key = append(b.Labels.Bytes(key[:0]), byte(b.Resolution), byte(b.Resolution>>8), byte(b.Resolution>>16))
		n, found := at[string(key)]
		if !found {
			n = len(streams)
			at[string(key)] = n
			streams = append(streams, Stream{Labels: b.Labels, Resolution: b.Resolution})
		}
		streams[n].Blocks = append(streams[n].Blocks, b)
	}
	for _, s := range streams {
		slices.SortFunc(s.Blocks, byBeginning)
	}
	slices.SortFunc(streams, func(a, b Stream) int {
		return cmp.Or(labels.Compare(a.Labels, b.Labels), cmp.Compare(a.Resolution, b.Resolution))
	})
	return streams
}

// serving are the blocks that queries read.
func (s Stream) serving() []*Block {
	var serving []*Block
	for _, b := range s.Blocks {
		if b.Serves() {
			serving = append(serving, b)
		}
	}
	return serving
}

// Range is a time range in Unix milliseconds, without its end.
type Range struct{ From, To int64 }

// seam is the time between two blocks that is no gap: a Prometheus that finds
// no sample at the beginning of a block writes the first sample's time there.
const seam = 5 * 60 * 1000

// cover tells the time that blocks cover, and the gaps between them. The blocks
// are sorted by MinTime.
func cover(blocks []*Block) (covered int64, gaps []Range) {
	for i, end := 0, int64(0); i < len(blocks); i++ {
		b := blocks[i]
		if i == 0 {
			end = b.MinTime
		}
		if b.MinTime-end > seam {
			gaps = append(gaps, Range{end, b.MinTime})
		}
		if b.MaxTime > end {
			covered += b.MaxTime - max(b.MinTime, end)
			end = b.MaxTime
		}
	}
	return covered, gaps
}

// Overlap is two blocks of one stream that hold the same time.
type Overlap struct {
	Range
	One, Other *Block
}

// overlaps tells which blocks overlap the one before that reaches farthest. The
// blocks are sorted by MinTime.
func overlaps(blocks []*Block) []Overlap {
	var found []Overlap
	var farthest *Block
	for _, b := range blocks {
		if farthest != nil && b.MinTime < farthest.MaxTime {
			found = append(found, Overlap{Range{b.MinTime, min(b.MaxTime, farthest.MaxTime)}, farthest, b})
		}
		if farthest == nil || b.MaxTime > farthest.MaxTime {
			farthest = b
		}
	}
	return found
}

// superseded are the blocks that another one of the stream was made of, which
// compaction has not come to mark yet. They are no overlap that anybody has to
// do something about.
func superseded(blocks []*Block) map[*Block]bool {
	blocks = overlapping(blocks)
	largest := map[ulid.ULID]*Block{}
	for _, b := range blocks {
		for _, s := range b.Sources {
			if l := largest[s]; l == nil || len(b.Sources) > len(l.Sources) {
				largest[s] = b
			}
		}
	}
	gone := map[*Block]bool{}
	for _, b := range blocks {
		if len(b.Sources) == 0 {
			continue
		}
		into := largest[b.Sources[0]]
		if len(into.Sources) > len(b.Sources) && MadeOfSame(b, []*Block{into}) {
			gone[b] = true
		}
	}
	return gone
}

// overlapping are those of the blocks that share a time with another one. The
// blocks are sorted by MinTime.
func overlapping(blocks []*Block) []*Block {
	var found []*Block
	var farthest *Block
	counted := false // farthest is among the found
	for _, b := range blocks {
		shares := farthest != nil && b.MinTime < farthest.MaxTime
		if shares && !counted {
			found = append(found, farthest)
			counted = true
		}
		if shares {
			found = append(found, b)
		}
		if farthest == nil || b.MaxTime > farthest.MaxTime {
			farthest, counted = b, shares
		}
	}
	return found
}
