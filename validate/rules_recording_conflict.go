package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// recordUse is where a team records a series first, in all environments or in one.
type recordUse struct {
	name, environment string
	at                repolayout.Pos
}

// recordsOf lists what a team records, each name once an environment.
func recordsOf(team *repolayout.Team) []recordUse {
	var uses []recordUse
	seen := map[[2]string]bool{}
	for _, file := range team.Rules {
		for i := range file.Groups {
			g := &file.Groups[i]
			for j := range g.Rules {
				key := [2]string{g.Rules[j].Record, file.Environment}
				if key[0] == "" || seen[key] {
					continue
				}
				seen[key] = true
				uses = append(uses, recordUse{key[0], key[1], ruleUse{file, g, j}.at()})
			}
		}
	}
	return uses
}

// recordingConflicts reports series that several teams record where both run:
// who reads such a series gets what the one means or the other, or both.
func recordingConflicts(memories []*teamMemory) []Finding {
	byName := sharedRecords(memories)
	said := map[string]int{} // of each team
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		for _, use := range byName[name] {
			teams := use.others(byName[name])
			if len(teams) == 0 || said[use.team] == maxFindings {
				continue
			}
			said[use.team]++
			found = append(found, Finding{
				Check: rulesRecordingConflict, Severity: Warning, Owner: use.team, Pos: use.at, Others: teams,
				Message: fmt.Sprintf("record %q: series of this name are recorded by %s too", name, listed(teams)),
				Hint:    "let one team record it, or put the team's own name into it",
			})
		}
	}
	return found
}

// teamUse is a recordUse of one team.
type teamUse struct {
	team string
	recordUse
}

// sharedRecords are the names that more than one team records.
func sharedRecords(memories []*teamMemory) map[string][]teamUse {
	first := map[string]*teamMemory{}
	byName := map[string][]teamUse{}
	for _, m := range memories {
		for _, use := range m.records {
			if known := first[use.name]; known == nil {
				first[use.name] = m
			} else if known != m {
				byName[use.name] = nil
			}
		}
	}
	if len(byName) == 0 {
		return nil
	}
	for _, m := range memories {
		for _, use := range m.records {
			if _, shared := byName[use.name]; shared {
				byName[use.name] = append(byName[use.name], teamUse{m.team.Name, use})
			}
		}
	}
	return byName
}

// others are the other teams that record the series where this one does, sorted.
func (u teamUse) others(uses []teamUse) []string {
	teams := map[string]bool{}
	for _, o := range uses {
		together := u.environment == "" || o.environment == "" || u.environment == o.environment
		if o.team != u.team && together {
			teams[o.team] = true
		}
	}
	return slices.Sorted(maps.Keys(teams))
}

// listed is the first few of some teams' names.
func listed(teams []string) string {
	const most = 5
	if len(teams) > most {
		return fmt.Sprintf("%d other teams (%s, …)", len(teams), strings.Join(teams[:most], ", "))
	}
	return strings.Join(teams, ", ")
}
