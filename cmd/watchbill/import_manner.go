package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/watchbill/watchbill/validate/routes"
)

// toldInAnotherWay is a setting by which a destination is told of an alert, where
// it is not what it was.
type toldInAnotherWay struct {
	team, alert, severity string
	destination, setting  string
	before, after         string
}

// compareManners compares how those are told who are told before and after.
func (a *importAnswer) compareManners(o *routes.AlertOutcome, was, is []routes.Manner) {
	before, after := a.settingsOf(was), a.settingsOf(is)
	same := true
	for _, destination := range slices.Sorted(maps.Keys(before)) {
		for i, setting := range before[destination] {
			now, told := after[destination]
			if !told || now[i] == setting {
				continue // that nobody is told is said elsewhere
			}
			same = false
			a.manners = append(a.manners, toldInAnotherWay{
				o.Team, o.Alert, o.Severity, destination, settingNames[i], cmp.Or(setting, unset[i]), cmp.Or(now[i], unset[i]),
			})
		}
	}
	if same {
		a.sameManner++
	}
}

var settingNames = [...]string{"group_by", "group_wait", "group_interval", "repeat_interval", "muted", "told only"}

// unset is what the settings are that a route may be without.
var unset = [len(settingNames)]string{4: "never", 5: "always"}

// settingsOf are the settings of each destination. One that is told by several
// routes has all that they say.
func (a *importAnswer) settingsOf(manners []routes.Manner) map[string][len(settingNames)]string {
	all := map[string][len(settingNames)][]string{}
	for _, m := range manners {
		known := all[carried(m.Destination)]
		for i, value := range []string{a.groupBy(m.GroupBy), m.GroupWait, m.GroupInterval, m.RepeatInterval, m.Muted, m.Active} {
			known[i] = append(known[i], value)
		}
		all[carried(m.Destination)] = known
	}
	out := map[string][len(settingNames)]string{}
	for destination, lists := range all {
		var settings [len(settingNames)]string
		for i, values := range lists {
			slices.Sort(values)
			settings[i] = strings.Join(slices.Compact(values), " or ")
		}
		out[destination] = settings
	}
	return out
}

// groupBy leaves out the team, of which an alert has one.
func (a *importAnswer) groupBy(names []string) string {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "team" || name == a.options.TeamLabel })
	return "[" + strings.Join(names, ", ") + "]"
}

// printManners puts the alerts of a team together that are alike.
func (a *importAnswer) printManners(b *strings.Builder) {
	if len(a.manners) == 0 {
		return
	}
	b.WriteString("ALERTS OF WHICH PEOPLE ARE TOLD IN ANOTHER WAY\n")
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "  TEAM\tALERT\tTOLD\tSETTING\tBEFORE\tAFTER")
	var order []toldInAnotherWay
	alerts := map[toldInAnotherWay][]string{}
	for _, m := range a.manners {
		name := oneLine(m.alert)
		if m.severity != "" {
			name += " (" + oneLine(m.severity) + ")"
		}
		if m.alert, m.severity = "", ""; len(alerts[m]) == 0 {
			order = append(order, m)
		}
		alerts[m] = append(alerts[m], name)
	}
	for _, m := range order {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\n", m.team, firstNames(alerts[m]), oneLine(m.destination), m.setting, oneLine(m.before), oneLine(m.after))
	}
	t.Flush()
	b.WriteString("\n")
}

// firstNames is "A, B, C and 4 more".
func firstNames(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
