package validate

import (
	"fmt"
	"path"
	"slices"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Selection is some of the checks. A nil Selection is all of them.
type Selection struct {
	ids map[string]bool
}

// Select returns the checks that some patterns name: ids, such as "rules/syntax",
// in which an asterisk stands for any text, such as "rules/*".
func Select(patterns []string) (*Selection, error) {
	s := &Selection{ids: map[string]bool{}}
	for _, pattern := range patterns {
		found := false
		for id := range checkIDs() {
			ok, err := path.Match(pattern, id)
			if err != nil {
				return nil, fmt.Errorf("%q is no pattern of checks: %w", pattern, err)
			}
			if ok {
				s.ids[id], found = true, true
			}
		}
		if !found {
			hint := didYouMean(pattern, checkIDs())
			if hint == "" {
				hint = "the checks have ids such as rules/syntax"
			}
			return nil, fmt.Errorf("there is no check %q; %s", pattern, hint)
		}
	}
	return s, nil
}

// Of leaves out the findings of checks that are not selected. What is not this
// package's stays: what could not be read could not be checked either.
func (s *Selection) Of(findings []Finding) []Finding {
	if s == nil {
		return findings
	}
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return known(f.Check) && !s.ids[f.Check] })
}

// syntaxChecks are those that promtool makes of rules too. They need neither the
// trees of expressions nor anything besides the rule files.
var syntaxChecks = []string{rulesSyntax, rulesDocuments, rulesDuplicate}

// Visit looks at a team before the rest of the repo is read, where no more than
// the syntax is asked for: [Validator.Repo] then takes an outline of it. It is
// safe for concurrent use.
func (v *Validator) Visit(team *repolayout.Team) {
	c := newContext(repolayout.DefaultStack(), nil, new(templateMemory).check(nil))
	c.onlySyntax()
	m := &teamMemory{team: team, context: c.key, rules: c.rules.of(team), files: map[fileKey][]Finding{}}
	for _, f := range m.fileChecks(new(Validator), c) {
		f.run(nil)
		m.files[f.key] = f.found
	}
	m.conclude(c)
	m.team, m.files = &repolayout.Team{Name: team.Name, Digest: team.Digest, Spec: team.Spec}, nil
	v.mu.Lock()
	defer v.mu.Unlock()
	m.run = v.run
	v.teams[team.Name] = append(v.teams[team.Name], m)
}

// OnlySyntax says that nothing is selected but what promtool checks of rules, so
// that all else need not be looked at.
func (s *Selection) OnlySyntax() bool {
	if s == nil {
		return false
	}
	for id := range s.ids {
		if !slices.Contains(syntaxChecks, id) {
			return false
		}
	}
	return true
}
