package github

import (
	"maps"
	"slices"
	"sync"
)

// memory is a map that forgets the oldest; the zero value is ready.
type memory[K comparable, V any] struct {
	mu    sync.Mutex
	known map[K]V
	order []K // oldest first
}

// remembered is how much a memory holds.
const remembered = 1000

func (m *memory[K, V]) load(k K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.known[k]
	return v, ok
}

func (m *memory[K, V]) store(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[K]V{}
	}
	if _, ok := m.known[k]; !ok {
		m.order = append(m.order, k)
	}
	m.known[k] = v
	if len(m.order) > remembered {
		delete(m.known, m.order[0])
		m.order = slices.Delete(m.order, 0, 1)
	}
}

func (m *memory[K, V]) forget(which func(K) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.known, func(k K, _ V) bool { return which(k) })
	m.order = slices.DeleteFunc(m.order, which)
}

// drop forgets one.
func (m *memory[K, V]) drop(k K) {
	m.forget(func(other K) bool { return other == k })
}
