package block

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// Bounds of what is read. Thanos's largest blocks, of two weeks and some
// hundred gigabytes, stay a hundred times below them.
const (
	MaxMetaSize   = 8 << 20
	MaxMarkerSize = 64 << 10

	maxSources  = 100_000
	maxFiles    = 100_000
	maxLabels   = 1_000
	maxText     = 4 << 10 // a label's name or value, a file's path
	maxFileSize = 1 << 50

	// Times of which [time.Time] knows how to write a date: the years 1 to 9999.
	minTime = -62_135_596_800_000
	maxTime = 253_402_300_799_999
	// Prometheus compacts to at most a tenth of its retention, Thanos to two weeks.
	maxRange = 10 * 366 * 24 * 60 * 60 * 1000
)

// ErrBroken is wrapped by every error that is about what stands in a file. To
// read it again does not help; all other errors may pass.
var ErrBroken = errors.New("not as it should be")

func broken(file, format string, args ...any) error {
	return fmt.Errorf("%s is %w: %w", file, ErrBroken, fmt.Errorf(format, args...))
}

// ParseMeta reads meta.json. What is taken is safe to use: its paths stay below
// the block's folder, sums and differences of its numbers do not overflow, and
// its times can be written as dates. Fields that it does not know are left out,
// as upstream adds some.
func ParseMeta(data []byte) (Meta, error) {
	var m Meta
	if len(data) > MaxMetaSize {
		return m, broken(MetaFile, "larger than %d bytes", MaxMetaSize)
	}
	if err := decode(data, &m); err != nil {
		return Meta{}, broken(MetaFile, "%w", err)
	}
	if err := m.check(); err != nil {
		return Meta{}, broken(MetaFile, "%w", err)
	}
	return m, nil
}

// decode reads one JSON value that is all of data.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the end")
	}
	return nil
}

func (m Meta) check() error {
	switch {
	case m.Version != 1:
		return fmt.Errorf("version %d, where 1 is known", m.Version)
	case m.ULID == ulid.ULID{}:
		return errors.New("it has no ulid")
	case m.MinTime < minTime || m.MaxTime > maxTime || m.MinTime >= m.MaxTime || m.MaxTime-m.MinTime > maxRange:
		return fmt.Errorf("no time range of a block: from %d to %d", m.MinTime, m.MaxTime)
	case m.Compaction.Level < 0 || m.Compaction.Level > 1000:
		return fmt.Errorf("no compaction level: %d", m.Compaction.Level)
	case len(m.Compaction.Sources) > maxSources:
		return fmt.Errorf("made of more than %d blocks", maxSources)
	case m.Thanos == nil:
		return nil
	}
	return m.Thanos.check()
}

func (t Thanos) check() error {
	switch {
	case t.Version != 0 && t.Version != 1:
		return fmt.Errorf("version %d of Thanos's part, where 1 is known", t.Version)
	case !slices.Contains([]int64{Raw, FiveMinutes, OneHour}, t.Downsample.Resolution):
		return fmt.Errorf("no resolution of Thanos: %d ms", t.Downsample.Resolution)
	case len(t.Source) > maxText:
		return errors.New("the source is too long")
	case len(t.Files) > maxFiles || len(t.SegmentFiles) > maxFiles:
		return fmt.Errorf("more than %d files", maxFiles)
	case len(t.Labels) > maxLabels:
		return fmt.Errorf("more than %d labels", maxLabels)
	}
	for name, value := range t.Labels {
		if name == "" || len(name) > maxText || !utf8.ValidString(name) {
			return fmt.Errorf("no name of a label: %.80q", name)
		}
		if len(value) > maxText || !utf8.ValidString(value) {
			return fmt.Errorf("no value of a label: %s=%.80q", name, value)
		}
	}
	for _, f := range t.Files {
		if !validPath(f.Path) {
			return fmt.Errorf("no path of a file: %.80q", f.Path)
		}
		if f.Size < 0 || f.Size > maxFileSize {
			return fmt.Errorf("no size of a file: %s of %d bytes", f.Path, f.Size)
		}
	}
	for _, name := range t.SegmentFiles {
		if !validPath(name) || strings.Contains(name, "/") {
			return fmt.Errorf("no name of a segment file: %.80q", name)
		}
	}
	return nil
}

// validPath is for paths below a block's folder, in the bucket and on a volume.
func validPath(p string) bool {
	return fs.ValidPath(p) && p != "." && len(p) <= maxText && !strings.ContainsAny(p, "\\\x00")
}
