package source

import (
	"crypto/sha1" // git's own checksum of a pack, against accidents
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// temporary begins the name of every file that is not yet part of the clone.
const temporary = "tmp-"

// receive writes a pack into dir, checks and indexes it, and puts it in place.
// go-git's own writer would hold no limit and, when a pack breaks off, leave its
// files open and behind.
func receive(dir string, from io.Reader, most, mostObject int64) (_ *pack, err error) {
	f, err := os.CreateTemp(dir, temporary)
	if err != nil {
		return nil, fmt.Errorf("storing a pack: %w", err)
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	size, err := io.Copy(f, io.LimitReader(from, most+1))
	if err != nil {
		return nil, fmt.Errorf("receiving a pack: %w", err)
	}
	if size > most {
		return nil, &kindError{ErrSize, fmt.Sprintf("one fetch would bring more than %d MiB", most>>20)}
	}
	_, sum, err := checksum(f.Name())
	if err != nil {
		return nil, broken(err)
	}
	if err := checkObjects(f, mostObject); err != nil {
		return nil, err
	}
	index, err := indexPack(f)
	if err != nil {
		return nil, err
	}
	if index.PackfileChecksum != sum {
		return nil, broken(errors.New("something follows its last object"))
	}
	return place(dir, f, size, index)
}

// checkObjects finds objects that are too large before anybody reads them into
// memory: a few bytes of a pack can stand for gigabytes.
func checkObjects(f io.ReadSeeker, most int64) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading a received pack: %w", err)
	}
	scan := packfile.NewScanner(f)
	_, count, err := scan.Header()
	for ; err == nil && count > 0; count-- {
		var head *packfile.ObjectHeader
		if head, err = scan.NextObjectHeader(); err != nil {
			break
		}
		size, start := head.Length, &beginning{}
		if size <= most {
			if _, _, err = scan.NextObject(start); err != nil {
				break
			}
			if head.Type.IsDelta() {
				size, err = deltaTarget(start.bytes)
			}
		}
		if err == nil && size > most {
			return &kindError{ErrSize, fmt.Sprintf("a file of its history has %d MiB, more than the %d MiB that are taken", size>>20, most>>20)}
		}
	}
	return broken(err)
}

// broken marks an error in what was received. It is the network's fault or the
// server's, and another try may go well.
func broken(err error) error {
	if err == nil {
		return nil
	}
	return &kindError{ErrUnreachable, "the pack that came is not whole: " + err.Error()}
}

// beginning keeps the first bytes that are written to it: enough for a delta's
// two sizes.
type beginning struct{ bytes []byte }

// Write implements io.Writer and never fails.
func (b *beginning) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p[:min(len(p), 20-len(b.bytes))]...)
	return len(p), nil
}

// deltaTarget reads the size of what a delta makes, which is the second of the
// two numbers that it begins with.
func deltaTarget(delta []byte) (int64, error) {
	_, n := binary.Uvarint(delta) // the size of what it is applied to
	if n > 0 {
		if size, m := binary.Uvarint(delta[n:]); m > 0 && size <= math.MaxInt64 {
			return int64(size), nil
		}
	}
	return 0, errors.New("a delta's sizes are malformed")
}

// indexPack finds every object's id and offset, and checks the pack's own sum.
func indexPack(f io.ReadSeeker) (*idxfile.MemoryIndex, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("indexing a received pack: %w", err)
	}
	writer := &idxfile.Writer{}
	parser, err := packfile.NewParser(packfile.NewScanner(f), writer)
	if err != nil {
		return nil, fmt.Errorf("indexing a received pack: %w", err)
	}
	if _, err := parser.Parse(); err != nil {
		return nil, broken(err)
	}
	return writer.Index()
}

// place writes the index beside the pack and gives both their names. Readers
// look for packs, so the pack comes last.
func place(dir string, f *os.File, size int64, index *idxfile.MemoryIndex) (*pack, error) {
	base := filepath.Join(dir, "pack-"+plumbing.Hash(index.PackfileChecksum).String())
	idx, err := os.CreateTemp(dir, temporary)
	if err != nil {
		return nil, fmt.Errorf("storing a pack's index: %w", err)
	}
	_, err = idxfile.NewEncoder(idx).Encode(index)
	if err = errors.Join(err, idx.Close()); err == nil {
		err = os.Rename(idx.Name(), base+".idx")
	}
	if err != nil {
		_ = os.Remove(idx.Name())
		return nil, fmt.Errorf("storing a pack's index: %w", err)
	}
	if err := os.Rename(f.Name(), base+".pack"); err != nil {
		return nil, fmt.Errorf("storing a pack: %w", err)
	}
	return &pack{base: base, bytes: size, index: index}, nil
}

// checksum reads a pack to its end and returns its size and its sum, if that is
// the one that it ends with.
func checksum(path string) (int64, [sha1.Size]byte, error) {
	var said, sum [sha1.Size]byte
	f, err := os.Open(path)
	if err != nil {
		return 0, sum, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, sum, err
	}
	hash := sha1.New()
	if _, err := io.CopyN(hash, f, max(info.Size()-sha1.Size, 0)); err != nil {
		return 0, sum, err
	}
	if _, err := io.ReadFull(f, said[:]); err != nil {
		return 0, sum, err
	}
	if hash.Sum(sum[:0]); sum != said {
		return 0, sum, errors.New("its checksum does not fit its content")
	}
	return info.Size(), sum, nil
}
