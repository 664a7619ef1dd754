package validate

import (
	"fmt"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// unknownSeverities reports alerts whose label severity is none of the stack's:
// no route would be sure to take them. A template is anyone's guess, and no
// severity at all is for the route that takes what is left.
func unknownSeverities(team *repolayout.Team, known []string) []Finding {
	var found []Finding
	eachAlertLabel(team, "severity", func(what, value string, at repolayout.Pos) {
		if slices.Contains(known, value) || strings.Contains(value, "{{") {
			return
		}
		found = append(found, Finding{
			Check: rulesSeverity, Severity: Error, Owner: team.Name, Pos: at,
			Message: fmt.Sprintf("%s has the severity %q, which watchbill.yaml does not list: %s", what, value, strings.Join(known, ", ")),
			Hint:    didYouMean(value, slices.Values(known)),
		})
	})
	return found
}
