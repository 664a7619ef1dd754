package audit

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/block"
)

// Backlog is the work that compaction could do now, as far as an inventory
// tells. It is told before and after a compaction, so that one sees whether it
// keeps up.
//
// Of each stream, as Thanos's planner counts:
//
//   - joins are windows of 2 hours, 8 hours, 2 days or 14 days with two blocks or
//     more in them, if the window is full, or the newest block but one begins
//     after what is in it; the newest is left alone. A join makes further ones
//     possible, which are not counted. Windows with a block that failed are left
//     out, and blocks that are marked as not to be compacted split them;
//   - downsamplings are raw blocks of 40 hours and more, and blocks of 5m of 10 days
//     and more, whose sources are not all in blocks of the next resolution.
type Backlog struct {
	Joins         int `json:"joins"`
	JoinBlocks    int `json:"joinBlocks"`
	Downsamplings int `json:"downsamplings"`
	// Superseded blocks are left over from earlier joins.
	Superseded int `json:"superseded"`
}

// Thanos's compaction levels without the first, and the block lengths from
// which it downsamples, in milliseconds.
var windows = []int64{2 * hour, 8 * hour, 2 * day, 14 * day}

const (
	hour = 60 * 60 * 1000
	day  = 24 * hour

	fiveMinutesFrom = 40 * hour
	oneHourFrom     = 10 * day
)

// Estimate computes the backlog of an inventory.
func Estimate(inv *Inventory) Backlog {
	var sum Backlog
	streams := inv.Streams()
	for i, s := range streams {
		serving := s.serving()
		old := superseded(serving)
		sum.Superseded += len(old)
		current := slices.DeleteFunc(slices.Clone(serving), func(b *Block) bool { return old[b] })
		sum.join(current)
		coarser := coarserOf(streams[i:])
		for _, b := range current {
			if b.longEnough() && !b.NoDownsample && len(b.Sources) > 0 && !MadeOfSame(b, coarser.Within(b)) {
				sum.Downsamplings++
			}
		}
	}
	return sum
}

// coarserOf is the stream of the next resolution, which follows the first one if there is one.
func coarserOf(streams []Stream) Timeline {
	if len(streams) < 2 || !labels.Equal(streams[0].Labels, streams[1].Labels) ||
		streams[0].Resolution == block.Raw && streams[1].Resolution != block.FiveMinutes {
		return Timeline{}
	}
	return NewTimeline(streams[1].serving())
}

// longEnough says that Thanos downsamples a block of that length.
func (b *Block) longEnough() bool {
	length := b.MaxTime - b.MinTime
	return b.Resolution == block.Raw && length >= fiveMinutesFrom || b.Resolution == block.FiveMinutes && length >= oneHourFrom
}

// join counts the joins of one stream's blocks, which are sorted by MinTime. A
// block that one join takes is not there for the next.
func (sum *Backlog) join(blocks []*Block) {
	if len(blocks) < 2 {
		return
	}
	blocks = blocks[:len(blocks)-1] // Thanos leaves the newest alone
	newest := blocks[len(blocks)-1].MinTime
	taken := map[*Block]bool{}
	for _, w := range windows {
		for _, part := range split(blocks, w) {
			from, to, failed := part[0].MinTime, part[len(part)-1].MaxTime, false
			for _, b := range part {
				failed = failed || b.Failed
			}
			if failed || to-from != w && to > newest {
				continue
			}
			sum.run(part, taken)
		}
	}
}

// run counts the runs of two blocks and more between those that are not to be
// compacted or that a finer window takes already.
func (sum *Backlog) run(part []*Block, taken map[*Block]bool) {
	var run []*Block
	end := func() {
		if len(run) > 1 {
			sum.Joins++
			sum.JoinBlocks += len(run)
			for _, b := range run {
				taken[b] = true
			}
		}
		run = nil
	}
	for _, b := range part {
		if b.NoCompact || taken[b] {
			end()
			continue
		}
		run = append(run, b)
	}
	end()
}

// split deals blocks to the aligned windows of a length that they lie in.
func split(blocks []*Block, length int64) [][]*Block {
	var parts [][]*Block
	for i := 0; i < len(blocks); {
		start := blocks[i].MinTime - (blocks[i].MinTime%length+length)%length
		if blocks[i].MaxTime > start+length {
			i++
			continue
		}
		from := i
		for i < len(blocks) && blocks[i].MaxTime <= start+length {
			i++
		}
		parts = append(parts, blocks[from:i])
	}
	return parts
}
