package github

import "testing"

func TestMemoryForgetsTheOldest(t *testing.T) {
	var m memory[int, string]
	m.drop(1)
	for i := range remembered + 10 {
		m.store(i, "first")
		m.store(i, "second")
	}
	if _, ok := m.load(9); ok || len(m.known) != remembered || len(m.order) != remembered {
		t.Errorf("%d and %d remembered, the tenth among them: %v", len(m.known), len(m.order), ok)
	}
	if v, ok := m.load(10); !ok || v != "second" {
		t.Errorf("the eleventh is %q", v)
	}
	m.drop(remembered)
	m.forget(func(i int) bool { return i%2 == 1 })
	if _, ok := m.load(remembered); ok || len(m.known) != remembered/2-1 || len(m.order) != remembered/2-1 {
		t.Errorf("%d and %d remembered", len(m.known), len(m.order))
	}
}
