package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores"
	"github.com/watchbill/watchbill/stores/block"
)

// maxObjects is how many objects of one folder are looked at; a block has an
// object for each half gigabyte.
const maxObjects = 100_000

// folder is a block's objects, as listed.
type folder struct {
	id      ulid.ULID
	files   []stores.Object // sorted; the key is the path below the folder
	objects int
	bytes   int64
	newest  time.Time
}

// folders lists the bucket, where the objects of a folder stand side by side,
// and gives each folder once it has ended.
func (r *run) folders(ctx context.Context, give func(folder)) error {
	var f folder
	end := func() {
		if f.objects > 0 {
			give(f)
		}
	}
	last := ""
	for o, err := range r.bucket.List(ctx, "") {
		if err != nil {
			return err
		}
		if o.Key <= last && last != "" {
			return fmt.Errorf("the store lists %q after %q, which is not sorted", o.Key, last)
		}
		last = o.Key
		r.count(o)
		id, file, ok := block.Split(o.Key)
		if !ok {
			r.foreign(o)
			continue
		}
		if id != f.id {
			end()
			f = folder{id: id}
		}
		f.add(file, o)
	}
	end()
	return nil
}

func (f *folder) add(file string, o stores.Object) {
	f.objects++
	f.bytes += o.Size
	if o.Modified.After(f.newest) {
		f.newest = o.Modified
	}
	if len(f.files) < maxObjects {
		o.Key = file
		f.files = append(f.files, o)
	}
}

func (r *run) count(o stores.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inv.Objects++
	r.inv.Bytes += o.Size
}

func (r *run) foreign(o stores.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inv.Foreign++
	r.inv.ForeignBytes += o.Size
}

func (f *folder) file(path string) (stores.Object, bool) {
	i, found := slices.BinarySearchFunc(f.files, path, func(o stores.Object, path string) int { return strings.Compare(o.Key, path) })
	if !found {
		return stores.Object{}, false
	}
	return f.files[i], true
}
