package validate

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Removed reports what head still reads and only base records: a recording rule
// that a change removes or renames while a rule, a dashboard or a test uses its
// series. It is an error where the series is read. Comments silence it on the
// given day, and head's policies hold, as they do for what [Validator.Repo] finds.
func Removed(base, head *repolayout.Repo, today time.Time) []Finding {
	r := removed(differing(base, head), differing(head, base))
	if len(r.gone) == 0 {
		return nil
	}
	r = removed(base.Teams, head.Teams) // another team may record it too
	r.head = head
	var found []Finding
	var silences []silence
	for _, team := range head.Teams {
		found = append(found, firstOf(r.readBy(team.Whole()))...)
		silences = append(silences, silencesOf(team.Whole())...)
	}
	return Sort(Judge(quieted(found, silences, today), head.Stack.Policies))
}

// WithRemoved adds what [Removed] found to what else was found in head, and
// takes out what says less of the same places.
func WithRemoved(found, removed []Finding) []Finding {
	type place struct {
		file         string
		line, column int
	}
	at := map[place]bool{}
	for _, f := range removed {
		at[place{f.File, f.Line, f.Column}] = true
	}
	kept := slices.DeleteFunc(slices.Clone(found), func(f Finding) bool {
		return f.Check == rulesMissingRecord && at[place{f.File, f.Line, f.Column}]
	})
	return Sort(append(kept, removed...))
}

// record is a recording rule and whose it is.
type record struct {
	recordUse
	team, expr string
}

func recordsByName(teams []*repolayout.Team) map[string][]record {
	records := map[string][]record{}
	for _, team := range teams {
		for _, file := range team.Whole().Rules {
			for i := range file.Groups {
				for j := range file.Groups[i].Rules {
					use := ruleUse{file, &file.Groups[i], j}
					if name := use.rule().Record; name != "" {
						records[name] = append(records[name], record{recordUse{name, file.Environment, use.at()}, team.Name, use.rule().Expr})
					}
				}
			}
		}
	}
	return records
}

// removal is what a change took away.
type removal struct {
	head    *repolayout.Repo
	was, is map[string][]record
	gone    map[string]bool // at least in one environment
}

// removed compares what teams recorded with what they record now.
func removed(before, now []*repolayout.Team) *removal {
	r := &removal{was: recordsByName(before), is: recordsByName(now), gone: map[string]bool{}}
	for name, was := range r.was {
		for i := range was {
			if !slices.ContainsFunc(r.is[name], func(is record) bool { return is.environment == "" || is.environment == was[i].environment }) {
				r.gone[name] = true
			}
		}
	}
	return r
}

// differing are the teams of one revision that the other has not just so.
func differing(of, from *repolayout.Repo) []*repolayout.Team {
	digests := map[string]string{}
	for _, team := range from.Teams {
		digests[team.Name] = team.Digest
	}
	return slices.DeleteFunc(slices.Clone(of.Teams), func(team *repolayout.Team) bool {
		return team.Digest != "" && digests[team.Name] == team.Digest
	})
}

func (r *removal) wanted(name string) bool { return r.gone[name] }

// readBy lists the places where a team reads what is gone.
func (r *removal) readBy(team *repolayout.Team) []Finding {
	var uses []metricUse
	for _, file := range team.Rules {
		if !r.mentioned(file.Content) {
			continue
		}
		for i := range file.Groups {
			for j := range file.Groups[i].Rules {
				use := ruleUse{file, &file.Groups[i], j}
				for _, span := range selected(use.rule().Expr, r.wanted) {
					uses = append(uses, use.reads(team.Name, span[0], span[1]))
				}
			}
		}
	}
	for _, f := range team.Dashboards {
		if r.mentioned(f.Content) {
			uses = append(uses, readDashboard(team.Name, f, r.wanted).uses...)
		}
	}
	for _, f := range team.Tests {
		if r.mentioned(f.Content) {
			uses = append(uses, testUses(team.Name, f, r.wanted)...)
		}
	}
	var found []Finding
	for i := range uses {
		if f, ok := r.finding(team, &uses[i]); ok {
			found = append(found, f)
		}
	}
	return found
}

func (r *removal) mentioned(content []byte) bool {
	for name := range r.gone {
		if bytes.Contains(content, []byte(name)) {
			return true
		}
	}
	return false
}

// finding says what became of the series where it is read, if that has lost it.
func (r *removal) finding(team *repolayout.Team, u *metricUse) (Finding, bool) {
	before := u.missing(environmentsOf(r.was[u.name]), r.head.Environments)
	lost := u.missing(environmentsOf(r.is[u.name]), r.head.Environments)
	lost = slices.DeleteFunc(lost, func(e string) bool { return slices.Contains(before, e) })
	if len(lost) == 0 {
		return Finding{}, false
	}
	f := u.finding(team)
	was := r.was[u.name][0]
	f.Check, f.Severity = rulesRemovedRecord, Error
	f.Message = fmt.Sprintf("%s reads %s, which this change records no more", u.by, u.name)
	if lost[0] != elsewhere {
		f.Message += " in " + strings.Join(lost, ", ")
	}
	f.Message += fmt.Sprintf(": the rule stood at %s:%d", was.at.File, was.at.Line)
	f.Hint = r.newName(was)
	if was.team != f.Owner {
		f.Others = []string{was.team}
	}
	return f, true
}

func environmentsOf(records []record) []string {
	var out []string
	for i := range records {
		out = append(out, records[i].environment)
	}
	return out
}

// newName says under which name the series is likely to be recorded now: that
// of a new rule with the same expression, or else the nearest new name.
func (r *removal) newName(was record) string {
	fresh := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(r.is)) {
		if _, old := r.was[name]; old {
			continue
		}
		fresh[name] = true
		for _, now := range r.is[name] {
			if strings.Join(strings.Fields(now.expr), " ") == strings.Join(strings.Fields(was.expr), " ") {
				return fmt.Sprintf("it is recorded as %q now: read that", name)
			}
		}
	}
	if hint := didYouMean(was.name, maps.Keys(fresh)); hint != "" {
		return hint
	}
	return "keep the rule, or change what reads it in the same pull request"
}

// madeElsewhere says whether a check's findings are not among those of
// [Validator.Repo], which so cannot say that a comment silences nothing.
func madeElsewhere(check string) bool {
	area, _, _ := strings.Cut(check, "/")
	return area == "routing" || area == "live" || area == "tests" || check == rulesRemovedRecord
}
