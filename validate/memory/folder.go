package memory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"
)

// maxFile is the size up to which files have digests; what is larger is not read
// by anyone.
const maxFile = 4 << 20

// maxHeld is what is held of files that were read for their digests.
const maxHeld = 16 << 20

// known is a file whose digest is known, as it was then.
type known struct {
	Stamp  stamp
	Digest string
}

// stamp is what a file system says of a file. Of two that are equal, nobody has
// written to the file in between.
type stamp struct {
	Size          int64
	Modified      int64 // nanoseconds since 1970
	Changed       int64 // of the inode, which nobody can set
	Inode, Device uint64
}

// settled says whether a later write would show: times are only as exact as
// the file system's clock, and a write within one tick of it leaves no trace.
func (s stamp) settled(now time.Time) bool {
	margin := 100 * time.Millisecond
	if s.Modified%int64(time.Second) == 0 || s.Changed%int64(time.Second) == 0 {
		margin = 3 * time.Second // that may be all that the file system can say
	}
	last := time.Unix(0, max(s.Modified, s.Changed))
	return last.Add(margin).Before(now)
}

// Folder is a folder of files that know their digests, see
// [repolayout.Digester]. All that is read of it is of one state: each folder is
// listed once, and a file that has another content than its digest said makes
// the memory forget the run. It is safe for concurrent use.
type Folder struct {
	fs.FS
	memory *Memory
	digest func([]byte) string

	mu      sync.Mutex
	listed  map[string][]fs.DirEntry
	digests map[string]string
	before  map[string]known // as it was when the run began
	seen    map[string]known
	ready   map[string][]byte // read for its digest, and wanted next
	held    int               // bytes that are ready
}

// NewFolder returns the folder with what the memory knows of it. The memory may
// be nil; the digest is a SHA-256 if it is.
func NewFolder(fsys fs.FS, m *Memory, digest func([]byte) string) *Folder {
	f := &Folder{
		FS: fsys, memory: m, digest: digest, listed: map[string][]fs.DirEntry{}, digests: map[string]string{},
		seen: map[string]known{}, ready: map[string][]byte{},
	}
	if f.digest == nil {
		f.digest = func(content []byte) string {
			sum := sha256.Sum256(content)
			return hex.EncodeToString(sum[:])
		}
	}
	if m != nil {
		f.before = m.files
	}
	return f
}

// ReadDir lists a folder. Of several that list it at the same time, all get what
// the first has seen.
func (f *Folder) ReadDir(name string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	entries, ok := f.listed[name]
	f.mu.Unlock()
	if ok {
		return slices.Clone(entries), nil
	}
	entries, err := fs.ReadDir(f.FS, name)
	for i, e := range entries {
		if e.Type().IsRegular() {
			entries[i] = &folderEntry{DirEntry: e, folder: f, path: path.Join(name, e.Name())}
		}
	}
	if err != nil {
		return entries, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if first, ok := f.listed[name]; ok {
		entries = first
	}
	f.listed[name] = entries
	return slices.Clone(entries), nil
}

type folderEntry struct {
	fs.DirEntry
	folder *Folder
	path   string
}

// Digest is empty for what cannot be read: whoever reads it will say so.
func (e *folderEntry) Digest() string {
	digest, _ := e.folder.digestOf(e.path, e.Info)
	return digest
}

func (f *Folder) digestOf(name string, stat func() (fs.FileInfo, error)) (string, error) {
	f.mu.Lock()
	digest, ok := f.digests[name]
	f.mu.Unlock()
	if ok {
		return digest, nil
	}
	now := time.Now() // before the file is looked at
	info, err := stat()
	if err != nil || info.Size() > maxFile {
		return "", err
	}
	at, exact := stampOf(info)
	if was, ok := f.before[name]; ok && exact && was.Stamp == at {
		f.note(name, was, nil, true)
		return was.Digest, nil
	}
	content, err := fs.ReadFile(f.FS, name)
	if err != nil || len(content) > maxFile {
		return "", err
	}
	is := known{at, f.digest(content)}
	f.note(name, is, content, exact && at.settled(now))
	return is.Digest, nil
}

// note takes down what a file is. Its content is held for who reads it next, as
// far as that is little: what is not held is read again, and compared.
func (f *Folder) note(name string, is known, content []byte, sure bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.digests[name] = is.Digest
	if sure {
		f.seen[name] = is
	}
	if content != nil && f.held+len(content) <= maxHeld {
		f.ready[name] = content
		f.held += len(content)
	}
}

// ReadFile reads a file, as it was when its digest was taken.
func (f *Folder) ReadFile(name string) ([]byte, error) {
	f.mu.Lock()
	content, ready := f.ready[name]
	delete(f.ready, name)
	f.held -= len(content)
	digest, known := f.digests[name]
	f.mu.Unlock()
	if ready {
		return content, nil
	}
	content, err := fs.ReadFile(f.FS, name)
	if known && f.memory != nil && (err != nil || f.digest(content) != digest) {
		f.memory.tear()
	}
	return content, err
}

// Stat is the file system's own.
func (f *Folder) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.FS, name) }

// Open opens a file or folder.
func (f *Folder) Open(name string) (fs.File, error) {
	f.mu.Lock()
	_, known := f.digests[name]
	f.mu.Unlock()
	if !known {
		return f.FS.Open(name)
	}
	opened, err := f.FS.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := f.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &readFile{File: opened, Reader: bytes.NewReader(content)}, nil
}

// readFile is a file whose content was read.
type readFile struct {
	fs.File
	*bytes.Reader
}

// Read is of the content that was read.
func (r *readFile) Read(p []byte) (int, error) { return r.Reader.Read(p) }

// Keep has the memory know the folder's files as they are now.
func (f *Folder) Keep() {
	if f.memory == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.memory.keepFiles(f.seen)
}
