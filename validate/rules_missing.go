package validate

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// missingRecords reports series that are read, look recorded, and that no rule records.
func missingRecords(repo *repolayout.Repo, memories []*teamMemory) []Finding {
	records := map[string][]string{} // the environments of the rules
	for _, m := range memories {
		if m.federates {
			return nil
		}
		for i := range m.uses {
			records[m.uses[i].name] = nil
		}
	}
	if len(records) == 0 {
		return nil
	}
	for _, m := range memories {
		for _, r := range m.records {
			if known, used := records[r.name]; used {
				records[r.name] = append(known, r.environment)
			}
		}
	}
	var found []Finding
	for _, m := range memories {
		var of []Finding
		for i := range m.uses {
			use := &m.uses[i]
			missing := use.missing(records[use.name], repo.Environments)
			if len(missing) == 0 {
				continue
			}
			if len(of) > maxFindings {
				break
			}
			of = append(of, use.notRecorded(m.team, records[use.name], missing, memories))
		}
		found = append(found, firstOf(of)...)
	}
	return found
}

// missing are the environments in which the series is read and not recorded,
// given those of the rules that record it; "" among those is all.
func (u *metricUse) missing(recorded []string, all []*repolayout.Environment) []string {
	switch {
	case len(recorded) == 0:
		return []string{elsewhere}
	case slices.Contains(recorded, ""), u.environment == elsewhere:
		return nil
	}
	var missing []string
	for _, e := range all {
		if (u.environment == "" || u.environment == e.Name) && !slices.Contains(recorded, e.Name) {
			missing = append(missing, e.Name)
		}
	}
	return missing
}

func (u *metricUse) notRecorded(team *repolayout.Team, recorded, missing []string, memories []*teamMemory) Finding {
	f := u.finding(team)
	f.Check, f.Severity = rulesMissingRecord, Warning
	if len(recorded) > 0 {
		f.Message = fmt.Sprintf("%s reads %s, which no rule records in %s", u.by, u.name, strings.Join(missing, ", "))
		f.Hint = fmt.Sprintf("it is recorded in rules/%s/ alone: move that rule up to rules/, or this one down", strings.Join(slices.Compact(slices.Sorted(slices.Values(recorded))), "/ and rules/"))
		return f
	}
	f.Message = fmt.Sprintf("%s reads %s, which no rule of this repo records", u.by, u.name)
	f.Hint = didYouMean(u.name, similar(u.name, memories))
	if f.Hint == "" {
		f.Hint = "record it with a rule, or correct the name; if its series come from elsewhere, silence this check"
	}
	return f
}

// similar are the recorded names that are worth a comparison with another.
func similar(name string, memories []*teamMemory) iter.Seq[string] {
	const most = 2000
	near := map[string]bool{}
	for _, m := range memories {
		for _, r := range m.records {
			if len(near) < most && r.name != "" && r.name[0] == name[0] && abs(len(r.name)-len(name)) <= len(name)/3+1 {
				near[r.name] = true
			}
		}
	}
	return maps.Keys(near)
}
