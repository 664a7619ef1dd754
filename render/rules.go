package render

import (
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/rulefmt"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// teamLabel says which team an alert is of. It comes from the folder that the
// alert stands in, so that no team can send its alerts to another.
const teamLabel = "team"

// ruleWriter writes rule files of one team.
type ruleWriter struct {
	yamlWriter
	team string
	keys []string // used again for every map
}

// file writes rule groups as Prometheus reads them, in the one form that equal
// groups always have, with the team's label on every alert. Recording rules
// stay as they are: their labels are part of what others query.
func (w *ruleWriter) file(groups []repolayout.RuleGroup) string {
	w.Reset()
	if len(groups) == 0 {
		w.raw(0, "groups", "[]")
		return w.String()
	}
	w.open(0, "groups")
	for i := range groups {
		w.group(&groups[i].RuleGroup)
	}
	return w.String()
}

func (w *ruleWriter) group(g *rulefmt.RuleGroup) {
	w.item(0)
	w.pair(2, "name", g.Name)
	if g.Interval != 0 {
		w.raw(2, "interval", g.Interval.String())
	}
	if g.QueryOffset != nil {
		w.raw(2, "query_offset", g.QueryOffset.String())
	}
	if g.Limit != 0 {
		w.raw(2, "limit", strconv.Itoa(g.Limit))
	}
	w.texts(2, "labels", g.Labels, "")
	if len(g.Rules) == 0 {
		w.raw(2, "rules", "[]")
		return
	}
	w.open(2, "rules")
	for i := range g.Rules {
		w.rule(&g.Rules[i])
	}
}

func (w *ruleWriter) rule(r *rulefmt.Rule) {
	w.item(2)
	team := ""
	if r.Record != "" {
		w.pair(4, "record", r.Record)
	}
	if r.Alert != "" {
		team = w.team
		w.pair(4, "alert", r.Alert)
	}
	w.pair(4, "expr", r.Expr)
	if r.For != 0 {
		w.raw(4, "for", r.For.String())
	}
	if r.KeepFiringFor != 0 {
		w.raw(4, "keep_firing_for", r.KeepFiringFor.String())
	}
	w.texts(4, "labels", r.Labels, team)
	w.texts(4, "annotations", r.Annotations, "")
}

// texts writes a map of strings, sorted, and with the team's label in it if
// team is not empty.
func (w *ruleWriter) texts(indent int, name string, m map[string]string, team string) {
	w.keys = w.keys[:0]
	for key := range m {
		if team == "" || key != teamLabel {
			w.keys = append(w.keys, key)
		}
	}
	if team != "" {
		w.keys = append(w.keys, teamLabel)
	}
	if len(w.keys) == 0 {
		return
	}
	slices.Sort(w.keys)
	w.open(indent, name)
	for _, key := range w.keys {
		value := m[key]
		if team != "" && key == teamLabel {
			value = team
		}
		w.pair(indent+2, key, value)
	}
}
