package routes

import "math/bits"

// atoms is a set of the atoms of one label, by their numbers.
type atoms []uint64

func newAtoms(n int) atoms { return make(atoms, (n+63)/64) }

func allAtoms(n int) atoms {
	a := newAtoms(n)
	for i := range n {
		a.add(i)
	}
	return a
}

func (a atoms) add(i int)      { a[i/64] |= 1 << (i % 64) }
func (a atoms) has(i int) bool { return a[i/64]&(1<<(i%64)) != 0 }

func (a atoms) empty() bool {
	for _, word := range a {
		if word != 0 {
			return false
		}
	}
	return true
}

func (a atoms) meets(b atoms) bool {
	for i := range a {
		if a[i]&b[i] != 0 {
			return true
		}
	}
	return false
}

// within says whether every atom of a is one of b.
func (a atoms) within(b atoms) bool {
	for i := range a {
		if a[i]&^b[i] != 0 {
			return false
		}
	}
	return true
}

func (a atoms) and(b atoms) atoms {
	out := make(atoms, len(a))
	for i := range a {
		out[i] = a[i] & b[i]
	}
	return out
}

func (a atoms) less(b atoms) atoms {
	out := make(atoms, len(a))
	for i := range a {
		out[i] = a[i] &^ b[i]
	}
	return out
}

// each calls f with each atom until it returns false.
func (a atoms) each(f func(i int) bool) {
	for i, word := range a {
		for ; word != 0; word &= word - 1 {
			if !f(i*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}

// box is a set of label sets: for each label that a tree asks for, by its
// number, the atoms that it may have. Boxes are not changed once made.
type box []atoms

// with is the box with one side replaced.
func (b box) with(label int, a atoms) box {
	out := make(box, len(b))
	copy(out, b)
	out[label] = a
	return out
}
