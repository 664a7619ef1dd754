// Package memory keeps what was found out about the files of a monitoring repo
// from one run of a program to the next, so that a run after a small change does
// only what the change asks for.
//
// A [Memory] holds values by [Key]. A key names all that its value depends on, by
// digests of content, so that a value is never out of date: what has changed has
// another key. What the program itself makes of the same content depends on the
// program, which is why a file of another build is not read at all.
//
// [Folder] is the other half: it knows the digests of a folder's files without
// reading those whose size, times and inode are as they were, as git does.
//
// A memory is one file, read whole, checked by its checksum, and replaced whole by
// a rename. One that is damaged, cut short or of another build is as good as none.
// It holds findings, names and places out of the repo and nothing else, and only
// its owner can read it.
package memory

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"
)

// Key names a value by all that it depends on.
type Key [sha256.Size]byte

// KeyOf makes a key of a kind of value and the parts that name it.
func KeyOf(kind string, parts ...string) Key {
	b := appendText(make([]byte, 0, 256), kind)
	for _, part := range parts {
		b = appendText(b, part)
	}
	return sha256.Sum256(b)
}

// Memory is what is known. It is safe for concurrent use. A nil Memory knows
// nothing and keeps nothing.
type Memory struct {
	mu      sync.Mutex
	entries map[Key]entry
	files   map[string]known // of the folder, by path
	today   uint32           // days since 1970
	changed bool
	torn    bool
	path    string
	build   Key
}

// entry is a kept value, and the day on which it was of use last.
type entry struct {
	Used  uint32
	Value string
}

// Recall returns the value of a key, if it is known.
func Recall[T any](m *Memory, key Key) (v T, ok bool) {
	if m == nil {
		return v, false
	}
	m.mu.Lock()
	e, ok := m.entries[key]
	if ok && e.Used != m.today {
		e.Used, m.changed = m.today, true
		m.entries[key] = e
	}
	m.mu.Unlock()
	if !ok {
		return v, false
	}
	v, err := decode[T](e.Value)
	return v, err == nil
}

// Keep remembers the value of a key. What of a value is changed later is not kept.
func Keep[T any](m *Memory, key Key, v T) {
	if m == nil {
		return
	}
	value, err := encode(v)
	if err != nil {
		panic(err) // the type's fault, so the first test finds it
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[key] = entry{Used: m.today, Value: string(value)}
	m.changed = true
}

// tear has nothing of this run kept: files changed while they were read, so that
// what was found may be of neither state.
func (m *Memory) tear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.torn = true
}

func dayOf(t time.Time) uint32 { return uint32(t.Unix() / int64(24*time.Hour/time.Second)) }

func (m *Memory) keepFiles(files map[string]known) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !maps.Equal(m.files, files) {
		m.files, m.changed = files, true
	}
}
