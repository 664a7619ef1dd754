package validate

import (
	"fmt"
	"maps"
	"slices"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// unknownMutes reports mute times that a route of the team names and the team
// has not, which would make Alertmanager refuse everyone's configuration, and
// warns of those that no route names.
func unknownMutes(t *repolayout.Team) []Finding {
	unused := map[string]repolayout.Pos{}
	for _, m := range t.Spec.MuteTimes {
		unused[m.Name] = m.Pos
	}
	known := maps.Clone(unused)
	var found []Finding
	for i, route := range t.Spec.Routes {
		for j, name := range route.Mute {
			delete(unused, name)
			if _, ok := known[name]; ok || name == "" || len(found) > maxFindings { // finding a place takes time
				continue
			}
			hint := didYouMean(name, maps.Keys(known))
			if hint == "" {
				hint = "add it under muteTimes in this file"
			}
			found = append(found, Finding{
				Check: teamMute, Severity: Error, Owner: t.Name, Hint: hint,
				Pos:     placeOr(t.Spec.Places.At(fmt.Sprintf("routes[%d].mute[%d]", i, j)), route.Pos),
				Message: fmt.Sprintf("the team has no mute time %q", name),
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unused)) {
		if name == "" {
			continue // the loader has said so
		}
		found = append(found, Finding{
			Check: teamMute, Severity: Warning, Owner: t.Name, Pos: unused[name],
			Message: fmt.Sprintf("no route names the mute time %q, so it mutes nothing", name),
			Hint:    fmt.Sprintf("add mute: [%s] to a route, or delete it", name),
		})
	}
	return found
}
