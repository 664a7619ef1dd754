package audit

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/block"
)

// shared makes one value of equal ones: a bucket has few label sets, and a
// downsampled block the sources of the one it was made of.
type shared struct {
	labels  map[string]labels.Labels
	strings map[string]string
	sources map[uint64][]ulid.ULID
	// left is how many sources may still be held.
	left int
	seed maphash.Seed
	buf  []byte
}

const (
	maxAllSources = 4 << 20
	maxStrings    = 100_000
)

func newShared() *shared {
	return &shared{
		labels: map[string]labels.Labels{}, strings: map[string]string{}, sources: map[uint64][]ulid.ULID{},
		left: maxAllSources, seed: maphash.MakeSeed(),
	}
}

func (s *shared) text(t string) string {
	if one, ok := s.strings[t]; ok {
		return one
	}
	if len(s.strings) < maxStrings {
		s.strings[t] = t
	}
	return t
}

func (s *shared) set(l labels.Labels) labels.Labels {
	s.buf = l.Bytes(s.buf[:0])
	if one, ok := s.labels[string(s.buf)]; ok {
		return one
	}
	s.labels[string(s.buf)] = l
	return l
}

// list gives nothing for a list beyond the bound: who asks what a block was
// made of must take nothing for "not known".
func (s *shared) list(ids []ulid.ULID) []ulid.ULID {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, id := range ids {
		h.Write(id[:])
	}
	sum := h.Sum64()
	if one, ok := s.sources[sum]; ok && slices.Equal(one, ids) {
		return one
	}
	if s.left -= len(ids); s.left < 0 {
		return nil
	}
	s.sources[sum] = ids
	return ids
}

func (s *shared) describe(at version, m block.Meta) *description {
	slices.SortFunc(m.Compaction.Sources, compareID)
	t := m.Thanos
	return &description{
		at: at, labels: s.set(labels.FromMap(t.Labels)), minTime: m.MinTime, maxTime: m.MaxTime, resolution: t.Downsample.Resolution,
		level: m.Compaction.Level, failed: m.Compaction.Failed, source: s.text(t.Source),
		sources: s.list(slices.Compact(m.Compaction.Sources)),
		files:   s.files(t), chunks: m.Stats.NumChunks > 0,
	}
}

// files are those that must be there. Blocks of before Thanos 0.17 name their
// segment files alone, and still older ones none.
func (s *shared) files(t *block.Thanos) []block.File {
	list := make([]block.File, 0, len(t.Files))
	for _, f := range t.Files {
		if f.Path != block.MetaFile {
			list = append(list, block.File{Path: s.text(f.Path), Size: f.Size})
		}
	}
	for _, name := range t.SegmentFiles {
		list = append(list, block.File{Path: s.text(block.ChunksDir + "/" + name)})
	}
	list = append(list, block.File{Path: block.IndexFile})
	slices.SortFunc(list, func(a, b block.File) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(b.Size, a.Size))
	})
	return slices.CompactFunc(list, func(a, b block.File) bool { return a.Path == b.Path })
}

func compareID(a, b ulid.ULID) int { return bytes.Compare(a[:], b[:]) }
