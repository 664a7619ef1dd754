package repolayout

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"unicode/utf8"
)

// maxFile is the size of the largest file that is read.
const maxFile = 4 << 20

// Digester is implemented by the fs.DirEntry or fs.FileInfo of a file system
// that knows the content of files and folders by a digest: git's blob and tree
// ids. Equal digests are trusted to mean equal content, so that what has not
// changed is neither read nor parsed again. An empty digest says nothing.
type Digester interface {
	Digest() string
}

// digestOf asks an entry, and what stands behind it, for its digest.
func digestOf(entry fs.DirEntry) string {
	if d, ok := entry.(Digester); ok {
		return d.Digest()
	}
	if info, err := entry.Info(); err == nil {
		if d, ok := info.(Digester); ok {
			return d.Digest()
		}
	}
	return ""
}

// loaded is a file as it was read and parsed once. It is not changed any more.
type loaded struct {
	*File
	parsed   any // *Stack, *Environment, *TeamSpec, *RuleFile, *ScrapeFile, *CodeOwners; nil where nothing could be read
	problems []Problem
	used     uint64 // the load that used it last
	// passing is set for what may be read the next time, and is not kept.
	passing bool
}

// readContent reads a file of a size that can be borne.
func readContent(fsys fs.FS, it item) ([]byte, error) {
	if info, err := it.entry.Info(); err == nil && info.Size() > maxFile {
		return nil, errTooLarge
	}
	f, err := fsys.Open(it.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errTooLarge
	}
	return content, err
}

var errTooLarge = errors.New("the file is too large")

func contentDigest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// refuse is a file that could not be read. Being too large is its own fault, and
// with a digest that is remembered; everything else may pass.
func refuse(it item, owner, digest string, err error) *loaded {
	r := &report{file: it.path, owner: owner}
	out := &loaded{File: &File{Path: it.path, Digest: digest}, passing: true}
	if errors.Is(err, errTooLarge) {
		r.add(tooLarge, r.at(0, 0), "make several files of it", "the file is larger than %d MiB and is not read", maxFile>>20)
		out.passing = digest == ""
	} else {
		r.add(Unreadable, r.at(0, 0), "", "the file could not be read: %v", err)
	}
	if it.kind == environmentFile { // it is there, though nobody knows what it says
		out.parsed = newEnvironment(out.File)
	}
	out.problems = r.found
	return out
}

// parse reads a file's content as what its place in the layout says it is.
func parse(it item, owner string, f *File) *loaded {
	r := &report{file: f.Path, owner: owner}
	out := &loaded{File: f, parsed: r.parseAs(it, f)}
	out.problems = r.found
	if len(r.found) > 0 {
		SecretsOf(f.Path, f.Content).hideIn(r.found)
	}
	return out
}

// encodingOK wants UTF-8 without NUL bytes and without a byte order mark.
func (r *report) encodingOK(content []byte) bool {
	if bytes.HasPrefix(content, []byte("\uFEFF")) {
		r.add(encoding, r.at(1, 1), "save it as UTF-8 without a byte order mark", "the file begins with a byte order mark")
		return false
	}
	if at := bytes.IndexByte(content, 0); at >= 0 {
		r.add(encoding, r.offset(content, at), "save it as plain UTF-8 text", "the file holds a NUL byte")
		return false
	}
	if utf8.Valid(content) {
		return true
	}
	for at := 0; at < len(content); {
		c, size := utf8.DecodeRune(content[at:])
		if c == utf8.RuneError && size == 1 {
			r.add(encoding, r.offset(content, at), "save it as UTF-8", "the byte 0x%02x is not UTF-8", content[at])
			return false
		}
		at += size
	}
	return true
}
