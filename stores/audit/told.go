package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/watchbill/watchbill/stores/block"
)

// Told is an inventory by what somebody else says who knows the bucket, such as
// a Thanos Store that serves its blocks: each counts as whole and unmarked, with
// the sizes that its meta.json gives. It serves to look ahead, never to delete.
func Told(bucket string, metas []block.Meta, at time.Time) *Inventory {
	inv := &Inventory{Bucket: bucket, Taken: at}
	s := newShared()
	for _, m := range metas {
		if m.Thanos == nil {
			continue
		}
		d := s.describe(version{}, m)
		b := Block{
			ID: m.ULID, State: Whole, Described: true, Objects: len(d.files) + 1, Written: m.ULID.Timestamp(),
			Labels: d.labels, MinTime: d.minTime, MaxTime: d.maxTime, Resolution: d.resolution,
			Level: d.level, Failed: d.failed, Source: d.source, Sources: d.sources,
		}
		for _, f := range d.files {
			b.Bytes += f.Size
		}
		inv.Blocks = append(inv.Blocks, b)
		inv.Objects, inv.Bytes = inv.Objects+b.Objects, inv.Bytes+b.Bytes
	}
	slices.SortFunc(inv.Blocks, func(a, b Block) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	inv.Blocks = slices.CompactFunc(inv.Blocks, func(a, b Block) bool { return a.ID == b.ID })
	return inv
}
