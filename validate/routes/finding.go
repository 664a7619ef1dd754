package routes

import (
	"fmt"
	"slices"
	"strings"
)

// FindingKind is what is wrong with a tree. The names are stable.
type FindingKind string

const (
	Unreachable    FindingKind = "unreachable"     // matchers that contradict each other
	Shadowed       FindingKind = "shadowed"        // routes before take everything
	Twice          FindingKind = "twice"           // one alert reaches one receiver twice
	UnusedReceiver FindingKind = "unused-receiver" // no route names it
	EmptyReceiver  FindingKind = "empty-receiver"  // a route names it, and it sends nowhere
	MutedPage      FindingKind = "muted-page"      // a page that is not sent at some times
	Unknowable     FindingKind = "undecided"       // it would take too long to find out
)

// Finding is one thing about a tree that people would want to know.
type Finding struct {
	Kind FindingKind `json:"kind"`
	// Path is the route, from the root; empty for a receiver.
	Path     []string `json:"path,omitempty"`
	Receiver string   `json:"receiver,omitempty"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
	// By are the routes that take what the route would, or the other route.
	By []string `json:"by,omitempty"`
	// Example is a label set that shows it.
	Example map[string]string `json:"example,omitempty"`
}

// maxLooks bounds how many routes are put beside each other for all findings.
const maxLooks = 50_000_000

// Findings looks at the tree by itself, whatever alerts there are. Pages are
// the severities that nobody may miss, usually "critical".
func (t *Tree) Findings(pages ...string) []Finding {
	var out []Finding
	dead := map[*node]bool{}
	looked := 0
	for _, n := range t.nodes[1:] {
		if dead[n.parent] {
			dead[n] = true // what is around it is reported
			continue
		}
		if looked += n.place(); looked > maxLooks {
			out = append(out, Finding{Kind: Unknowable, Message: "there are too many routes beside each other to find out which of them are reached", Hint: "put routes of one team into a route of the team"})
			break
		}
		if f, found := t.deadRoute(n); found {
			dead[n] = f.Kind != Unknowable
			out = append(out, f)
		}
	}
	out = append(out, t.muted(dead, pages)...)
	out = append(out, t.twice()...)
	return append(out, t.receiverFindings(dead)...)
}

func (t *Tree) deadRoute(n *node) (Finding, bool) {
	_, ok, by, gaveUp := t.reachable(n, t.everything())
	f := Finding{Path: n.path(), Receiver: n.route.RouteOpts.Receiver}
	switch {
	case ok:
		return f, false
	case gaveUp:
		f.Kind = Unknowable
		f.Message = fmt.Sprintf("whether anything reaches the route %s would take too long to find out", n.name())
		f.Hint = "use fewer or simpler regular expressions"
	case len(by) == 0:
		f.Kind = Unreachable
		f.Message = fmt.Sprintf("no alert can reach the route %s: its matchers and those around it contradict each other", n.name())
		f.Hint = "take the route out, or correct its matchers"
	default:
		f.Kind = Shadowed
		by = t.needed(n, by)
		for _, o := range by {
			f.By = append(f.By, o.name())
		}
		f.Message = fmt.Sprintf("no alert can reach the route %s: what it would take goes to %s before", n.name(), strings.Join(f.By[:min(len(f.By), 5)], " and "))
		f.Hint = "put it before, or set continue: true on the routes that take its alerts if both are to be told"
	}
	return f, true
}

// needed leaves out what is not needed to take everything from a route: one
// route alone, if there is one.
func (t *Tree) needed(n *node, by []*node) []*node {
	b := t.everything()
	for at := n; at != nil; at = at.parent {
		for _, test := range at.tests {
			b = b.with(test.label, b[test.label].and(test.passing))
		}
	}
	for _, o := range by {
		if !slices.ContainsFunc(o.tests, func(x test) bool { return !b[x.label].within(x.passing) }) {
			return []*node{o}
		}
	}
	return by
}

// muted are the routes that a page can end at and that do not always send.
func (t *Tree) muted(dead map[*node]bool, pages []string) []Finding {
	severity, ok := t.numbers[severityLabel]
	var out []Finding
	for _, n := range t.nodes {
		o := n.route.RouteOpts
		times := slices.Concat(o.MuteTimeIntervals, o.ActiveTimeIntervals)
		if len(times) == 0 || dead[n] || len(pages) == 0 {
			continue
		}
		b := t.everything()
		if ok {
			b[severity], _ = t.labels[severity].of(OneOf(pages...))
		}
		found, reached, gaveUp := t.endsAt(n, b)
		if !reached && !gaveUp {
			continue
		}
		f := Finding{Kind: MutedPage, Path: n.path(), Receiver: o.Receiver}
		if reached {
			known := Unknown().With(severityLabel, OneOf(pages...))
			f.Example = t.example(known, t.everything(), found)
		}
		f.Message = fmt.Sprintf("the route %s takes alerts of the severity %s, and sends nothing at some times: %s", n.name(), strings.Join(pages, ", "), strings.Join(times, ", "))
		f.Hint = "give pages a route of their own without mute times"
		out = append(out, f)
	}
	return out
}

// twice are receivers that one alert can reach by two routes.
func (t *Tree) twice() []Finding {
	w := t.walk(t.everything(), t.unknowable(), treeLimits)
	if w.gaveUp != "" {
		return []Finding{{Kind: Unknowable, Message: "whether an alert is sent twice to one receiver was not found out: " + w.gaveUp}}
	}
	var out []Finding
	told := map[[2]*node]bool{}
	for _, l := range w.leaves {
		first := map[string]*node{}
		for _, n := range l.hits() {
			name := n.route.RouteOpts.Receiver
			one, again := first[name]
			if !again {
				first[name] = n
				continue
			}
			if told[[2]*node{one, n}] {
				continue
			}
			told[[2]*node{one, n}] = true
			out = append(out, Finding{
				Kind: Twice, Path: n.path(), Receiver: name, By: []string{strings.Join(one.path(), " > ")},
				Example: t.example(Unknown(), t.everything(), l.box),
				Message: fmt.Sprintf("an alert can be sent twice to the receiver %s: by the route %s and by the route %s", name, one.name(), n.name()),
				Hint:    "take continue: true off the first, or give one of them another receiver",
			})
		}
	}
	return out
}

// unknowable are the labels of which not every value can be told apart.
func (t *Tree) unknowable() []bool {
	out := make([]bool, len(t.labels))
	for i, p := range t.labels {
		out[i] = !p.complete
	}
	return out
}

func (t *Tree) receiverFindings(dead map[*node]bool) []Finding {
	named, ended := map[string]bool{}, map[string]bool{}
	for _, n := range t.nodes {
		name := n.route.RouteOpts.Receiver
		named[name] = true
		if len(t.receivers[name].Destinations) == 0 && !ended[name] && !dead[n] {
			_, ok, gaveUp := t.endsAt(n, t.everything())
			ended[name] = ok || gaveUp
		}
	}
	var out []Finding
	for _, name := range t.names {
		switch {
		case !named[name]:
			out = append(out, Finding{
				Kind: UnusedReceiver, Receiver: name, Message: fmt.Sprintf("no route names the receiver %s", name),
				Hint: "take it out, or write a route for it",
			})
		case ended[name]:
			out = append(out, Finding{
				Kind: EmptyReceiver, Receiver: name, Message: fmt.Sprintf("the receiver %s tells nobody", name),
				Hint: "give it a channel, a key or an address, or leave the alerts to another",
			})
		}
	}
	return out
}
