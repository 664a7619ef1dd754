package audit

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/block"
)

// Summary is an inventory as people read it.
type Summary struct {
	Bucket    string    `json:"bucket"`
	Taken     time.Time `json:"taken"`
	Blocks    int       `json:"blocks"`
	Objects   int       `json:"objects"`
	Bytes     int64     `json:"bytes"`
	GroupedBy string    `json:"groupedBy"` // a label's name
	Groups    []Group   `json:"groups"`
	NotWhole  []Fault   `json:"notWhole"`
	Backlog   Backlog   `json:"backlog"`
	// ForeignObjects lie in no block's folder.
	ForeignObjects int   `json:"foreignObjects"`
	ForeignBytes   int64 `json:"foreignBytes"`
}

// Group is the streams that have one value of the label.
type Group struct {
	Value   string      `json:"value"`
	Blocks  int         `json:"blocks"`
	Bytes   int64       `json:"bytes"`
	Streams []StreamSum `json:"streams"`
}

// StreamSum is one stream: time and gaps are of the blocks that queries read.
type StreamSum struct {
	Labels         labels.Labels `json:"labels"`
	Resolution     string        `json:"resolution"`
	Blocks         int           `json:"blocks"`
	Bytes          int64         `json:"bytes"`
	From           *time.Time    `json:"from"`
	To             *time.Time    `json:"to"`
	CoveredSeconds float64       `json:"coveredSeconds"`
	// LagSeconds is how long ago the newest block ended.
	LagSeconds float64    `json:"lagSeconds"`
	Gaps       []GapSum   `json:"gaps"`
	Overlaps   []BothSums `json:"overlaps"`
	// Superseded blocks wait for compaction to mark them: others hold the same.
	Superseded  int   `json:"superseded"`
	Marked      int   `json:"marked"` // for deletion
	MarkedBytes int64 `json:"markedBytes"`
	NoCompact   int   `json:"noCompact"`
	NotWhole    int   `json:"notWhole"`
}

// GapSum is a time that no block of a stream covers, between two that do.
type GapSum struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// BothSums is a time that two blocks of a stream hold.
type BothSums struct {
	GapSum
	Blocks [2]ulid.ULID `json:"blocks"`
}

// Fault is a block that is not whole.
type Fault struct {
	Block   ulid.ULID  `json:"block"`
	State   State      `json:"state"`
	Why     string     `json:"why"`
	Bytes   int64      `json:"bytes"`
	Written time.Time  `json:"written"`
	Marked  *time.Time `json:"marked,omitempty"`
	// Uploading blocks are so young that this is how they should look.
	Uploading bool `json:"uploading,omitempty"`
}

// uploadTime is how long a block without meta.json may be on its way. Thanos
// itself gives up on such a block after two days.
const uploadTime = time.Hour

// Summarize says what is in the bucket, the streams grouped by the label of the
// environment.
func Summarize(inv *Inventory, label string) Summary {
	s := Summary{
		Bucket: inv.Bucket, Taken: inv.Taken, Blocks: len(inv.Blocks), Objects: inv.Objects, Bytes: inv.Bytes, GroupedBy: label,
		Groups: []Group{}, NotWhole: []Fault{}, Backlog: Estimate(inv), ForeignObjects: inv.Foreign, ForeignBytes: inv.ForeignBytes,
	}
	groups := map[string]Group{}
	for _, stream := range inv.Streams() {
		value := stream.Labels.Get(label)
		g := groups[value]
		sum := stream.sum(inv.Taken)
		g.Value, g.Streams = value, append(g.Streams, sum)
		g.Blocks += sum.Blocks
		g.Bytes += sum.Bytes
		groups[value] = g
	}
	for _, value := range slices.Sorted(maps.Keys(groups)) {
		s.Groups = append(s.Groups, groups[value])
	}
	for i := range inv.Blocks {
		if b := &inv.Blocks[i]; b.State != Whole {
			s.NotWhole = append(s.NotWhole, b.fault(inv.Taken))
		}
	}
	slices.SortStableFunc(s.NotWhole, func(a, b Fault) int { return cmp.Compare(a.State, b.State) })
	return s
}

func (b *Block) fault(now time.Time) Fault {
	f := Fault{Block: b.ID, State: b.State, Why: b.Why, Bytes: b.Bytes, Written: b.Written}
	switch {
	case b.Mark == nil:
		f.Uploading = b.State == Partial && !b.Described && now.Sub(b.Written) < uploadTime
	case b.Mark.Problem == "":
		f.Marked = &b.Mark.Time
	default:
		f.Why += "; its mark for deletion cannot be read"
	}
	return f
}

func (s Stream) sum(now time.Time) StreamSum {
	sum := StreamSum{
		Labels: s.Labels, Resolution: block.ResolutionName(s.Resolution), Blocks: len(s.Blocks), Gaps: []GapSum{}, Overlaps: []BothSums{},
	}
	for _, b := range s.Blocks {
		sum.Bytes += b.Bytes
		switch {
		case b.Mark != nil:
			sum.Marked++
			sum.MarkedBytes += b.Bytes
		case b.State != Whole:
			sum.NotWhole++
		}
		if b.NoCompact {
			sum.NoCompact++
		}
	}
	serving := s.serving()
	if len(serving) == 0 {
		return sum
	}
	newest := slices.MaxFunc(serving, func(a, b *Block) int { return cmp.Compare(a.MaxTime, b.MaxTime) }).MaxTime
	from, to := when(serving[0].MinTime), when(newest)
	sum.From, sum.To, sum.LagSeconds = &from, &to, now.Sub(to).Seconds()
	covered, gaps := cover(serving)
	sum.CoveredSeconds = float64(covered) / 1000
	for _, g := range gaps {
		sum.Gaps = append(sum.Gaps, GapSum{when(g.From), when(g.To)})
	}
	old := superseded(serving)
	sum.Superseded = len(old)
	for _, o := range overlaps(slices.DeleteFunc(serving, func(b *Block) bool { return old[b] })) {
		sum.Overlaps = append(sum.Overlaps, BothSums{GapSum{when(o.From), when(o.To)}, [2]ulid.ULID{o.One.ID, o.Other.ID}})
	}
	return sum
}

func when(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
