package repolayout

import (
	"fmt"
	"slices"
)

// finishPolicies reports policies that no rule can meet, or that speak of none.
func (r *report) finishPolicies(s *Stack) {
	p := &s.Policies.Rules
	if p.MaxFor != "" && lengthOf(p.MinFor) > lengthOf(p.MaxFor) {
		const path = "policies.rules.minFor"
		r.add(contradiction, s.Places.At(path), "make it at most maxFor", "%s: %s is more than maxFor, %s", path, p.MinFor, p.MaxFor)
	}
	for i, severity := range s.Policies.Tests.RequireFor {
		if !slices.Contains(s.Severities, severity) {
			path := fmt.Sprintf("policies.tests.requireFor[%d]", i)
			r.add(unknownSeverity, s.Places.At(path), didYouMean(severity, s.Severities), "%s: watchbill.yaml lists no severity %q", path, severity)
		}
	}
}
