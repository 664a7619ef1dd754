package routes

import (
	"fmt"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// limits are what one walk may take.
type limits struct{ outcomes, hits, steps int }

var (
	alertLimits = limits{outcomes: 4_096, hits: 200_000, steps: 2_000_000}
	treeLimits  = limits{outcomes: 100_000, hits: 10_000_000, steps: 50_000_000} // for what is done once
)

// walk is the dispatcher's walk, with a whole box of label sets at once: at a
// matcher that some of them pass and others do not, the box is split, and both
// halves walk on by themselves.
type walk struct {
	leaves []leaf
	splits []split
	gaveUp string

	tree    *Tree
	unknown []bool // labels that may have values of no atom
	limits  limits
	steps   int
	ends    int
	seen    map[splitKey]bool
}

// leaf is the part of the box that ends at the same routes.
type leaf struct {
	last *ended
	box  box
}

// ended is a list of routes that were ended at, the last first, so that halves
// of a box share what they have in common.
type ended struct {
	at     *node
	before *ended
	nth    int
}

func (e *ended) count() int {
	if e == nil {
		return 0
	}
	return e.nth + 1
}

// split is a matcher of a route that could not be decided.
type split struct {
	at      *node
	matcher *labels.Matcher
}

type splitKey struct{ node, test int }

func (l leaf) hits() []*node {
	out := make([]*node, l.last.count())
	for e := l.last; e != nil; e = e.before {
		out[e.nth] = e.at
	}
	return out
}

func (t *Tree) walk(b box, unknown []bool, most limits) *walk {
	w := &walk{tree: t, limits: most, unknown: unknown, seen: map[splitKey]bool{}}
	if !b.impossible() {
		w.enter(t.root, 0, b, nil, func(b box, _ bool, last *ended) { w.end(leaf{last: last, box: b}) })
	}
	if w.gaveUp != "" {
		w.leaves, w.splits = nil, nil
	}
	w.seen = nil
	return w
}

func (b box) impossible() bool {
	for _, side := range b {
		if side.empty() {
			return true
		}
	}
	return false
}

// end takes a part of the box that has walked to the end. Parts that end alike
// stay apart, as together they may not be a box.
func (w *walk) end(l leaf) {
	if len(w.leaves) == w.limits.outcomes {
		w.giveUp("too many combinations of its labels matter: more than %d", w.limits.outcomes)
		return
	}
	if w.ends += l.last.count(); w.ends > w.limits.hits {
		w.giveUp("too many routes take it, in too many combinations of its labels")
		return
	}
	w.leaves = append(w.leaves, l)
}

func (w *walk) giveUp(format string, args ...any) {
	if w.gaveUp == "" {
		w.gaveUp = fmt.Sprintf(format, args...)
	}
}

// then goes on with a part of the box, once it is known whether a route matched it.
type then func(b box, matched bool, last *ended)

// enter puts the box before the matchers of a route, from the one numbered i,
// and what passes them all before its children.
func (w *walk) enter(n *node, i int, b box, last *ended, next then) {
	for ; i < len(n.tests); i++ {
		if w.steps++; w.steps > w.limits.steps {
			w.giveUp("too many routes and combinations of its labels to look at")
		}
		if w.gaveUp != "" {
			return
		}
		t := n.tests[i]
		side := b[t.label]
		if w.unknown != nil && w.unknown[t.label] {
			w.giveUp("the regular expressions on the label %s are too many or too large to tell its values apart", w.tree.labels[t.label].name)
			return
		}
		if side.within(t.passing) {
			continue
		}
		if !side.meets(t.passing) {
			next(b, false, last)
			return
		}
		if key := (splitKey{n.id, i}); !w.seen[key] {
			w.seen[key] = true
			w.splits = append(w.splits, split{at: n, matcher: t.matcher})
		}
		next(b.with(t.label, side.less(t.passing)), false, last)
		b = b.with(t.label, side.and(t.passing))
	}
	w.children(n, 0, b, false, last, next)
}

// children walks the children of a route from the one numbered i; any says
// whether one of those before has matched.
func (w *walk) children(n *node, i int, b box, any bool, last *ended, next then) {
	for i < len(n.children) && n.children[i].refuses(b, w.unknown) {
		i++
		w.steps++
	}
	if w.gaveUp != "" {
		return
	}
	if i == len(n.children) {
		if !any {
			last = &ended{at: n, before: last, nth: last.count()}
		}
		next(b, true, last)
		return
	}
	child := n.children[i]
	w.enter(child, 0, b, last, func(b box, matched bool, last *ended) {
		if matched && !child.route.Continue {
			next(b, true, last)
			return
		}
		w.children(n, i+1, b, any || matched, last, next)
	})
}

// refuses says that no part of the box passes, without splitting it.
func (n *node) refuses(b box, unknown []bool) bool {
	for _, t := range n.tests {
		if unknown != nil && unknown[t.label] {
			return false
		}
		if !b[t.label].meets(t.passing) {
			return true
		}
	}
	return false
}
