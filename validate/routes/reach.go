package routes

import "slices"

// search looks for one label set that reaches a route: it has to pass the
// matchers of the route and of those around it, and to miss every route before
// them that lets nothing go on.
type search struct {
	steps int
}

// reachable returns a part of b that reaches the route; ok is false if there is
// none. by are the routes before it that take what would, and gaveUp says that
// it was not found out.
func (t *Tree) reachable(n *node, b box) (found box, ok bool, by []*node, gaveUp bool) {
	return t.missing(n, b, nil)
}

// endsAt is reachable for label sets that none of the route's children takes.
func (t *Tree) endsAt(n *node, b box) (found box, ok, gaveUp bool) {
	found, ok, _, gaveUp = t.missing(n, b, n.children)
	return found, ok, gaveUp
}

// missing is reachable for label sets that miss some more routes, too.
func (t *Tree) missing(n *node, b box, before []*node) (found box, ok bool, by []*node, gaveUp bool) {
	before = slices.Clone(before)
	for at := n; at != nil; at = at.parent {
		for _, test := range at.tests {
			if !t.labels[test.label].complete {
				return nil, false, nil, true
			}
			b = b.with(test.label, b[test.label].and(test.passing))
		}
		if at.parent != nil {
			before = append(before, at.before()...)
		}
	}
	if b.impossible() {
		return nil, false, nil, false
	}
	for _, o := range before {
		if o.meets(b) {
			by = append(by, o)
		}
	}
	for _, o := range by {
		for _, test := range o.tests {
			if !t.labels[test.label].complete {
				return nil, false, nil, true
			}
		}
	}
	s := &search{}
	found, ok = s.outside(b, by)
	return found, ok, by, s.steps > treeLimits.steps
}

// before are the siblings before a route that let nothing go on.
func (n *node) before() []*node {
	var out []*node
	for _, sibling := range n.parent.children {
		if sibling == n {
			break
		}
		if !sibling.route.Continue {
			out = append(out, sibling)
		}
	}
	return out
}

// place is how many siblings stand before a route and those around it.
func (n *node) place() int {
	count := 0
	for ; n.parent != nil; n = n.parent {
		count += n.nth
	}
	return count
}

func (n *node) meets(b box) bool {
	for _, t := range n.tests {
		if !b[t.label].meets(t.passing) {
			return false
		}
	}
	return true
}

// outside is a part of the box that none of the routes takes.
func (s *search) outside(b box, routes []*node) (box, bool) {
	for len(routes) > 0 && !routes[0].meets(b) {
		routes = routes[1:]
		s.steps++
	}
	if len(routes) == 0 {
		return b, true
	}
	if s.steps++; s.steps > treeLimits.steps {
		return nil, false
	}
	for _, t := range routes[0].tests {
		if rest := b[t.label].less(t.passing); !rest.empty() {
			if found, ok := s.outside(b.with(t.label, rest), routes[1:]); ok {
				return found, true
			}
		}
		b = b.with(t.label, b[t.label].and(t.passing))
	}
	return nil, false
}

// everything is the box of all label sets.
func (t *Tree) everything() box {
	b := make(box, len(t.labels))
	for i, p := range t.labels {
		b[i] = allAtoms(len(p.witnesses))
	}
	return b
}
