package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// pack is one file of objects and its index, which is held in memory and shared
// by all readers of the file.
type pack struct {
	base  string // path without .pack or .idx
	bytes int64
	index *idxfile.MemoryIndex

	mu   sync.Mutex
	idle []*packfile.Packfile
}

// openPack reads the index and checks the whole pack against it.
func openPack(base string) (*pack, error) {
	f, err := os.Open(base + ".idx")
	if err != nil {
		return nil, fmt.Errorf("opening a pack: %w", err)
	}
	defer f.Close()
	index := idxfile.NewMemoryIndex()
	if err := idxfile.NewDecoder(f).Decode(index); err != nil {
		return nil, fmt.Errorf("opening pack %s: its index: %w", filepath.Base(base), err)
	}
	size, sum, err := checksum(base + ".pack")
	if err != nil {
		return nil, fmt.Errorf("opening pack %s: %w", filepath.Base(base), err)
	}
	if sum != index.PackfileChecksum {
		return nil, fmt.Errorf("opening pack %s: it is not the one that its index is of", filepath.Base(base))
	}
	return &pack{base: base, bytes: size, index: index}, nil
}

// borrow returns a reader for one goroutine, until giveBack.
func (p *pack) borrow(bases cache.Object) (*packfile.Packfile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		r := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return r, nil
	}
	dir, name := filepath.Split(p.base + ".pack")
	f, err := osfs.New(dir, osfs.WithBoundOS()).Open(name)
	if err != nil {
		return nil, err
	}
	return packfile.NewPackfileWithCache(p.index, nil, f, bases, 0), nil
}

func (p *pack) giveBack(r *packfile.Packfile) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, r)
}

// close must not be called while a reader is borrowed.
func (p *pack) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.idle {
		_ = r.Close()
	}
	p.idle = nil
}

// remove deletes the files, the pack first: an index alone is passed over.
func (p *pack) remove() error {
	for _, ext := range []string{".pack", ".idx"} {
		if err := os.Remove(p.base + ext); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing an old pack: %w", err)
		}
	}
	return nil
}

// content is an object's bytes, which the caller may keep and change.
func content(o plumbing.EncodedObject) ([]byte, error) {
	r, err := o.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, o.Size())
	_, err = io.ReadFull(r, b)
	return b, err
}
