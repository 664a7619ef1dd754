package validate

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/prometheus/prometheus/model/rulefmt"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// duplicateRules reports rules of a team that have the same name and labels.
// Inside a group that is an error, as promtool has it; in different groups it
// may be meant, and is a warning. Files of two environments never meet.
func duplicateRules(team *repolayout.Team) []Finding {
	var found []Finding
	seen := map[uint64][]ruleUse{}
	for _, file := range team.Rules {
		for i := range file.Groups {
			g := &file.Groups[i]
			for j := range g.Rules {
				use := ruleUse{file, g, j}
				if r := use.rule(); r.Alert == "" && r.Record == "" {
					continue
				}
				key := use.hash()
				if first, ok := use.clash(seen[key]); ok {
					found = append(found, use.duplicateOf(first, team.Name))
					continue
				}
				seen[key] = append(seen[key], use)
			}
		}
	}
	return found
}

// ruleUse is a rule and where it stands.
type ruleUse struct {
	file  *repolayout.RuleFile
	group *repolayout.RuleGroup
	index int
}

func (u ruleUse) rule() *rulefmt.Rule { return &u.group.Rules[u.index] }

func (u ruleUse) at() repolayout.Pos {
	if u.index < len(u.group.RulePos) {
		return placeOr(u.group.RulePos[u.index].Name, u.group.RulePos[u.index].Rule)
	}
	return u.group.Pos
}

var hashSeed = maphash.MakeSeed()

// hash is equal for rules of the same name and labels.
func (u ruleUse) hash() uint64 {
	r := u.rule()
	sum := maphash.Comparable(hashSeed, [2]string{r.Alert, r.Record})
	for name, value := range u.labels() { // added up, so that their order does not matter
		sum += maphash.Comparable(hashSeed, [2]string{name, value})
	}
	return sum
}

// labels are the rule's own over its group's.
func (u ruleUse) labels() map[string]string {
	if len(u.group.Labels) == 0 {
		return u.rule().Labels
	}
	labels := maps.Clone(u.group.Labels)
	maps.Copy(labels, u.rule().Labels)
	return labels
}

// clash finds the first of the rules that u doubles.
func (u ruleUse) clash(with []ruleUse) (ruleUse, bool) {
	i := slices.IndexFunc(with, func(o ruleUse) bool {
		together := o.file.Environment == "" || u.file.Environment == "" || o.file.Environment == u.file.Environment
		a, b := o.rule(), u.rule()
		return together && a.Alert == b.Alert && a.Record == b.Record && maps.Equal(o.labels(), u.labels())
	})
	if i < 0 {
		return ruleUse{}, false
	}
	return with[i], true
}

func (u ruleUse) duplicateOf(first ruleUse, owner string) Finding {
	f := Finding{Check: rulesDuplicate, Severity: Warning, Owner: owner, Pos: u.at()}
	f.Hint = "remove one of them, or tell them apart by a label"
	at := first.at()
	switch {
	case u.group == first.group:
		f.Severity = Error
		f.Message = fmt.Sprintf("%s with the same labels stands twice in the group %q, first at line %d", nameOf(u.rule()), u.group.Name, at.Line)
	case u.file == first.file:
		f.Message = fmt.Sprintf("%s with the same labels stands in the group %q too, at line %d", nameOf(u.rule()), first.group.Name, at.Line)
	default:
		f.Message = fmt.Sprintf("%s with the same labels stands in %s too, at line %d", nameOf(u.rule()), first.file.Path, at.Line)
	}
	return f
}
