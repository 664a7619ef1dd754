package source

import (
	"cmp"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// entry is one name in a folder.
type entry struct {
	name string
	mode fs.FileMode
	hash plumbing.Hash
}

// tree returns a folder's entries, sorted by name. They are shared: nobody
// changes them.
func (s *Source) tree(h plumbing.Hash) ([]entry, error) {
	if entries, ok := s.trees.get(h); ok {
		return entries, nil
	}
	found, err := s.objects.read(h)
	if err != nil {
		return nil, err
	}
	var t object.Tree
	if err := t.Decode(found); err != nil {
		return nil, err
	}
	entries := make([]entry, len(t.Entries))
	for i, e := range t.Entries {
		entries[i] = entry{name: e.Name, mode: modeOf(e), hash: e.Hash}
	}
	// git sorts a folder as if its name ended in a slash; fs sorts by name.
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.name == b.name })
	s.trees.put(h, entries)
	return entries, nil
}

// modeOf translates git's modes. Whatever is not a plain file, a folder or a
// symbolic link is irregular: a submodule, and an entry whose name no path can
// hold, such as "..", which git would never write but a hand-made tree may have.
func modeOf(e object.TreeEntry) fs.FileMode {
	if e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00") {
		return fs.ModeIrregular
	}
	switch e.Mode {
	case filemode.Dir:
		return fs.ModeDir | 0o755
	case filemode.Regular, filemode.Deprecated:
		return 0o644
	case filemode.Executable:
		return 0o755
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	}
	return fs.ModeIrregular
}

// treeCache remembers folders by hash: those of one revision are nearly all
// those of the next. When the young half is full, it becomes the old half, and
// what was old and not asked for since is forgotten.
type treeCache struct {
	mu         sync.Mutex
	half       int // entries that one half holds
	count      int
	young, old map[plumbing.Hash][]entry
}

func newTreeCache(entries int) *treeCache {
	return &treeCache{half: entries / 2, young: map[plumbing.Hash][]entry{}}
}

func (c *treeCache) get(h plumbing.Hash) ([]entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if entries, ok := c.young[h]; ok {
		return entries, true
	}
	entries, ok := c.old[h]
	if ok {
		c.keep(h, entries)
	}
	return entries, ok
}

func (c *treeCache) put(h plumbing.Hash, entries []entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[h]; !ok {
		c.keep(h, entries)
	}
}

func (c *treeCache) keep(h plumbing.Hash, entries []entry) {
	if c.count += len(entries) + 1; c.count > c.half {
		c.old, c.young, c.count = c.young, map[plumbing.Hash][]entry{}, len(entries)+1
	}
	c.young[h] = entries
}
