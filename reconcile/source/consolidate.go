package source

import (
	"bufio"
	"cmp"
	"crypto/sha1" // git's own checksum of a pack, against accidents
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// mostPacks is how many packs the clone may have before some become one. Every
// fetch adds one, and each costs every lookup a little, and a file descriptor.
const mostPacks = 20

// consolidate joins small packs into one when there are many. The largest packs
// are left alone while they outweigh all smaller ones together, so a byte is
// copied a logarithmic number of times only.
func (o *objects) consolidate() error {
	if len(o.packs) <= mostPacks {
		return nil
	}
	packs := slices.Clone(o.packs)
	slices.SortFunc(packs, func(a, b *pack) int { return cmp.Compare(a.bytes, b.bytes) })
	var sum int64
	n := 0
	for n < len(packs) && (len(packs)-n >= mostPacks/2 || packs[n].bytes <= 2*sum) {
		sum += packs[n].bytes
		n++
	}
	small, kept := distinct(packs[:n])
	if len(small) < 2 {
		return nil
	}
	joined, err := join(o.dir, small)
	if err != nil {
		return err
	}
	o.swap(append(append(kept, packs[n:]...), joined))
	for _, p := range small {
		if err := p.remove(); err != nil {
			return err
		}
	}
	return nil
}

// distinct splits packs into those that share no object and the rest: git wants
// each object once in a pack. A server sends an object again only after a
// force-push, so the rest is small; it goes with the next full download.
func distinct(packs []*pack) (apart, rest []*pack) {
	seen := map[plumbing.Hash]bool{}
	for _, p := range packs {
		entries, err := entriesOf(p)
		if err != nil || slices.ContainsFunc(entries, func(e *idxfile.Entry) bool { return seen[e.Hash] }) {
			rest = append(rest, p)
			continue
		}
		for _, e := range entries {
			seen[e.Hash] = true
		}
		apart = append(apart, p)
	}
	return apart, rest
}

func entriesOf(p *pack) ([]*idxfile.Entry, error) {
	iter, err := p.index.Entries()
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var entries []*idxfile.Entry
	for {
		e, err := iter.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
}

const packHeader = 12 // "PACK", version, number of objects

// join writes the objects of several packs into one, byte for byte. That is
// possible as a delta names its base by the distance to it, or by its id, and
// every pack that comes to us has all its bases inside.
func join(dir string, packs []*pack) (_ *pack, err error) {
	f, err := os.CreateTemp(dir, temporary)
	if err != nil {
		return nil, fmt.Errorf("joining packs: %w", err)
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	w := &packWriter{sum: sha1.New()}
	w.out = bufio.NewWriterSize(io.MultiWriter(f, w.sum), 256<<10)
	if err := w.header(packs); err != nil {
		return nil, fmt.Errorf("joining packs: %w", err)
	}
	for _, p := range packs {
		if err := w.body(p); err != nil {
			return nil, fmt.Errorf("joining packs: %w", err)
		}
	}
	if err := w.footer(f); err != nil {
		return nil, fmt.Errorf("joining packs: %w", err)
	}
	index, err := w.index.Index()
	if err != nil {
		return nil, fmt.Errorf("joining packs: %w", err)
	}
	return place(dir, f, w.at+sha1.Size, index)
}

// packWriter writes a pack and its index side by side.
type packWriter struct {
	out   *bufio.Writer
	sum   hash.Hash
	at    int64
	index idxfile.Writer
}

func (w *packWriter) header(packs []*pack) error {
	var count int64
	for _, p := range packs {
		n, err := p.index.Count()
		if err != nil {
			return err
		}
		count += n
	}
	head := append([]byte("PACK"), 0, 0, 0, 2)
	head = binary.BigEndian.AppendUint32(head, uint32(count))
	w.at = packHeader
	_, err := w.out.Write(head)
	return errors.Join(err, w.index.OnHeader(uint32(count)))
}

func (w *packWriter) body(p *pack) error {
	entries, err := entriesOf(p)
	if err != nil {
		return err
	}
	for _, e := range entries {
		w.index.Add(e.Hash, e.Offset+uint64(w.at-packHeader), e.CRC32)
	}
	in, err := os.Open(p.base + ".pack")
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := in.Seek(packHeader, io.SeekStart); err != nil {
		return err
	}
	n, err := io.CopyN(w.out, in, p.bytes-packHeader-sha1.Size)
	w.at += n
	return err
}

func (w *packWriter) footer(f io.Writer) error {
	if err := w.out.Flush(); err != nil {
		return err
	}
	sum := plumbing.Hash(w.sum.Sum(nil))
	if _, err := f.Write(sum[:]); err != nil {
		return err
	}
	return w.index.OnFooter(sum)
}
