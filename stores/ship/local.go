package ship

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/watchbill/watchbill/stores/block"
)

// local is a block as it lies on the volume.
type local struct {
	id    ulid.ULID
	meta  block.Meta
	text  []byte       // of meta.json
	files []block.File // chunks and index, in the order of upload
	why   string       // it is broken
}

func (l local) bytes() int64 {
	var all int64
	for _, f := range l.files {
		all += f.Size
	}
	return all
}

// scan reads the volume's blocks. Folders that are written or deleted just now
// have other names.
func (v *Volume) scan() ([]local, error) {
	root, err := os.OpenRoot(v.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var found []local
	for _, e := range entries {
		id, is := block.ParseID(e.Name())
		if !is || !e.IsDir() {
			continue
		}
		l, err := v.readLocal(root, id)
		if gone(root, id) {
			continue // Prometheus has joined or deleted it meanwhile
		}
		if err != nil {
			l.why = err.Error()
		}
		found = append(found, l)
	}
	slices.SortFunc(found, func(a, b local) int {
		return cmp.Or(cmp.Compare(a.meta.MinTime, b.meta.MinTime), a.id.Compare(b.id))
	})
	return found, nil
}

func gone(root *os.Root, id ulid.ULID) bool {
	_, err := root.Stat(id.String())
	return errors.Is(err, fs.ErrNotExist)
}

func (v *Volume) readLocal(root *os.Root, id ulid.ULID) (local, error) {
	l := local{id: id}
	sub, err := root.OpenRoot(id.String())
	if err != nil {
		return l, err
	}
	defer sub.Close()
	if l.text, err = readMeta(sub); err != nil {
		return l, err
	}
	if l.meta, err = block.ParseMeta(l.text); err != nil {
		return l, err
	}
	if l.meta.ULID != id {
		return l, fmt.Errorf("its meta.json is of %s", l.meta.ULID)
	}
	if t := l.meta.Thanos; t != nil && len(t.Labels) > 0 && !maps.Equal(t.Labels, v.Labels) {
		return l, fmt.Errorf("its meta.json has other external labels, %v", t.Labels)
	}
	l.files, err = dataFiles(sub)
	return l, err
}

func readMeta(dir *os.Root) ([]byte, error) {
	file, err := dir.Open(block.MetaFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("it has no meta.json")
	} else if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, block.MaxMetaSize+1))
}

// The beginnings of files in Prometheus's format.
var (
	chunksMagic = []byte{0x85, 0xBD, 0x40, 0xDD}
	indexMagic  = []byte{0xBA, 0xAA, 0xD7, 0x00}
)

// dataFiles lists chunks and index, and refuses those that cannot be what they should.
func dataFiles(dir *os.Root) ([]block.File, error) {
	segments, err := fs.ReadDir(dir.FS(), block.ChunksDir)
	if err != nil {
		return nil, fmt.Errorf("its chunks: %w", err)
	}
	var files []block.File
	for i, s := range segments {
		if want := fmt.Sprintf("%06d", i+1); s.Name() != want {
			return nil, fmt.Errorf("its chunks have %s where %s should be", s.Name(), want)
		}
		f, err := dataFile(dir, path.Join(block.ChunksDir, s.Name()), chunksMagic)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, errors.New("it has no chunks")
	}
	index, err := dataFile(dir, block.IndexFile, indexMagic)
	if err != nil {
		return nil, err
	}
	return append(files, index), nil
}

func dataFile(dir *os.Root, name string, magic []byte) (block.File, error) {
	file, err := dir.Open(name)
	if err != nil {
		return block.File{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return block.File{}, err
	}
	head := make([]byte, len(magic))
	if _, err := file.ReadAt(head, 0); err != nil || !bytes.Equal(head, magic) {
		return block.File{}, fmt.Errorf("%s does not begin as it should", name)
	}
	if name == block.IndexFile {
		err = checkTOC(file, info.Size())
	}
	return block.File{Path: name, Size: info.Size()}, err
}

// checkTOC sees by the sum at its end that an index is complete.
func checkTOC(file io.ReaderAt, size int64) error {
	const toc = 6 * 8
	end := make([]byte, toc+4)
	if _, err := file.ReadAt(end, size-int64(len(end))); err != nil {
		return errors.New("its index is too short")
	}
	if crc32.Checksum(end[:toc], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(end[toc:]) {
		return errors.New("its index is cut or damaged")
	}
	return nil
}

// maxShipped bounds the sidecar's list.
const maxShipped = 8 << 20

// shipped reads the sidecar's list of what it once had in the bucket. It is of
// interest only, so a list that cannot be read is none.
func (v *Volume) shipped() map[ulid.ULID]bool {
	ids := map[ulid.ULID]bool{}
	file, err := os.Open(path.Join(v.Dir, "thanos.shipper.json"))
	if err != nil {
		return ids
	}
	defer file.Close()
	var list struct {
		Uploaded []ulid.ULID `json:"uploaded"`
	}
	if json.NewDecoder(io.LimitReader(file, maxShipped)).Decode(&list) == nil {
		for _, id := range list.Uploaded {
			ids[id] = true
		}
	}
	return ids
}
