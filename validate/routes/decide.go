package routes

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// maxRemember is how many decisions a tree remembers.
const maxRemember = 100_000

// Certainty says whether a receiver is told.
type Certainty string

const (
	Always Certainty = "always"
	Maybe  Certainty = "maybe"
	Never  Certainty = "never"
)

// Decision is who is told of an alert of which some labels may be unknown.
type Decision struct {
	// Told is every receiver that is always or maybe told; all others never are.
	Told []Told `json:"told,omitempty"`
	// Outcomes is every way in which it can go, each with an example; the labels
	// that make no difference are left out of it.
	Outcomes []Outcome `json:"outcomes,omitempty"`
	// Undecided says why nothing could be decided; then Told and Outcomes are empty.
	Undecided string `json:"undecided,omitempty"`
}

// Told is one receiver that may be told.
type Told struct {
	Receiver string    `json:"receiver"`
	When     Certainty `json:"when"`
	// Because are the matchers that cannot be decided, for a receiver that is maybe told.
	Because []Reason `json:"because,omitempty"`
}

// Reason is a matcher that lets some of a label's possible values pass and not others.
type Reason struct {
	Label   string `json:"label"`
	Matcher string `json:"matcher"`
	// Values is what is known of the label.
	Values string `json:"values"`
}

func (r Reason) String() string {
	return fmt.Sprintf("%s cannot be decided: %s may be %s", r.Matcher, r.Label, r.Values)
}

// Outcome is one way in which an alert may go.
type Outcome struct {
	Hits    []Hit             `json:"hits"`
	Example map[string]string `json:"example,omitempty"`
}

// When says whether a receiver is told.
func (d Decision) When(receiver string) Certainty {
	for _, t := range d.Told {
		if t.Receiver == receiver {
			return t.When
		}
	}
	return Never
}

// memory is what a tree remembers.
type memory struct {
	mu    sync.Mutex
	walks map[string]*walk
}

// Decide says who is told of an alert.
func (t *Tree) Decide(alert Labels) Decision {
	b, w := t.walkOf(alert)
	if w.gaveUp != "" {
		return Decision{Undecided: w.gaveUp}
	}
	d := Decision{Told: t.told(w, alert)}
	for _, l := range w.leaves {
		o := Outcome{Example: t.example(alert, b, l.box)}
		for _, n := range l.hits() {
			o.Hits = append(o.Hits, n.hit())
		}
		d.Outcomes = append(d.Outcomes, o)
	}
	return d
}

// boxOf is all that the alert may be, and the labels that may have values of no
// atom, if there are any.
func (t *Tree) boxOf(alert Labels) (b box, unknown []bool) {
	b = make(box, len(t.labels))
	for i, p := range t.labels {
		known := false
		if b[i], known = p.of(alert.Of(p.name)); !known {
			if unknown == nil {
				unknown = make([]bool, len(t.labels))
			}
			unknown[i] = true
		}
	}
	return b, unknown
}

// walkOf is the walk with all that the alert may be.
func (t *Tree) walkOf(alert Labels) (box, *walk) {
	b, unknown := t.boxOf(alert)
	key := b.key(unknown)
	t.memory.mu.Lock()
	w := t.memory.walks[key]
	t.memory.mu.Unlock()
	if w != nil {
		return b, w
	}
	w = t.walk(b, unknown, alertLimits)
	t.memory.mu.Lock()
	defer t.memory.mu.Unlock()
	if len(t.memory.walks) >= maxRemember || t.memory.walks == nil {
		t.memory.walks = map[string]*walk{}
	}
	t.memory.walks[key] = w
	return b, w
}

func (b box) key(unknown []bool) string {
	var key []byte
	for i, side := range b {
		for _, word := range side {
			key = binary.LittleEndian.AppendUint64(key, word)
		}
		if unknown != nil && unknown[i] {
			key = append(key, '?')
		}
		key = append(key, ';')
	}
	return string(key)
}

// told are the receivers of a walk.
func (t *Tree) told(w *walk, alert Labels) []Told {
	counts := map[string]int{}
	var order []string
	for _, l := range w.leaves {
		here := map[string]bool{}
		for _, n := range l.hits() {
			name := n.route.RouteOpts.Receiver
			if !here[name] {
				here[name] = true
				if counts[name]++; counts[name] == 1 {
					order = append(order, name)
				}
			}
		}
	}
	out := make([]Told, 0, len(order))
	for _, name := range order {
		told := Told{Receiver: name, When: Always}
		if counts[name] < len(w.leaves) {
			told.When, told.Because = Maybe, t.reasons(w, name, alert)
		}
		out = append(out, told)
	}
	slices.SortStableFunc(out, func(a, b Told) int { return strings.Compare(a.Receiver, b.Receiver) })
	return out
}

// reasons are the matchers that decide whether the receiver is told: those on
// the way to its routes, or, where all of them pass, those of routes before.
func (t *Tree) reasons(w *walk, receiver string, alert Labels) []Reason {
	var on, before []Reason
	for _, s := range w.splits {
		r := Reason{Label: s.matcher.Name, Matcher: s.matcher.String(), Values: alert.Of(s.matcher.Name).String()}
		if s.leadsTo(receiver) {
			on = append(on, r)
		} else {
			before = append(before, r)
		}
	}
	if len(on) == 0 {
		on = before
	}
	slices.SortFunc(on, func(a, b Reason) int { return strings.Compare(a.Matcher, b.Matcher) })
	on = slices.Compact(on)
	return on[:min(len(on), 10)]
}

// leadsTo says whether the matcher that was split at is on the way to a route of the receiver.
func (s split) leadsTo(receiver string) bool { return s.at.tells(receiver) }

func (n *node) tells(receiver string) bool {
	if len(n.children) == 0 || n.route.RouteOpts.Receiver == receiver {
		return n.route.RouteOpts.Receiver == receiver
	}
	return slices.ContainsFunc(n.children, func(c *node) bool { return c.tells(receiver) })
}

// example is one label set of a box, with the labels whose value matters: those
// that the walk has narrowed, and those that are known anyway.
func (t *Tree) example(alert Labels, from, b box) map[string]string {
	out := map[string]string{}
	for i, p := range t.labels {
		v := alert.Of(p.name)
		if v.any && from[i].within(b[i]) {
			continue
		}
		value := p.example(v, b[i])
		if value != "" || v.any {
			out[p.name] = value
		}
	}
	return out
}

// example is one of the values that is of the atoms.
func (p *partition) example(v Values, of atoms) string {
	for _, value := range v.set {
		if n, ok := p.atomOf(value); ok && of.has(n) {
			return value
		}
	}
	found := ""
	of.each(func(i int) bool { found = p.witnesses[i]; return false })
	return found
}
