package validate

import (
	"fmt"

	"github.com/prometheus/prometheus/model/rulefmt"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// teamLabels reports alerts that set the label team to anything but their
// folder's name: the label comes from the folder, so that no team can send its
// alerts to another. The right name is let pass, for rule files that had it before.
func teamLabels(team *repolayout.Team) []Finding {
	var found []Finding
	eachAlertLabel(team, "team", func(what, value string, at repolayout.Pos) {
		if value == team.Name {
			return
		}
		found = append(found, Finding{
			Check: rulesTeamLabel, Severity: Error, Owner: team.Name, Pos: at,
			Message: fmt.Sprintf("%s sets the label team to %q, but it stands in the folder of the team %q", what, value, team.Name),
			Hint:    "take the label out: every alert gets its folder's name; for another team's alert, move the rule there",
		})
	})
	return found
}

// eachAlertLabel calls f for each alert that has the label by itself, and for
// each group that gives it to its alerts.
func eachAlertLabel(team *repolayout.Team, label string, f func(what, value string, at repolayout.Pos)) {
	for _, file := range team.Rules {
		for i := range file.Groups {
			g := &file.Groups[i]
			if value, ok := g.Labels[label]; ok && hasAlert(g.Rules) {
				f(fmt.Sprintf("group %q", g.Name), value, placeOr(g.LabelPos.At(label), g.Pos))
			}
			for j := range g.Rules {
				r := &g.Rules[j]
				if value, ok := r.Labels[label]; ok && r.Alert != "" {
					f(nameOf(r), value, labelPlace(g, j, label))
				}
			}
		}
	}
}

func hasAlert(rules []rulefmt.Rule) bool {
	for i := range rules {
		if rules[i].Alert != "" {
			return true
		}
	}
	return false
}

func labelPlace(g *repolayout.RuleGroup, rule int, label string) repolayout.Pos {
	if rule >= len(g.RulePos) {
		return g.Pos
	}
	return placeOr(g.RulePos[rule].Labels.At(label), g.RulePos[rule].Rule)
}
