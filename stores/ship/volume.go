package ship

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
)

// Volume is a Prometheus data folder, or a snapshot of one, and where its
// blocks go. It remembers what it has read of the bucket, so that to look again
// costs a listing; it is not for use by several goroutines.
type Volume struct {
	Dir    string
	Bucket stores.Bucket
	// Labels are the external labels: what tells blocks of one Prometheus from those of another.
	Labels map[string]string
	// Now is the clock; nil is the real one.
	Now func() time.Time

	seen map[ulid.ULID]seen
}

// Compare looks at a volume once.
func Compare(ctx context.Context, dir string, b stores.Bucket, labels map[string]string) (Report, error) {
	return (&Volume{Dir: dir, Bucket: b, Labels: labels}).Compare(ctx)
}

// Upload looks at a volume and sends what is missing.
func Upload(ctx context.Context, dir string, b stores.Bucket, labels map[string]string) (Report, error) {
	return (&Volume{Dir: dir, Bucket: b, Labels: labels}).Upload(ctx)
}

func (v *Volume) now() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

// Compare says how the volume's blocks stand in the bucket, and changes nothing.
func (v *Volume) Compare(ctx context.Context) (Report, error) {
	s, err := v.survey(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("comparing %s with %s: %w", v.Dir, v.Bucket, err)
	}
	return s.report, nil
}

// survey is a report and what it was made of, block by block.
type survey struct {
	report Report
	blocks []local
	remote *remote
}

func (v *Volume) survey(ctx context.Context) (*survey, error) {
	if len(v.Labels) == 0 {
		return nil, errors.New("there are no external labels, without which blocks cannot be told from those of others; set them in Prometheus's configuration")
	}
	blocks, err := v.scan()
	if err != nil {
		return nil, err
	}
	r, err := v.list(ctx, blocks)
	if err != nil {
		return nil, err
	}
	if err := v.fetch(ctx, r, blocks); err != nil {
		return nil, err
	}
	s := &survey{blocks: blocks, remote: r, report: Report{
		Bucket: v.Bucket.String(), Labels: v.Labels, Taken: v.now().UTC(), Blocks: []Block{},
	}}
	shipped := v.shipped()
	for _, l := range blocks {
		b := v.judge(l, r)
		b.Shipped = shipped[l.id]
		s.report.Blocks = append(s.report.Blocks, b)
	}
	for _, m := range r.known {
		s.report.reach(m.MaxTime)
	}
	s.report.sum()
	return s, nil
}

// judge says how one block stands.
func (v *Volume) judge(l local, r *remote) Block {
	b := Block{
		ID: l.id, MinTime: l.meta.MinTime, MaxTime: l.meta.MaxTime, Level: l.meta.Compaction.Level,
		Samples: l.meta.Stats.NumSamples, Bytes: l.bytes(),
	}
	there := r.files[l.id]
	_, marked := there.size(block.DeletionMarkFile)
	lack := v.lacks(l, there)
	switch {
	case marked:
		b.State = Marked
	case lack == "":
		b.State, b.Why = Whole, v.remark(l)
	case l.why == "" && b.Samples == 0:
		b.State = Empty
	default:
		if by := r.covered(l); by != "" {
			b.State, b.Why = Covered, by
		} else if l.why != "" {
			b.State, b.Why = Broken, l.why
		} else if len(there) > 0 {
			b.State, b.Why = Partial, lack
		} else {
			b.State, b.Overlaps = Missing, r.overlaps(l)
		}
	}
	return b
}

// remark says what is odd about a block that is whole.
func (v *Volume) remark(l local) string {
	switch {
	case l.why != "":
		return "on the volume it is broken: " + l.why
	case !v.ours(v.seen[l.id].meta):
		return "in the bucket it has other external labels"
	}
	return ""
}
