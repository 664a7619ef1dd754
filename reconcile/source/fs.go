package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

var (
	errSymlink   = errors.New("is a symbolic link, which is not followed")
	errIrregular = errors.New("is a submodule or has an impossible name")
	errIsFolder  = errors.New("is a folder")
	errNoFolder  = errors.New("is not a folder")
)

// Open implements fs.FS. A file's content is read here, so that the error is
// told here.
func (f *FS) Open(name string) (fs.File, error) {
	e, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	info := f.info(e)
	if e.mode.IsDir() {
		entries, err := f.list("open", name, e)
		return &folder{info: info, left: entries}, err
	}
	content, err := f.content("open", name, e)
	if err != nil {
		return nil, err
	}
	info.size = int64(len(content))
	return &file{info: info, Reader: bytes.NewReader(content)}, nil
}

// ReadDir implements fs.ReadDirFS. Every entry has the method Digest() string,
// and so have the results of their Info and of Stat: the id that git gives to
// the content, for a folder to all that is in it. Sizes are not looked up until
// Info is called.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.find("readdir", name)
	if err != nil {
		return nil, err
	}
	return f.list("readdir", name, e)
}

// ReadFile implements fs.ReadFileFS. The bytes are the caller's own.
func (f *FS) ReadFile(name string) ([]byte, error) {
	e, err := f.find("readfile", name)
	if err != nil {
		return nil, err
	}
	return f.content("readfile", name, e)
}

// Stat implements fs.StatFS. It follows no symbolic link.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	e, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}
	return f.stat("stat", name, e)
}

// Lstat implements fs.ReadLinkFS; it is the same as Stat.
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.Stat(name) }

// ReadLink implements fs.ReadLinkFS: it says where a symbolic link points, which
// may be anywhere.
func (f *FS) ReadLink(name string) (string, error) {
	e, err := f.find("readlink", name)
	if err != nil {
		return "", err
	}
	if e.mode.Type() != fs.ModeSymlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := f.blob("readlink", name, e)
	return string(target), err
}

// find goes from folder to folder; a link or submodule on the way is an end.
func (f *FS) find(op, name string) (entry, error) {
	if !fs.ValidPath(name) {
		return entry{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	e := entry{name: ".", mode: fs.ModeDir | 0o755, hash: f.root}
	if name == "." {
		return e, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if !e.mode.IsDir() {
			return entry{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		entries, err := f.src.tree(e.hash)
		if err != nil {
			return entry{}, &fs.PathError{Op: op, Path: name, Err: err}
		}
		i, ok := slices.BinarySearchFunc(entries, part, func(e entry, name string) int { return cmp.Compare(e.name, name) })
		if !ok {
			return entry{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		e = entries[i]
	}
	return e, nil
}

func (f *FS) list(op, name string, e entry) ([]fs.DirEntry, error) {
	if !e.mode.IsDir() {
		return nil, &fs.PathError{Op: op, Path: name, Err: errNoFolder}
	}
	entries, err := f.src.tree(e.hash)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	list := make([]fs.DirEntry, len(entries))
	for i := range entries {
		list[i] = &dirEntry{fsys: f, path: path.Join(name, entries[i].name), entry: entries[i]}
	}
	return list, nil
}

// content is what ReadFile returns: plain files within the limit.
func (f *FS) content(op, name string, e entry) ([]byte, error) {
	switch {
	case e.mode.IsDir():
		return nil, &fs.PathError{Op: op, Path: name, Err: errIsFolder}
	case e.mode.Type() == fs.ModeSymlink:
		return nil, &fs.PathError{Op: op, Path: name, Err: errSymlink}
	case !e.mode.IsRegular():
		return nil, &fs.PathError{Op: op, Path: name, Err: errIrregular}
	}
	return f.blob(op, name, e)
}

func (f *FS) blob(op, name string, e entry) ([]byte, error) {
	found, err := f.src.objects.read(e.hash)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	if most := f.src.opts.MaxFileBytes; found.Size() > most {
		err := fmt.Errorf("%w: %d bytes, and at most %d are read", ErrFileSize, found.Size(), most)
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	b, err := content(found)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return b, nil
}

func (f *FS) info(e entry) fileInfo { return fileInfo{entry: e, time: f.time} }

// stat adds the size of files and links; a submodule has none here.
func (f *FS) stat(op, name string, e entry) (fs.FileInfo, error) {
	info := f.info(e)
	if e.mode.IsRegular() || e.mode.Type() == fs.ModeSymlink {
		var err error
		if info.size, err = f.src.objects.measure(e.hash); err != nil {
			return nil, &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	return info, nil
}

type dirEntry struct {
	fsys *FS
	path string
	entry
}

func (d *dirEntry) Name() string               { return d.name }
func (d *dirEntry) IsDir() bool                { return d.mode.IsDir() }
func (d *dirEntry) Type() fs.FileMode          { return d.mode.Type() }
func (d *dirEntry) Info() (fs.FileInfo, error) { return d.fsys.stat("stat", d.path, d.entry) }
func (d *dirEntry) Digest() string             { return d.hash.String() }
func (d *dirEntry) String() string             { return fs.FormatDirEntry(d) }

type fileInfo struct {
	entry
	size int64
	time time.Time
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.mode }
func (i fileInfo) ModTime() time.Time { return i.time }
func (i fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) Digest() string     { return i.hash.String() }
func (i fileInfo) String() string     { return fs.FormatFileInfo(i) }

// file is an open file, its content already in memory.
type file struct {
	*bytes.Reader
	info fileInfo
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

// folder is an open folder.
type folder struct {
	info fileInfo
	left []fs.DirEntry
}

func (d *folder) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *folder) Close() error               { return nil }
func (d *folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: errIsFolder}
}

// ReadDir implements fs.ReadDirFile.
func (d *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.left) {
		if n > 0 && len(d.left) == 0 {
			return nil, io.EOF
		}
		n = len(d.left)
	}
	list := d.left[:n:n]
	d.left = d.left[n:]
	return list, nil
}
