package routes

import (
	"fmt"
	"slices"
	"strings"
)

// maxValues is how many values of one label are told apart; beyond, it may have any.
const maxValues = 256

// Values are the values that one label may have. The empty one stands for a
// label that is absent. The zero Values are none at all: what cannot be.
type Values struct {
	any bool
	set []string // sorted, without repeats
}

// Anything is the Values of a label of which nothing is known: any value, or absent.
func Anything() Values { return Values{any: true} }

// Absent is the Values of a label that is not there.
func Absent() Values { return Values{set: []string{""}} }

// OneOf is the Values of a label that has one of these.
func OneOf(values ...string) Values {
	set := slices.Clone(values)
	slices.Sort(set)
	set = slices.Compact(set)
	if len(set) > maxValues {
		return Anything()
	}
	return Values{set: set}
}

// Any says whether nothing is known.
func (v Values) Any() bool { return v.any }

// Set is the values that are possible, sorted, unless any is.
func (v Values) Set() []string { return slices.Clone(v.set) }

// Has says whether the value is possible.
func (v Values) Has(value string) bool {
	if v.any {
		return true
	}
	_, ok := slices.BinarySearch(v.set, value)
	return ok
}

func (v Values) one() (string, bool) {
	if v.any || len(v.set) != 1 {
		return "", false
	}
	return v.set[0], true
}

func (v Values) none() bool { return !v.any && len(v.set) == 0 }

// join is what either may be.
func (v Values) join(w Values) Values {
	if v.any || w.any {
		return Anything()
	}
	if slices.Equal(v.set, w.set) {
		return v
	}
	return OneOf(append(slices.Clone(v.set), w.set...)...)
}

// meet is what both may be.
func (v Values) meet(w Values) Values {
	if v.any {
		return w
	}
	return v.filter(w.Has)
}

// filter is what of a finite set keep lets through; of anything, anything.
func (v Values) filter(keep func(string) bool) Values {
	if v.any {
		return v
	}
	var kept []string
	for _, value := range v.set {
		if keep(value) {
			kept = append(kept, value)
		}
	}
	return Values{set: kept}
}

// String says it to a person.
func (v Values) String() string {
	switch {
	case v.any:
		return "any value or none"
	case len(v.set) == 0:
		return "impossible"
	}
	words := make([]string, 0, len(v.set))
	for _, value := range v.set {
		if value == "" {
			words = append(words, "absent")
		} else {
			words = append(words, fmt.Sprintf("%q", value))
		}
	}
	if len(words) > 8 {
		words = append(words[:8], fmt.Sprintf("%d more", len(words)-8))
	}
	return strings.Join(words, " or ")
}
