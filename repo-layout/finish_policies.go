package repolayout

// finishPolicies reports policies that no rule can meet.
func (r *report) finishPolicies(s *Stack) {
	p := &s.Policies.Rules
	if p.MaxFor != "" && lengthOf(p.MinFor) > lengthOf(p.MaxFor) {
		const path = "policies.rules.minFor"
		r.add(contradiction, s.Places.At(path), "make it at most maxFor", "%s: %s is more than maxFor, %s", path, p.MinFor, p.MaxFor)
	}
}
