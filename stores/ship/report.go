package ship

import (
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
)

// State is how a block on the volume stands in the bucket.
type State string

const (
	Whole    State = "whole"    // each file is there with its size
	Uploaded State = "uploaded" // it is whole now, and was not before
	Missing  State = "missing"  // nothing of it is there
	Partial  State = "partial"  // some of it is there
	Covered  State = "covered"  // another block has its samples
	Marked   State = "marked"   // it is there and marked for deletion
	Empty    State = "empty"    // it has no samples
	Broken   State = "broken"   // on the volume, and nowhere in the bucket
	Gone     State = "gone"     // Prometheus joined or deleted it meanwhile
)

// Block is one block of the volume.
type Block struct {
	ID      ulid.ULID `json:"id"`
	State   State     `json:"state"`
	Why     string    `json:"why,omitempty"`
	MinTime int64     `json:"minTime"` // Unix milliseconds, inclusive
	MaxTime int64     `json:"maxTime"` // Unix milliseconds, exclusive
	Level   int       `json:"level"`
	Samples uint64    `json:"samples"`
	Bytes   int64     `json:"bytes"`
	// Shipped says that the sidecar once had it in the bucket.
	Shipped bool `json:"shipped,omitempty"`
	// Repaired is an uploaded block that was partial.
	Repaired bool `json:"repaired,omitempty"`
	// Overlaps are blocks of the same labels and time in the bucket that are not made of it.
	Overlaps []ulid.ULID `json:"overlaps,omitempty"`
}

// Report is how a volume stands, its blocks sorted by time.
type Report struct {
	Bucket string            `json:"bucket"`
	Labels map[string]string `json:"labels"`
	Taken  time.Time         `json:"taken"`
	Blocks []Block           `json:"blocks"`
	Counts map[State]int     `json:"counts"`
	// MissingBytes are of the blocks that are not whole in the bucket and should be.
	MissingBytes  int64 `json:"missingBytes"`
	UploadedBytes int64 `json:"uploadedBytes"`
	// Newest is the end of the newest block of these labels in the bucket; nil if there is none.
	Newest *time.Time `json:"newest,omitempty"`
	// LagSeconds is how long that is ago.
	LagSeconds float64 `json:"lagSeconds,omitempty"`
}

// Complete tells whether every sample of the volume's blocks is in the bucket.
func (r Report) Complete() bool {
	return r.Counts[Missing] == 0 && r.Counts[Partial] == 0 && r.Counts[Broken] == 0
}

// String is one line for people.
func (r Report) String() string {
	text := fmt.Sprintf("%d blocks: %d whole, %d uploaded, %d covered, %d missing, %d partial, %d broken",
		len(r.Blocks), r.Counts[Whole], r.Counts[Uploaded], r.Counts[Covered], r.Counts[Missing], r.Counts[Partial], r.Counts[Broken])
	if r.Newest != nil {
		text += fmt.Sprintf("; the bucket is %s behind", time.Duration(r.LagSeconds*float64(time.Second)).Round(time.Second))
	}
	return text
}

// sum counts anew.
func (r *Report) sum() {
	r.Counts, r.MissingBytes, r.UploadedBytes = map[State]int{}, 0, 0
	for _, b := range r.Blocks {
		r.Counts[b.State]++
		switch b.State {
		case Missing, Partial:
			r.MissingBytes += b.Bytes
		case Uploaded:
			r.UploadedBytes += b.Bytes
		}
		if b.State == Whole || b.State == Uploaded {
			r.reach(b.MaxTime)
		}
	}
}

func (r *Report) reach(milliseconds int64) {
	end := time.UnixMilli(milliseconds).UTC()
	if r.Newest == nil || end.After(*r.Newest) {
		r.Newest, r.LagSeconds = &end, r.Taken.Sub(end).Seconds()
	}
}
