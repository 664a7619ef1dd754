package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
)

// description is what meta.json says, as far as it is needed.
type description struct {
	at               version
	problem          string // nothing else is set then
	labels           labels.Labels
	minTime, maxTime int64
	resolution       int64
	level            int
	failed           bool
	source           string
	sources          []ulid.ULID
	files            []block.File // without meta.json
	chunks           bool         // there must be some
}

// mark is what deletion-mark.json says.
type mark struct {
	at      version
	seconds int64
	details string
	problem string
}

// block joins what is listed with what was read.
func (f *folder) block(e entry) Block {
	b := Block{ID: f.id, State: Partial, Bytes: f.bytes, Objects: f.objects, Written: f.newest, Mark: f.mark(e.mark)}
	_, b.NoCompact = f.file(block.NoCompactMarkFile)
	_, b.NoDownsample = f.file(block.NoDownsampleMarkFile)
	meta, listed := f.file(block.MetaFile)
	d := e.meta
	switch {
	case !listed:
		b.Why = "it has no " + block.MetaFile
		return b
	case d == nil:
		b.Why = block.MetaFile + " went away while it was read"
		return b
	}
	b.Written = meta.Modified
	if d.problem != "" {
		b.State, b.Why = Broken, d.problem
		return b
	}
	b.Described, b.MetaETag = true, d.at.etag
	b.Labels, b.MinTime, b.MaxTime, b.Resolution = d.labels, d.minTime, d.maxTime, d.resolution
	b.Level, b.Failed, b.Source, b.Sources = d.level, d.failed, d.source, d.sources
	if b.Why = f.lacks(d); b.Why == "" {
		b.State = Whole
	}
	return b
}

func (f *folder) mark(m *mark) *Mark {
	o, listed := f.file(block.DeletionMarkFile)
	if !listed {
		return nil
	}
	return m.seen(o)
}

// seen is the mark, with what the store says of its object.
func (m *mark) seen(o stores.Object) *Mark {
	if m == nil {
		return nil
	}
	made := &Mark{Details: m.details, Modified: o.Modified, ETag: m.at.etag, Problem: m.problem}
	if m.problem == "" {
		made.Time = time.Unix(m.seconds, 0).UTC()
	}
	return made
}

// NewMark is a mark that was just read.
func NewMark(m block.DeletionMark, o stores.Object) *Mark {
	return (&mark{at: versionOf(o), seconds: m.DeletionTime, details: m.Details}).seen(o)
}

// lacks says which files of meta.json are not there as they should be.
func (f *folder) lacks(d *description) string {
	const most = 5
	var wrong []string
	count := 0
	note := func(format string, args ...any) {
		if count++; count <= most {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	for _, want := range d.files {
		switch o, found := f.file(want.Path); {
		case !found:
			note("%s is missing", want.Path)
		case want.Size != 0 && o.Size != want.Size:
			note("%s has %d bytes of %d", want.Path, o.Size, want.Size)
		}
	}
	if d.chunks && !f.has(block.ChunksDir+"/") {
		note("it has no chunks")
	}
	if count > most {
		wrong = append(wrong, fmt.Sprintf("and %d more", count-most))
	}
	return strings.Join(wrong, ", ")
}

func (f *folder) has(prefix string) bool {
	i, _ := slices.BinarySearchFunc(f.files, prefix, func(o stores.Object, prefix string) int { return strings.Compare(o.Key, prefix) })
	return i < len(f.files) && strings.HasPrefix(f.files[i].Key, prefix)
}
