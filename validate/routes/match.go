package routes

import (
	"slices"
	"strings"

	"github.com/prometheus/common/model"
)

// Hit is a route that an alert ends at, and what happens there.
type Hit struct {
	Receiver string `json:"receiver"`
	// Path is the routes that were walked, the root first, as their matchers.
	Path     []string `json:"path"`
	Continue bool     `json:"continue,omitempty"`
	// GroupBy is "..." alone for every label.
	GroupBy     []string `json:"groupBy,omitempty"`
	MuteTimes   []string `json:"muteTimes,omitempty"`
	ActiveTimes []string `json:"activeTimes,omitempty"`
}

// Match says who is told of an alert with exactly these labels.
func (t *Tree) Match(set map[string]string) []Hit {
	lset := make(model.LabelSet, len(set))
	for name, value := range set {
		lset[model.LabelName(name)] = model.LabelValue(value)
	}
	var hits []Hit
	for _, r := range t.dispatcher.Match(lset) {
		hits = append(hits, t.byRoute[r].hit())
	}
	return hits
}

func (n *node) hit() Hit {
	o := n.route.RouteOpts
	h := Hit{
		Receiver: o.Receiver, Path: n.path(), Continue: n.route.Continue,
		MuteTimes: o.MuteTimeIntervals, ActiveTimes: o.ActiveTimeIntervals,
	}
	if o.GroupByAll {
		h.GroupBy = []string{"..."}
		return h
	}
	for name := range o.GroupBy {
		h.GroupBy = append(h.GroupBy, string(name))
	}
	slices.Sort(h.GroupBy)
	return h
}

// path is the routes from the root to the node.
func (n *node) path() []string {
	var path []string
	for ; n != nil; n = n.parent {
		path = append(path, n.name())
	}
	slices.Reverse(path)
	return path
}

// name is a route's matchers as one writes them, or what it takes without any.
func (n *node) name() string {
	switch {
	case n.parent == nil:
		return "root"
	case len(n.tests) == 0:
		return "{}"
	}
	var b strings.Builder
	for i, t := range n.tests {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.matcher.String())
	}
	return "{" + b.String() + "}"
}

// Receivers lists the receivers in the order of the file.
func (t *Tree) Receivers() []Receiver {
	out := make([]Receiver, 0, len(t.names))
	for _, name := range t.names {
		out = append(out, t.receivers[name])
	}
	return out
}

// Labels lists the labels that the tree asks for, sorted.
func (t *Tree) Labels() []string { return sortedKeys(t.numbers) }
