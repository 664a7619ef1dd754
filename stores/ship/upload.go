package ship

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
)

// Upload sends each block that is missing or partial, oldest first and one
// after the other. One that fails does not keep the others back, unless the bucket
// itself is refused; the report then says how all of them stand, beside the error.
func (v *Volume) Upload(ctx context.Context) (Report, error) {
	s, err := v.survey(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("comparing %s with %s: %w", v.Dir, v.Bucket, err)
	}
	var errs []error
	for i, l := range s.blocks {
		b := &s.report.Blocks[i]
		if b.State != Missing && b.State != Partial {
			continue
		}
		err := v.send(ctx, l, s.remote.files[l.id])
		if errors.Is(err, errGone) {
			b.State = Gone
			continue
		}
		if err == nil {
			b.State, b.Why, b.Repaired = Uploaded, "", b.State == Partial
			continue
		}
		b.Why = err.Error()
		errs = append(errs, fmt.Errorf("uploading block %s to %s: %w", l.id, v.Bucket, err))
		if ctx.Err() != nil || errors.Is(err, stores.ErrDenied) || errors.Is(err, stores.ErrNoBucket) {
			break
		}
	}
	s.report.sum()
	return s.report, errors.Join(errs...)
}

// errGone: Prometheus has joined or deleted the block since it was looked at.
var errGone = errors.New("it is no longer on the volume")

// send writes a block's files, of which some may be there, and then looks
// whether the bucket has it whole.
func (v *Volume) send(ctx context.Context, l local, there files) error {
	dir, err := openBlock(filepath.Join(v.Dir, l.id.String()), l.files)
	if err != nil {
		return err
	}
	defer dir.close()
	if err := v.sendFiles(ctx, l, dir, there); err != nil {
		return err
	}
	if err := v.check(ctx, l); err != nil {
		return err
	}
	// What is right stays, with the labels that it had when it came.
	if s := v.seen[l.id]; s.meta != nil && files(l.files).lacks(s.meta.Thanos.Files) == "" {
		return nil
	}
	meta, err := v.meta(l)
	if err != nil {
		return err
	}
	_, err = v.Bucket.Put(ctx, block.Key(l.id, block.MetaFile), bytes.NewReader(meta), int64(len(meta)), stores.Condition{})
	return err
}

// sends is how many files of a block are sent at the same time.
const sends = 4

func (v *Volume) sendFiles(ctx context.Context, l local, dir openFiles, there files) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sends)
	for i, f := range l.files {
		if size, found := there.size(f.Path); found && size == f.Size {
			continue
		}
		group.Go(func() error {
			_, err := v.Bucket.Put(ctx, block.Key(l.id, f.Path), dir[i], f.Size, stores.Condition{})
			return err
		})
	}
	return group.Wait()
}

// check asks the bucket for the sizes of what was sent, before meta.json vouches for them.
func (v *Volume) check(ctx context.Context, l local) error {
	var there files
	for o, err := range v.Bucket.List(ctx, l.id.String()+"/") {
		if err != nil {
			return err
		}
		if _, file, is := block.Split(o.Key); is {
			there = append(there, block.File{Path: file, Size: o.Size})
		}
	}
	if lack := there.lacks(l.files); lack != "" {
		return fmt.Errorf("after the upload, %s", lack)
	}
	return nil
}

// openFiles stay readable when Prometheus deletes the block.
type openFiles []*os.File

func (o openFiles) close() {
	for _, f := range o {
		f.Close()
	}
}

func openBlock(dir string, files []block.File) (opened openFiles, err error) {
	for _, f := range files {
		file, err := os.Open(filepath.Join(dir, f.Path))
		if err != nil {
			opened.close()
			if _, there := os.Stat(dir); errors.Is(there, fs.ErrNotExist) {
				return nil, errGone
			}
			return nil, err
		}
		opened = append(opened, file)
	}
	return opened, nil
}

// thanos is Thanos's section with what it has beside [block.Thanos].
type thanos struct {
	block.Thanos
	UploadTime time.Time `json:"upload_time"`
}

// meta is the volume's meta.json with Thanos's section. All else stays as it stands there.
func (v *Volume) meta(l local) ([]byte, error) {
	section := thanos{UploadTime: v.now().UTC(), Thanos: block.Thanos{
		Version: 1, Labels: v.Labels, Source: "sidecar",
		Files: append(append([]block.File{}, l.files...), block.File{Path: block.MetaFile}),
	}}
	for _, f := range l.files {
		if path.Dir(f.Path) == block.ChunksDir {
			section.SegmentFiles = append(section.SegmentFiles, path.Base(f.Path))
		}
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(l.text, &all); err != nil {
		return nil, err
	}
	text, err := json.Marshal(section)
	if err != nil {
		return nil, err
	}
	all["thanos"] = text
	return json.MarshalIndent(all, "", "\t")
}
