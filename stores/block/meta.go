// Package block is how Thanos lays blocks out in a bucket, and Prometheus on a
// volume: one folder for each block, named by its ULID, with meta.json, index
// and chunks in it, and in the bucket markers beside them.
//
// Whatever is read here was written by somebody else: sizes, names, times and
// versions are checked before they are used.
package block

import (
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"
)

// Names of files of a block, below its folder.
const (
	MetaFile             = "meta.json"
	IndexFile            = "index"
	ChunksDir            = "chunks"
	DeletionMarkFile     = "deletion-mark.json"
	NoCompactMarkFile    = "no-compact-mark.json"
	NoDownsampleMarkFile = "no-downsample-mark.json"
)

// The resolutions of Thanos's blocks, in milliseconds between two samples.
const (
	Raw         int64 = 0
	FiveMinutes int64 = 5 * 60 * 1000
	OneHour     int64 = 60 * 60 * 1000
)

// Meta is meta.json: Prometheus's part, and Thanos's beside it.
type Meta struct {
	Version    int        `json:"version"` // 1
	ULID       ulid.ULID  `json:"ulid"`
	MinTime    int64      `json:"minTime"` // Unix milliseconds, inclusive
	MaxTime    int64      `json:"maxTime"` // Unix milliseconds, exclusive
	Stats      Stats      `json:"stats"`
	Compaction Compaction `json:"compaction"`
	// Thanos is nil in a block on Prometheus's volume.
	Thanos *Thanos `json:"thanos,omitempty"`
}

// Stats are numbers of what is in a block.
type Stats struct {
	NumSamples    uint64 `json:"numSamples,omitempty"`
	NumSeries     uint64 `json:"numSeries,omitempty"`
	NumChunks     uint64 `json:"numChunks,omitempty"`
	NumTombstones uint64 `json:"numTombstones,omitempty"`
}

// Compaction is how a block came about.
type Compaction struct {
	Level   int         `json:"level"`
	Sources []ulid.ULID `json:"sources,omitempty"` // the first blocks that it is made of
	// Failed blocks are not compacted again.
	Failed bool `json:"failed,omitempty"`
	// Parents, hints and whatever else stands there is not read: who uploads
	// a block keeps the file's own text.
}

// Thanos is what Thanos adds to meta.json.
type Thanos struct {
	Version      int               `json:"version,omitempty"` // 1, or nothing in old blocks
	Labels       map[string]string `json:"labels"`            // the external labels
	Downsample   Downsample        `json:"downsample"`
	Source       string            `json:"source"`                  // sidecar, compactor, …
	SegmentFiles []string          `json:"segment_files,omitempty"` // names below chunks/, in old blocks
	Files        []File            `json:"files,omitempty"`
}

// Downsample is a block's resolution.
type Downsample struct {
	Resolution int64 `json:"resolution"` // Raw, FiveMinutes or OneHour
}

// File is one file of a block, by its path below the block's folder.
type File struct {
	Path string `json:"rel_path"`
	Size int64  `json:"size_bytes,omitempty"` // 0 for meta.json itself
}

// Key is the key of a block's file in a bucket.
func Key(id ulid.ULID, file string) string {
	return id.String() + "/" + file
}

// Split is the reverse of Key. What is not a file below a block's folder, such
// as the marker of an empty folder, is not ok.
func Split(key string) (id ulid.ULID, file string, ok bool) {
	folder, file, ok := strings.Cut(key, "/")
	if !ok || !validPath(file) {
		return ulid.ULID{}, "", false
	}
	if id, ok = ParseID(folder); !ok {
		return ulid.ULID{}, "", false
	}
	return id, file, true
}

// ParseID reads the name of a block's folder. Only the one form that a ULID is
// written in is taken, as two names of one block would be two folders.
func ParseID(folder string) (ulid.ULID, bool) {
	id, err := ulid.ParseStrict(folder)
	return id, err == nil && id.String() == folder
}

// ResolutionName is how people write a resolution.
func ResolutionName(ms int64) string {
	switch ms {
	case Raw:
		return "raw"
	case FiveMinutes:
		return "5m"
	case OneHour:
		return "1h"
	}
	return strconv.FormatInt(ms, 10) + "ms"
}
