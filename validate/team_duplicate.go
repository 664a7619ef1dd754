package validate

import (
	"fmt"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// duplicateTeams reports teams whose names differ in nothing, or only in upper
// and lower case. Both of each pair are named: neither is the wrong one.
func duplicateTeams(teams []*repolayout.Team) []Finding {
	byName := map[string][]*repolayout.Team{}
	for _, t := range teams {
		name := strings.ToLower(t.Name)
		byName[name] = append(byName[name], t)
	}
	var found []Finding
	for _, same := range byName {
		if len(same) < 2 {
			continue
		}
		for i, t := range same {
			other := same[(i+1)%len(same)]
			found = append(found, Finding{
				Check: teamDuplicate, Severity: Error, Owner: t.Name, Pos: teamPlace(t), Others: othersThan(t.Name, same),
				Message: fmt.Sprintf("the team %q stands beside %q: routing and labels cannot tell them apart", t.Name, other.Name),
				Hint:    "rename one of the two folders",
			})
		}
	}
	return found
}

func othersThan(name string, teams []*repolayout.Team) []string {
	var others []string
	for _, t := range teams {
		if t.Name != name {
			others = append(others, t.Name)
		}
	}
	return others
}

// teamPlace is the team's team.yaml.
func teamPlace(t *repolayout.Team) repolayout.Pos {
	if t.Spec.Pos.File != "" {
		return t.Spec.Pos
	}
	return repolayout.Pos{File: "teams/" + t.Name + "/team.yaml"}
}
