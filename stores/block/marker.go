package block

import (
	"encoding/json"

	"github.com/oklog/ulid/v2"
)

// DeletionMark is deletion-mark.json: the block goes once a delay is over.
// Until then it can still be read, and the mark taken back.
type DeletionMark struct {
	ID           ulid.ULID `json:"id"`
	Version      int       `json:"version"` // 1
	Details      string    `json:"details,omitempty"`
	DeletionTime int64     `json:"deletion_time"` // Unix seconds, of the marking
}

// NoCompactMark is no-compact-mark.json: compaction leaves the block as it is.
type NoCompactMark struct {
	ID            ulid.ULID `json:"id"`
	Version       int       `json:"version"` // 1
	Details       string    `json:"details,omitempty"`
	NoCompactTime int64     `json:"no_compact_time"` // Unix seconds
	Reason        string    `json:"reason"`
}

// NoDownsampleMark is no-downsample-mark.json: no coarser block is made of it.
type NoDownsampleMark struct {
	ID               ulid.ULID `json:"id"`
	Version          int       `json:"version"` // 1
	Details          string    `json:"details,omitempty"`
	NoDownsampleTime int64     `json:"no_downsample_time"` // Unix seconds
	Reason           string    `json:"reason"`
}

// Marshal gives the bytes that Thanos writes for the same mark.
func (m DeletionMark) Marshal() ([]byte, error) {
	m.Version = 1
	return json.Marshal(m)
}

// Marshal gives the bytes that Thanos writes for the same mark.
func (m NoCompactMark) Marshal() ([]byte, error) {
	m.Version = 1
	return json.Marshal(m)
}

// Marshal gives the bytes that Thanos writes for the same mark.
func (m NoDownsampleMark) Marshal() ([]byte, error) {
	m.Version = 1
	return json.Marshal(m)
}

// ParseDeletionMark reads deletion-mark.json.
func ParseDeletionMark(data []byte) (DeletionMark, error) {
	var m DeletionMark
	err := parseMark(data, DeletionMarkFile, &m, func() (ulid.ULID, int, int64) { return m.ID, m.Version, m.DeletionTime })
	if err != nil {
		return DeletionMark{}, err
	}
	return m, nil
}

// ParseNoCompactMark reads no-compact-mark.json.
func ParseNoCompactMark(data []byte) (NoCompactMark, error) {
	var m NoCompactMark
	err := parseMark(data, NoCompactMarkFile, &m, func() (ulid.ULID, int, int64) { return m.ID, m.Version, m.NoCompactTime })
	if err != nil {
		return NoCompactMark{}, err
	}
	return m, nil
}

// ParseNoDownsampleMark reads no-downsample-mark.json.
func ParseNoDownsampleMark(data []byte) (NoDownsampleMark, error) {
	var m NoDownsampleMark
	err := parseMark(data, NoDownsampleMarkFile, &m, func() (ulid.ULID, int, int64) { return m.ID, m.Version, m.NoDownsampleTime })
	if err != nil {
		return NoDownsampleMark{}, err
	}
	return m, nil
}

// parseMark fills mark and checks what all marks have: of tells it once mark is filled.
func parseMark(data []byte, file string, mark any, of func() (id ulid.ULID, version int, seconds int64)) error {
	if len(data) > MaxMarkerSize {
		return broken(file, "larger than %d bytes", MaxMarkerSize)
	}
	if err := decode(data, mark); err != nil {
		return broken(file, "%w", err)
	}
	switch id, version, seconds := of(); {
	case version != 1:
		return broken(file, "version %d, where 1 is known", version)
	case id == ulid.ULID{}:
		return broken(file, "it has no id")
	case seconds < 0 || seconds > maxTime/1000:
		return broken(file, "no time of a mark: %d", seconds)
	}
	return nil
}
