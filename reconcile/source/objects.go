package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// objects reads objects by hash from the clone's packs. It is safe for
// concurrent use, which go-git's own storage is not.
type objects struct {
	dir     string
	readers chan struct{} // one for each read at a time
	bases   *cache.ObjectLRU

	mu    sync.RWMutex // held shared while a pack is read
	packs []*pack

	broken struct {
		sync.Mutex
		err error
	}
}

// baseCache is how much of the objects that others are deltas of is kept in
// memory while a revision is read. Chains of deltas run across the whole
// repository, in another order than its paths, and a cache that is too small
// costs ten times the CPU time. It is emptied when a fetch finds nothing new.
const baseCache = 96 * cache.MiByte

func newObjects(dir string, readers int) *objects {
	return &objects{dir: dir, readers: make(chan struct{}, readers), bases: cache.NewObjectLRU(baseCache)}
}

// load takes the packs of the folder in the place of those had so far, reading
// each from end to end: a fetch does not wait for the disk, so after a crash of
// the machine a pack may be there that is not whole.
func (o *objects) load() error {
	paths, err := filepath.Glob(filepath.Join(o.dir, "pack-*.pack"))
	if err != nil {
		return fmt.Errorf("listing packs: %w", err)
	}
	var packs []*pack
	for _, path := range paths {
		p, err := openPack(strings.TrimSuffix(path, ".pack"))
		if err != nil {
			return damaged(err)
		}
		packs = append(packs, p)
	}
	o.swap(packs)
	return nil
}

// swap changes the packs once no read is under way, and closes those that go.
func (o *objects) swap(packs []*pack) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, old := range o.packs {
		if !slices.Contains(packs, old) {
			old.close()
		}
	}
	o.packs = packs
	o.bases.Clear()
	o.broken.Lock()
	o.broken.err = nil
	o.broken.Unlock()
}

func (o *objects) add(p *pack) {
	same := func(old *pack) bool { return old.base == p.base }
	o.swap(append(slices.DeleteFunc(slices.Clone(o.packs), same), p))
}

// replace makes p the only pack. From here on, what only the old ones held is gone.
func (o *objects) replace(p *pack) error {
	old := o.packs
	o.swap([]*pack{p})
	for _, gone := range old {
		if gone.base != p.base {
			if err := gone.remove(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *objects) close() { o.swap(nil) }

// rest gives memory back that only reading on would need.
func (o *objects) rest() { o.bases.Clear() }

// size is the bytes of all packs.
func (o *objects) size() int64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var n int64
	for _, p := range o.packs {
		n += p.bytes
	}
	return n
}

// damage is the first sign of damage that a read came upon.
func (o *objects) damage() error {
	o.broken.Lock()
	defer o.broken.Unlock()
	return o.broken.err
}

func (o *objects) has(h plumbing.Hash) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.find(h) != nil
}

func (o *objects) find(h plumbing.Hash) *pack {
	for _, p := range o.packs {
		if ok, _ := p.index.Contains(h); ok {
			return p
		}
	}
	return nil
}

// read returns an object whole. What is in the packs was measured when it came,
// so it fits into memory.
func (o *objects) read(h plumbing.Hash) (plumbing.EncodedObject, error) {
	var found plumbing.EncodedObject
	err := o.with(h, func(r *packfile.Packfile) (err error) {
		found, err = r.Get(h)
		if err == nil && found.Hash() != h {
			err = errors.New("its content does not match its id")
		}
		return err
	})
	return found, err
}

// measure returns an object's size from its header.
func (o *objects) measure(h plumbing.Hash) (size int64, err error) {
	err = o.with(h, func(r *packfile.Packfile) error {
		offset, err := r.FindOffset(h)
		if err != nil {
			return err
		}
		size, err = r.GetSizeByOffset(offset)
		return err
	})
	return size, err
}

// with runs f on a reader of the pack that holds h.
func (o *objects) with(h plumbing.Hash, f func(*packfile.Packfile) error) error {
	o.readers <- struct{}{}
	defer func() { <-o.readers }()
	o.mu.RLock()
	defer o.mu.RUnlock()
	p := o.find(h)
	if p == nil {
		return fmt.Errorf("%w: %s", errNoObject, h)
	}
	r, err := p.borrow(o.bases)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading object %s: %w", h, err)
	}
	if err == nil {
		if err = f(r); err == nil {
			p.giveBack(r)
			return nil
		}
		_ = r.Close()
	}
	return o.report(damaged(fmt.Errorf("reading object %s: %w", h, err)))
}

// report makes the next fetch begin the clone anew.
func (o *objects) report(err error) error {
	o.broken.Lock()
	defer o.broken.Unlock()
	if o.broken.err == nil {
		o.broken.err = err
	}
	return err
}

func (o *objects) commit(h plumbing.Hash) (*object.Commit, error) {
	found, err := o.read(h)
	if err != nil {
		return nil, err
	}
	return decodeCommit(found)
}

// signedCommit is a commit with its signature and what that is of.
func (o *objects) signedCommit(h plumbing.Hash) (*object.Commit, Signed, error) {
	found, err := o.read(h)
	if err != nil {
		return nil, Signed{}, err
	}
	c, err := decodeCommit(found)
	if err != nil {
		return nil, Signed{}, err
	}
	r, err := found.Reader()
	if err != nil {
		return nil, Signed{}, fmt.Errorf("reading commit %s: %w", h, err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, Signed{}, fmt.Errorf("reading commit %s: %w", h, err)
	}
	return c, splitSignature(raw), nil
}

func decodeCommit(found plumbing.EncodedObject) (*object.Commit, error) {
	c, err := object.DecodeCommit(nil, found)
	if errors.Is(err, object.ErrUnsupportedObject) {
		return nil, &kindError{ErrCommit, found.Hash().String() + " is a " + found.Type().String()}
	}
	return c, err
}

// splitSignature takes the signature out of a commit's header. The rest is,
// byte for byte, what was signed; go-git's own encoding leaves headers out that
// it does not know.
func splitSignature(raw []byte) Signed {
	var s Signed
	header, message, _ := bytes.Cut(raw, []byte("\n\n"))
	inside := false
	var armor strings.Builder
	for line := range bytes.Lines(append(header, '\n')) {
		switch rest, begins := bytes.CutPrefix(line, []byte("gpgsig ")); {
		case begins:
			inside = true
			armor.Write(rest)
		case inside && line[0] == ' ':
			armor.Write(line[1:])
		default:
			inside = false
			s.Payload = append(s.Payload, line...)
		}
	}
	s.Signature = armor.String()
	s.Payload = append(append(s.Payload, '\n'), message...)
	return s
}
