package routes

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
)

// Labels are what is known of the labels of an alert, or of every series of a
// vector. The zero Labels are those of a vector without labels.
type Labels struct {
	named map[string]Values
	open  bool // a label that is not named may have any value, instead of being absent
}

// Unknown are Labels of which nothing is known.
func Unknown() Labels { return Labels{open: true} }

// Exactly are Labels that are known in full.
func Exactly(values map[string]string) Labels {
	l := Labels{named: make(map[string]Values, len(values))}
	for name, value := range values {
		l.named[name] = OneOf(value)
	}
	return l
}

// Of is what is known of one label.
func (l Labels) Of(name string) Values {
	if v, ok := l.named[name]; ok {
		return v
	}
	return l.rest()
}

func (l Labels) rest() Values {
	if l.open {
		return Anything()
	}
	return Absent()
}

// With are the Labels with one label replaced.
func (l Labels) With(name string, v Values) Labels {
	named := maps.Clone(l.named)
	if named == nil {
		named = map[string]Values{}
	}
	named[name] = v
	return Labels{named: named, open: l.open}
}

// Names are those that something is known of, sorted.
func (l Labels) Names() []string { return slices.Sorted(maps.Keys(l.named)) }

// Open says whether labels that are not named may be there.
func (l Labels) Open() bool { return l.open }

// combine makes Labels of two, label by label.
func combine(a, b Labels, how func(a, b Values) Values) Labels {
	out := Labels{named: make(map[string]Values, len(a.named)+len(b.named))}
	for name := range a.named {
		out.named[name] = how(a.Of(name), b.Of(name))
	}
	for name := range b.named {
		out.named[name] = how(a.Of(name), b.Of(name))
	}
	out.open = how(a.rest(), b.rest()).any
	return out
}

// only are the Labels without any but these.
func (l Labels) only(names []string) Labels {
	out := Labels{named: make(map[string]Values, len(names))}
	for _, name := range names {
		out.named[name] = l.Of(name)
	}
	return out
}

// without are the Labels less these.
func (l Labels) without(names ...string) Labels {
	for _, name := range names {
		l = l.With(name, Absent())
	}
	return l
}

// impossible says whether some label cannot have any value, as when two
// selectors that never meet are matched. Such a vector is always empty.
func (l Labels) impossible() bool {
	for _, v := range l.named {
		if v.none() {
			return true
		}
	}
	return false
}

// Allows says whether a label set is among those that the Labels describe. The
// name of the metric is not looked at: most of PromQL drops it, and so do alerts.
func (l Labels) Allows(set map[string]string) bool {
	for name, value := range set {
		if name != model.MetricNameLabel && !l.Of(name).Has(value) {
			return false
		}
	}
	for name, v := range l.named {
		if name != model.MetricNameLabel && !v.Has(set[name]) {
			return false
		}
	}
	return true
}

func (l Labels) String() string {
	var b strings.Builder
	for _, name := range l.Names() {
		b.WriteString(name + ": " + l.named[name].String() + "; ")
	}
	return b.String() + "others: " + l.rest().String()
}
