package build

import (
	"fmt"
	"maps"
	"slices"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

// quarantine finds the smallest set of teams whose last good files make a
// revision valid.
//
// A finding that speaks of several teams (two that use one job name, say) is
// laid to those that changed since they were live; if none did, to all of them.
type quarantine struct {
	builder      *Builder
	repo         *repolayout.Repo
	problems     []repolayout.Problem
	environments []*repolayout.Environment
	lastGood     LastGoodFunc

	out     map[string]*standIn
	blocked []validate.Finding // errors that stay whoever is out
}

// standIn is what is live in place of a team's broken files; a nil team is left out.
type standIn struct {
	team       *repolayout.Team
	quarantine Quarantine
}

// settle replaces teams until no error is left, or only such as no quarantine
// helps against, and returns the repo that is to go live.
func (q *quarantine) settle(findings []validate.Finding) (*repolayout.Repo, error) {
	q.out = map[string]*standIn{}
	repo := q.repo
	for errs := validate.Blocking(findings); len(errs) > 0; {
		blamed, err := q.blame(errs)
		if err != nil {
			return nil, err
		}
		if len(blamed) == 0 {
			q.blocked = errs
			return nil, nil
		}
		for team, why := range blamed {
			if err := q.replace(team, why); err != nil {
				return nil, err
			}
		}
		repo = q.repo.WithTeams(q.teams())
		errs = validate.Blocking(q.builder.check(repo, q.left(), q.environments))
	}
	return repo, nil
}

func (q *quarantine) list() []Quarantine {
	var list []Quarantine
	for _, team := range slices.Sorted(maps.Keys(q.out)) {
		list = append(list, q.out[team].quarantine)
	}
	return list
}

// blame lays errors to teams that are not out yet; none when an error is the
// whole repo's, or stays although its team is out.
func (q *quarantine) blame(errs []validate.Finding) (map[string][]validate.Finding, error) {
	blamed := map[string][]validate.Finding{}
	for _, e := range errs {
		suspects, err := q.suspects(e)
		if err != nil || len(suspects) == 0 {
			return nil, err
		}
		for _, team := range suspects {
			blamed[team] = append(blamed[team], e)
		}
	}
	return blamed, nil
}

func (q *quarantine) suspects(e validate.Finding) ([]string, error) {
	if e.Owner == "" {
		return nil, nil
	}
	var in, changed []string
	for _, team := range append([]string{e.Owner}, e.Others...) {
		if q.out[team] != nil {
			continue
		}
		in = append(in, team)
		last, _, err := q.last(team)
		if err != nil {
			return nil, err
		}
		if now := q.repo.Team(team); last == nil || now == nil || last.Digest != now.Digest {
			changed = append(changed, team)
		}
	}
	if len(changed) > 0 {
		return changed, nil
	}
	return in, nil
}

// last is the team as it was live last, nil if it never was.
func (q *quarantine) last(name string) (*repolayout.Team, string, error) {
	last, err := q.lastGood(name)
	if err != nil {
		return nil, "", fmt.Errorf("team %s is broken, and the files that were live last cannot be read: %w", name, err)
	}
	if last == nil {
		return nil, "", nil
	}
	team, _ := q.builder.loader.LoadTeam(last.FS, name)
	return team, last.Revision, nil
}

func (q *quarantine) replace(name string, why []validate.Finding) error {
	team, revision, err := q.last(name)
	if err != nil {
		return err
	}
	if team == nil {
		revision = ""
	}
	q.out[name] = &standIn{team: team, quarantine: Quarantine{Team: name, Revision: revision, Findings: why}}
	return nil
}

// teams is the repo's teams with the stand-ins in place.
func (q *quarantine) teams() []*repolayout.Team {
	var teams []*repolayout.Team
	for _, t := range q.repo.Teams {
		if q.out[t.Name] == nil {
			teams = append(teams, t)
		}
	}
	for _, s := range q.out {
		if s.team != nil {
			teams = append(teams, s.team)
		}
	}
	return teams
}

// left are the loader's problems that no quarantine has taken away, and what
// of the teams that stand in does not fit the rest of the revision.
func (q *quarantine) left() []repolayout.Problem {
	problems := slices.DeleteFunc(slices.Clone(q.problems), func(p repolayout.Problem) bool {
		return p.Owner != "" && q.out[p.Owner] != nil
	})
	for _, s := range q.out {
		if s.team != nil {
			problems = append(problems, q.repo.Fit(s.team)...)
		}
	}
	return problems
}
