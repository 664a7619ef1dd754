package routes

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/timeinterval"
)

// Manner is how one destination is told of an alert: what is told together, when,
// and at which times not at all. Times are written out, as their names may differ.
type Manner struct {
	Destination    string
	GroupBy        []string
	GroupWait      string
	GroupInterval  string
	RepeatInterval string
	Muted, Active  string
}

// Manners says of each alert how those are told who may be told of it; see
// [Tree.Outcomes] for who that is.
func (t *Tree) Manners(alerts []Alert, sender *Sender, k *Knower) [][]Manner {
	out := make([][]Manner, len(alerts))
	for i := range alerts {
		_, w := t.walkOf(k.among(&alerts[i], sender, t))
		for _, l := range w.leaves {
			for _, n := range l.hits() {
				out[i] = append(out[i], t.manners(n)...)
			}
		}
		slices.SortFunc(out[i], compareManners)
		out[i] = slices.CompactFunc(out[i], func(a, b Manner) bool { return compareManners(a, b) == 0 })
	}
	return out
}

func compareManners(a, b Manner) int {
	return cmp.Or(cmp.Compare(a.Destination, b.Destination), slices.Compare(a.GroupBy, b.GroupBy), cmp.Compare(a.GroupWait, b.GroupWait),
		cmp.Compare(a.GroupInterval, b.GroupInterval), cmp.Compare(a.RepeatInterval, b.RepeatInterval), cmp.Compare(a.Muted, b.Muted), cmp.Compare(a.Active, b.Active))
}

func (t *Tree) manners(n *node) []Manner {
	o, hit := n.route.RouteOpts, n.hit()
	m := Manner{
		GroupBy: hit.GroupBy, GroupWait: duration(o.GroupWait), GroupInterval: duration(o.GroupInterval), RepeatInterval: duration(o.RepeatInterval),
		Muted: t.times(hit.MuteTimes), Active: t.times(hit.ActiveTimes),
	}
	var out []Manner
	for _, m.Destination = range t.receivers[o.Receiver].Destinations {
		out = append(out, m)
	}
	return out
}

// times is what some time intervals are, whatever they are called.
func (t *Tree) times(names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, t.intervals()[name]...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "; ")
}

// intervalsOf writes out each time interval of a configuration, by its name.
func intervalsOf(c *config.Config) map[string][]string {
	out := map[string][]string{}
	add := func(name string, intervals []timeinterval.TimeInterval) {
		for _, i := range intervals {
			if i.Location != nil && i.Location.String() == "UTC" {
				i.Location = nil
			}
			text, err := json.Marshal(i)
			if err != nil { // it was read a moment ago
				text = []byte(err.Error())
			}
			out[name] = append(out[name], string(text))
		}
	}
	for _, i := range c.TimeIntervals {
		add(i.Name, i.TimeIntervals)
	}
	for _, i := range c.MuteTimeIntervals {
		add(i.Name, i.TimeIntervals)
	}
	return out
}
