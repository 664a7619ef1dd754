package importer

import (
	"encoding/json"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/dispatch"
	amlabels "github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const severityLabel = "severity"

// cell is what the layout can tell apart: a team and a severity. The empty
// severity is every one that is not listed.
type cell struct{ team, severity string }

// told is who is told of the alerts of one cell, and how.
type told struct {
	route repolayout.TeamRoute // without severities
	mutes []string             // names in the original
}

func (t told) key() string {
	content, err := json.Marshal(t.route)
	if err != nil {
		return "" // it is made of texts
	}
	return string(content) + strings.Join(t.mutes, "\x00")
}

// writeTeams writes team.yaml of every team that has files or routes.
func (im *importing) writeTeams() {
	values := im.treeValues()
	for _, v := range values[im.TeamLabel] {
		if name := im.team(v); slug(v) != "" {
			im.labels[name] = v
			im.teams[name] = true
		}
	}
	alerts := im.samples()
	for c := range alerts {
		im.teams[c.team] = true
	}
	if len(im.teams) == 0 {
		im.teams[im.Team] = true
	}
	im.stack.Severities = im.severities(values[severityLabel], alerts)
	for _, team := range slices.Sorted(maps.Keys(im.teams)) {
		cells := map[string]told{}
		for _, severity := range append(slices.Clone(im.stack.Severities), "") {
			cells[severity] = im.tell(cell{team, severity}, alerts)
		}
		im.writeTeam(team, cells)
	}
	im.noteSilent()
	if im.routing == nil {
		return
	}
	for _, rec := range im.routing.order {
		if !rec.used && len(rec.tells) > 0 {
			im.note(Lost, rec.doc.at(rec.node), "", "receiver %q: no alert of a team goes to it", rec.name)
		}
	}
}

// samples are the labels of the alerts that were read, as far as they are known.
func (im *importing) samples() map[cell][]model.LabelSet {
	out := map[cell][]model.LabelSet{}
	for i := range im.res.Groups {
		g := &im.res.Groups[i]
		for j := range g.Rules {
			if g.Rules[j].Alert == "" {
				continue
			}
			labels := im.external.labelSet()
			for name, value := range g.Static(j) {
				if !strings.Contains(value, "{{") {
					labels[model.LabelName(name)] = model.LabelValue(value)
				}
			}
			labels[model.AlertNameLabel] = model.LabelValue(g.Rules[j].Alert)
			severity := string(labels[severityLabel])
			if !severityForm.MatchString(severity) {
				severity = ""
			}
			c := cell{g.Teams[j], severity}
			out[c] = append(out[c], labels)
		}
	}
	return out
}

// tell asks the original tree about a cell: about its alerts, of which most
// decide, or where there are none about one that has nothing but the two labels.
func (im *importing) tell(c cell, alerts map[cell][]model.LabelSet) told {
	if im.routing == nil {
		return told{}
	}
	samples := alerts[c]
	if len(samples) == 0 {
		one := im.external.labelSet()
		if v, ok := im.labels[c.team]; ok {
			one[model.LabelName(im.TeamLabel)] = model.LabelValue(v)
		}
		if c.severity != "" {
			one[severityLabel] = model.LabelValue(c.severity)
		}
		for _, config := range im.configs {
			if im.team(config.namespace) == c.team && config.namespace != "" {
				one["namespace"] = model.LabelValue(config.namespace)
			}
		}
		return im.ask(one)
	}
	count, by := map[string]int{}, map[string]told{}
	best := ""
	for _, labels := range samples {
		t := im.ask(labels)
		key := t.key()
		by[key] = t
		count[key]++
		better := count[key] > count[best] || count[key] == count[best] && len(t.route.Receivers) > len(by[best].route.Receivers)
		if best == "" || better {
			best = key
		}
	}
	return by[best]
}

// ask says who is told of one alert, but for the copy to on-call.
func (im *importing) ask(labels model.LabelSet) told {
	var t told
	r := im.routing
	hits := slices.DeleteFunc(r.tree.Match(labels), func(hit *dispatch.Route) bool { return slices.Contains(r.onCall, hit) })
	for i, hit := range hits {
		rec := r.receivers[hit.RouteOpts.Receiver]
		if rec == nil {
			continue
		}
		rec.used = true
		for _, to := range rec.tells {
			if !slices.ContainsFunc(t.route.Receivers, func(have repolayout.Receiver) bool { return equalJSON(have, to) }) {
				t.route.Receivers = append(t.route.Receivers, to)
			}
		}
		if i == 0 {
			t.timing(&hit.RouteOpts, im.rootTimes())
			t.mutes = hit.RouteOpts.MuteTimeIntervals
			if len(groupBy(&hit.RouteOpts)) == 0 && len(groupBy(im.rootTimes())) > 0 {
				im.note(Changed, rec.doc.at(rec.node), "", "receiver %q gets all its alerts in one group today; now they are grouped as at the root", rec.name)
			}
		} else if first := &hits[0].RouteOpts; !sameTimes(first, &hit.RouteOpts) || !slices.Equal(first.MuteTimeIntervals, hit.RouteOpts.MuteTimeIntervals) {
			im.note(Changed, rec.doc.at(rec.node), "", "receivers %q and %q are told of the same alerts with different grouping, times or mutes; now both have those of %q", first.Receiver, rec.name, first.Receiver)
		}
	}
	return t
}

func equalJSON(a, b repolayout.Receiver) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

func sameTimes(a, b *dispatch.RouteOpts) bool {
	return a.GroupWait == b.GroupWait && a.GroupInterval == b.GroupInterval && a.RepeatInterval == b.RepeatInterval && slices.Equal(groupBy(a), groupBy(b))
}

func (im *importing) rootTimes() *dispatch.RouteOpts { return &im.routing.tree.RouteOpts }

// timing takes over what is not the root's.
func (t *told) timing(o, root *dispatch.RouteOpts) {
	if !slices.Equal(groupBy(o), groupBy(root)) {
		t.route.GroupBy = groupBy(o)
	}
	for _, one := range []struct {
		own, root time.Duration
		into      *repolayout.Duration
	}{
		{o.GroupWait, root.GroupWait, &t.route.GroupWait},
		{o.GroupInterval, root.GroupInterval, &t.route.GroupInterval},
		{o.RepeatInterval, root.RepeatInterval, &t.route.RepeatInterval},
	} {
		if one.own != one.root {
			*one.into = duration(one.own)
		}
	}
}

func duration(d time.Duration) repolayout.Duration {
	return repolayout.Duration(model.Duration(d).String())
}

func groupBy(o *dispatch.RouteOpts) []string {
	if o.GroupByAll {
		return []string{"..."}
	}
	var out []string
	for name := range o.GroupBy {
		out = append(out, string(name))
	}
	slices.Sort(out)
	return out
}

// treeValues are the values that the original's routes ask for literally, by label.
func (im *importing) treeValues() map[string][]string {
	out := map[string][]string{}
	if im.routing == nil {
		return out
	}
	im.routing.tree.Walk(func(r *dispatch.Route) {
		for _, m := range r.Matchers {
			for _, v := range literals(m) {
				if v != "" && !slices.Contains(out[m.Name], v) {
					out[m.Name] = append(out[m.Name], v)
				}
			}
		}
	})
	return out
}

// literals are the values that a matcher names, if it is made of nothing else.
func literals(m *amlabels.Matcher) []string {
	if m.Type == amlabels.MatchEqual || m.Type == amlabels.MatchNotEqual {
		return []string{m.Value}
	}
	text := m.Value
	for before := ""; text != before; { // anchors and groups around the whole, in any order
		before = text
		text = strings.TrimSuffix(strings.TrimPrefix(text, "^"), "$")
		if inner, ok := strings.CutSuffix(text, ")"); ok && strings.HasPrefix(text, "(") {
			text = strings.TrimPrefix(strings.TrimPrefix(inner, "("), "?:")
		}
	}
	var out []string
	for part := range strings.SplitSeq(text, "|") {
		if re, err := syntax.Parse(part, syntax.Perl); err == nil && re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase == 0 {
			out = append(out, string(re.Rune))
		}
	}
	return out
}

// muteTime converts a named set of times.
func (im *importing) muteTime(name, as string) (repolayout.MuteTime, bool) {
	n := im.routing.mutes[name]
	out := repolayout.MuteTime{Name: as}
	for _, i := range items(n, "time_intervals") {
		if k, v := entry(i, "years"); v != nil {
			im.note(Lost, im.routing.docOf(n).at(k), "write it when the year has come", "time interval %q: the layout's mute times know no years, and without them it would mute in every year", name)
			return out, false
		}
		times := repolayout.MuteInterval{
			Weekdays: lower(texts(i, "weekdays")), DaysOfMonth: texts(i, "days_of_month"), Months: lower(texts(i, "months")), TimeZone: text(i, "location"),
		}
		for _, clock := range items(i, "times") {
			times.Times = append(times.Times, text(clock, "start_time")+"-"+text(clock, "end_time"))
		}
		out.Times = append(out.Times, times)
	}
	return out, len(out.Times) > 0
}

func lower(texts []string) []string {
	for i := range texts {
		texts[i] = strings.ToLower(texts[i])
	}
	return texts
}
