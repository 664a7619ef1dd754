package audit

import (
	"cmp"
	"slices"
	"sort"

	"github.com/oklog/ulid/v2"
)

// Timeline finds blocks by time.
type Timeline struct {
	blocks []*Block
	reach  []int64 // how far the blocks up to each one go
}

// NewTimeline sorts the blocks by their beginning.
func NewTimeline(blocks []*Block) Timeline {
	slices.SortFunc(blocks, byBeginning)
	t := Timeline{blocks, make([]int64, len(blocks))}
	for i, b := range blocks {
		if t.reach[i] = b.MaxTime; i > 0 {
			t.reach[i] = max(b.MaxTime, t.reach[i-1])
		}
	}
	return t
}

func byBeginning(a, b *Block) int {
	return cmp.Or(cmp.Compare(a.MinTime, b.MinTime), compareID(a.ID, b.ID))
}

// Within are the blocks that share a time with b, by their beginning.
func (t Timeline) Within(b *Block) []*Block {
	var found []*Block
	first := sort.Search(len(t.reach), func(i int) bool { return t.reach[i] > b.MinTime })
	for _, c := range t.blocks[first:] {
		if c.MinTime >= b.MaxTime {
			break
		}
		if c.MaxTime > b.MinTime {
			found = append(found, c)
		}
	}
	return found
}

// MadeOfSame says that every source of b is in one of the blocks. A block that
// came late is not in coarser ones of its time that were made before. It is not
// said of a block whose sources are not known.
func MadeOfSame(b *Block, blocks []*Block) bool {
	if len(b.Sources) == 0 {
		return false
	}
	for _, c := range blocks { // most are made of one block, and share its list
		if len(c.Sources) == len(b.Sources) && &c.Sources[0] == &b.Sources[0] {
			return true
		}
	}
	for _, id := range b.Sources {
		if !slices.ContainsFunc(blocks, func(c *Block) bool { return contains(c.Sources, id) }) {
			return false
		}
	}
	return true
}

func contains(sorted []ulid.ULID, id ulid.ULID) bool {
	_, found := slices.BinarySearchFunc(sorted, id, compareID)
	return found
}
