package repolayout

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"
)

// digestFS is a tree in memory that knows digests, as git's does, and counts
// what is opened.
type digestFS struct {
	root *digestNode
	mu   sync.Mutex
	read []string
	fail map[string]error // what opening these paths answers
}

type digestNode struct {
	name     string
	mode     fs.FileMode
	content  []byte
	children []*digestNode
	digest   string
}

func newDigestFS(files map[string]string) *digestFS {
	root := &digestNode{name: ".", mode: fs.ModeDir}
	for name, content := range files {
		n := root
		for part := range strings.SplitSeq(name, "/") {
			n.mode = fs.ModeDir
			n = n.child(part)
		}
		n.content = []byte(content)
	}
	root.seal()
	return &digestFS{root: root, fail: map[string]error{}}
}

func (n *digestNode) child(name string) *digestNode {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	c := &digestNode{name: name}
	n.children = append(n.children, c)
	return c
}

func (n *digestNode) seal() {
	text := "blob" + string(n.content)
	slices.SortFunc(n.children, func(a, b *digestNode) int { return cmp.Compare(a.name, b.name) })
	for _, c := range n.children {
		c.seal()
		text += fmt.Sprintf("\n%s %s %s", c.mode, c.name, c.digest)
	}
	n.digest = contentDigest([]byte(text))[:40]
}

func (f *digestFS) find(name string) *digestNode {
	n := f.root
	if name == "." {
		return n
	}
	for part := range strings.SplitSeq(name, "/") {
		i, ok := slices.BinarySearchFunc(n.children, part, func(c *digestNode, name string) int { return cmp.Compare(c.name, name) })
		if !ok {
			return nil
		}
		n = n.children[i]
	}
	return n
}

func (f *digestFS) Open(name string) (fs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = append(f.read, name)
	n := f.find(name)
	if n == nil {
		return nil, fs.ErrNotExist
	}
	if err := f.fail[name]; err != nil {
		return nil, err
	}
	return &digestFile{digestNode: n, Reader: bytes.NewReader(n.content)}, nil
}

func (f *digestFS) ReadDir(name string) ([]fs.DirEntry, error) {
	n := f.find(name)
	if n == nil {
		return nil, fs.ErrNotExist
	}
	out := make([]fs.DirEntry, 0, len(n.children))
	for _, c := range n.children {
		out = append(out, c)
	}
	return out, nil
}

// opened is what was opened since it was asked last, sorted.
func (f *digestFS) opened() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.read
	slices.Sort(out)
	f.read = nil
	return out
}

func (n *digestNode) Name() string               { return n.name }
func (n *digestNode) IsDir() bool                { return n.mode.IsDir() }
func (n *digestNode) Type() fs.FileMode          { return n.mode.Type() }
func (n *digestNode) Mode() fs.FileMode          { return n.mode }
func (n *digestNode) Info() (fs.FileInfo, error) { return n, nil }
func (n *digestNode) Size() int64                { return int64(len(n.content)) }
func (n *digestNode) ModTime() time.Time         { return time.Time{} }
func (n *digestNode) Sys() any                   { return nil }
func (n *digestNode) Digest() string             { return n.digest }

type digestFile struct {
	*digestNode
	io.Reader
}

func (f *digestFile) Stat() (fs.FileInfo, error) { return f.digestNode, nil }
func (f *digestFile) Close() error               { return nil }
