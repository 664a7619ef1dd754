package validate

import (
	"iter"
	"maps"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// fixed are the checks that no policy makes milder and no comment silences:
// what they find is refused by the program that reads it, or does harm to others.
var fixed = map[string]bool{
	rulesSyntax: true, rulesDocuments: true, rulesTeamLabel: true, rulesVersion: true,
	scrapeSyntax: true, scrapeDuplicateJob: true, routingConfig: true, routingTemplate: true,
	prometheusConfig: true, teamDuplicate: true, teamMute: true, dashboardsJSON: true, dashboardsUID: true,
	environmentLabels: true, environmentRetention: true, policiesSeverity: true,
}

// isFixed is fixed, and the loader's checks.
func isFixed(check string) bool { return fixed[check] || strings.HasPrefix(check, "layout/") }

func known(check string) bool {
	return slices.ContainsFunc(Checks(), func(c Check) bool { return c.ID == check })
}

// checkIDs are the ids of all checks.
func checkIDs() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, c := range Checks() {
			if !yield(c.ID) {
				return
			}
		}
	}
}

// Judge gives findings the severities that the repo's policies want, and drops
// those of checks that are off. It is for findings of other packages, too: the
// policies of checks that this package does not know are followed as well.
func Judge(findings []Finding, p repolayout.Policies) []Finding {
	if len(p.Severity) == 0 {
		return findings
	}
	kept := findings[:0:0]
	for _, f := range findings {
		var on bool
		if f.Severity, on = severityOf(f.Check, f.Severity, p.Severity); on {
			kept = append(kept, f)
		}
	}
	return kept
}

// severityOf is how grave a finding of a check is, and whether the check is on.
func severityOf(check string, own Severity, policies map[string]string) (severity Severity, on bool) {
	switch wanted := policies[check]; {
	case wanted == string(Error):
		return Error, true
	case wanted == "" || isFixed(check):
		return own, true
	case wanted == "off":
		return own, false
	}
	return Warning, true
}

// unknownPolicies reports severities of checks that are not there, or stay as they are.
func unknownPolicies(stack repolayout.Stack) []Finding {
	var found []Finding
	for _, id := range slices.Sorted(maps.Keys(stack.Policies.Severity)) {
		f := Finding{Check: policiesSeverity, Severity: Error, Pos: stack.Places.At("policies.severity." + id)}
		switch {
		case !known(id) && !isFixed(id):
			f.Message, f.Hint = "policies.severity: there is no check \""+id+"\"", didYouMean(id, checkIDs())
		case isFixed(id) && stack.Policies.Severity[id] != string(Error):
			f.Message, f.Hint = "policies.severity: "+id+" cannot be made milder", "what it finds is refused by the program that reads it, or does harm to others"
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}
