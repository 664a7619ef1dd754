package memory

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// thisBuild is equal only for the same program: with other checks, or another
// Prometheus in it, it finds other things in the same files.
var thisBuild = sync.OnceValues(func() (Key, error) {
	path, err := os.Executable()
	if err != nil {
		return Key{}, fmt.Errorf("find this program: %w", err)
	}
	return buildOf(path)
})

// buildOf is of the linker's build id, which covers the whole program and stands
// at its beginning, or of the program itself where it has none.
func buildOf(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("read this program: %w", err)
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return Key{}, fmt.Errorf("read this program: %w", err)
	}
	if id := buildID(head[:n]); len(id) > 0 {
		return KeyOf("build", string(id)), nil
	}
	h := sha256.New()
	h.Write(head[:n])
	if _, err := io.Copy(h, f); err != nil {
		return Key{}, fmt.Errorf("read this program: %w", err)
	}
	return Key(h.Sum(nil)), nil
}

// buildID finds the id where the Go linker puts it: in a note of an ELF file, or
// as a text before the code.
func buildID(head []byte) []byte {
	note := []byte("\x04\x00\x00\x00Go\x00\x00") // its type and name; before them stand two sizes
	if at := bytes.Index(head, note); at >= 8 {
		id := head[at+len(note):]
		if n := binary.LittleEndian.Uint32(head[at-4:]); n < uint32(len(id)) {
			return id[:n]
		}
	}
	if _, after, ok := bytes.Cut(head, []byte("\xff Go build ID: \"")); ok {
		id, _, _ := bytes.Cut(after, []byte("\"\n \xff"))
		return id
	}
	return nil
}
