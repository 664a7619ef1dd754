package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// treeEntry is an entry of a git tree: fs.DirEntry and fs.FileInfo in one.
type treeEntry struct {
	name, path string
	mode       filemode.FileMode
	id         plumbing.Hash
	size       int64
	of         *treeFS
}

func (e treeEntry) Name() string       { return e.name }
func (e treeEntry) IsDir() bool        { return e.mode == filemode.Dir }
func (e treeEntry) Type() fs.FileMode  { return e.Mode().Type() }
func (e treeEntry) ModTime() time.Time { return e.of.time }
func (e treeEntry) Sys() any           { return nil }
func (e treeEntry) Size() int64        { return e.size }

// Digest is git's id of the content; see repolayout.Digester.
func (e treeEntry) Digest() string { return e.id.String() }

// Mode of what is no file, folder or link (a submodule) is irregular.
func (e treeEntry) Mode() fs.FileMode {
	if mode, err := e.mode.ToOSFileMode(); err == nil && e.mode != filemode.Submodule {
		return mode
	}
	return fs.ModeIrregular
}

// Info adds the size of a file.
func (e treeEntry) Info() (fs.FileInfo, error) {
	if e.mode.IsFile() {
		e.of.mu.Lock()
		defer e.of.mu.Unlock()
		size, err := e.of.tree.Size(e.path)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", e.path, err)
		}
		e.size = size
	}
	return e, nil
}

// treeFile is an open file, its content in memory.
type treeFile struct {
	treeEntry
	*bytes.Reader
}

func (f *treeFile) Size() int64                { return f.size }
func (f *treeFile) Stat() (fs.FileInfo, error) { return f.treeEntry, nil }
func (f *treeFile) Close() error               { return nil }

// treeFolder is an open folder.
type treeFolder struct {
	treeEntry
	left []fs.DirEntry
}

func (f *treeFolder) Stat() (fs.FileInfo, error) { return f.treeEntry, nil }
func (f *treeFolder) Close() error               { return nil }
func (f *treeFolder) Read([]byte) (int, error)   { return 0, fs.ErrInvalid }

// ReadDir implements fs.ReadDirFile.
func (f *treeFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(f.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(f.left) {
		n = len(f.left)
	}
	list := f.left[:n:n]
	f.left = f.left[n:]
	return list, nil
}
