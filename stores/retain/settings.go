package retain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/audit"
)

// set is the blocks of one label set, and what is settled of them.
type set struct {
	labels labels.Labels
	rank   int
	speaks bool // some ages do
	limits [len(resolutions)]limit
	blocks [len(resolutions)][]*audit.Block
	kept   [len(resolutions)]audit.Timeline
}

// limit is the age that counts for a resolution, and whose it is.
type limit struct {
	age time.Duration // 0 is for ever
	by  string
}

// past says that a block's end is longer ago than the age.
func (l limit) past(ago time.Duration) bool { return l.age > 0 && ago > l.age }

// settings finds the ages that speak of a label set: of several rules that pick
// it, the longest for each resolution. It tells which rules do.
func (p Policy) settings(s *set) (picking []int) {
	for i, r := range p.Rules {
		if !r.picks(s.labels) {
			continue
		}
		for n, age := range r.list() {
			if l := &s.limits[n]; !s.speaks || l.age > 0 && (age == 0 || age > l.age) {
				*l = limit{age, r.String()}
			}
		}
		s.speaks = true
		picking = append(picking, i)
	}
	if s.speaks {
		return picking
	}
	s.speaks = p.Default != Ages{}
	for n, age := range p.Default.list() {
		if s.limits[n] = (limit{age, byDefault}); !s.speaks {
			s.limits[n] = limit{0, byNone}
		}
	}
	return nil
}

// settled notes which blocks of a resolution this plan keeps.
func (s *set) settled(resolution int, actions map[*audit.Block]Action) {
	var kept []*audit.Block
	for _, b := range s.blocks[resolution] {
		if b.Serves() && actions[b] == Keep {
			kept = append(kept, b)
		}
	}
	s.kept[resolution] = audit.NewTimeline(kept)
}

// copies are the blocks that hold what b does, in one of the next resolutions up
// to the promised one, or why there are none.
func (s *set) copies(b *audit.Block, resolution, promised int) ([]*audit.Block, string) {
	var found []*audit.Block
	for i := resolution + 1; i <= promised; i++ {
		found = append(found, s.kept[i].Within(b)...)
	}
	slices.SortFunc(found, func(a, b *audit.Block) int {
		return cmp.Or(cmp.Compare(a.MinTime, b.MinTime), a.ID.Compare(b.ID))
	})
	end := b.MinTime
	for _, c := range found {
		if c.MinTime > end {
			break
		}
		end = max(end, c.MaxTime)
	}
	if end < b.MaxTime {
		return nil, "no coarser blocks cover it"
	}
	if !audit.MadeOfSame(b, found) {
		return nil, "the coarser blocks of its time were not made of it"
	}
	return found, ""
}

// byBytes is the blocks that queries read, the newest end first, with the bytes
// of each and all newer ones.
type byBytes struct {
	blocks []*audit.Block
	sums   []int64
}

func newer(a, b *audit.Block) int {
	return cmp.Or(cmp.Compare(b.MaxTime, a.MaxTime), cmp.Compare(b.MinTime, a.MinTime), b.ID.Compare(a.ID))
}

func sumBytes(inv *audit.Inventory) byBytes {
	var s byBytes
	for i := range inv.Blocks {
		if b := &inv.Blocks[i]; b.Serves() {
			s.blocks = append(s.blocks, b)
		}
	}
	slices.SortFunc(s.blocks, newer)
	var sum int64
	for _, b := range s.blocks {
		sum += b.Bytes
		s.sums = append(s.sums, sum)
	}
	return s
}

// with is the bytes of b and of all blocks that are newer and are read.
func (s byBytes) with(b *audit.Block) int64 {
	i, _ := slices.BinarySearchFunc(s.blocks, b, newer)
	if i == 0 {
		return b.Bytes
	}
	return s.sums[i-1] + b.Bytes
}

func (m *maker) warnings() []string {
	warnings := []string{}
	for i, r := range m.policy.Rules {
		if m.picked[i] == 0 {
			warnings = append(warnings, fmt.Sprintf("rule %s picks no block", r))
		}
	}
	for _, pair := range m.both {
		if a, b := m.policy.Rules[pair.one], m.policy.Rules[pair.other]; a.Ages != b.Ages {
			warnings = append(warnings, fmt.Sprintf("rules %s and %s both pick %s: the longer age counts for each resolution", a, b, blocks(pair.blocks)))
		}
	}
	if m.onlyCopies > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"%s past the age stay, as coarser blocks that are promised for that time do not hold the same: does compaction run, and downsample?", blocks(m.onlyCopies)))
	}
	var stay int64
	for b, a := range m.actions {
		if b.Serves() && a == Keep {
			stay += b.Bytes
		}
	}
	if over := stay - m.policy.MaxBytes; m.policy.MaxBytes > 0 && over > 0 {
		warnings = append(warnings, fmt.Sprintf("%s more than max bytes stay, as the ages keep them", audit.Size(over)))
	}
	slices.Sort(warnings)
	return warnings
}

func blocks(n int) string {
	if n == 1 {
		return "1 block"
	}
	return fmt.Sprintf("%d blocks", n)
}
