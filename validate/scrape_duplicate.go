package validate

import (
	"fmt"
	"slices"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// jobUse is a scrape job's name and where it stands.
type jobUse struct {
	team, environment string
	name              string
	at                repolayout.Pos
}

// jobsOf is all that other teams need to know of a team.
func jobsOf(t *repolayout.Team) []jobUse {
	var jobs []jobUse
	for _, f := range t.Scrape {
		for _, j := range f.Jobs {
			if j.Name != "" {
				jobs = append(jobs, jobUse{t.Name, f.Environment, j.Name, j.Pos})
			}
		}
	}
	return jobs
}

// duplicateJobs reports jobs that Prometheus would find under one name, which
// makes it refuse everyone's configuration. Of two teams both are named, since
// nothing here says who was first; inside a team it is the later one.
func duplicateJobs(memories []*teamMemory) []Finding {
	byName := make(map[string][]*jobUse, 8*len(memories))
	for _, m := range memories {
		for i := range m.jobs {
			byName[m.jobs[i].name] = append(byName[m.jobs[i].name], &m.jobs[i])
		}
	}
	var found []Finding
	for _, uses := range byName {
		if len(uses) < 2 {
			continue
		}
		for i, u := range uses {
			if f, ok := u.duplicate(uses, i); ok {
				found = append(found, f)
			}
		}
	}
	return found
}

// duplicate says whom a job clashes with: any other team, or its own team earlier on.
func (u *jobUse) duplicate(uses []*jobUse, index int) (Finding, bool) {
	var first *jobUse
	var others []string
	for i, o := range uses {
		if i == index || o.team == u.team && i > index || !o.meets(u) {
			continue
		}
		if first == nil {
			first = o
		}
		if o.team != u.team {
			others = append(others, o.team)
		}
	}
	if first == nil {
		return Finding{}, false
	}
	slices.Sort(others)
	return Finding{
		Check: scrapeDuplicateJob, Severity: Error, Owner: u.team, Pos: u.at, Others: slices.Compact(others),
		Message: fmt.Sprintf("the scrape job %q stands in %s too, at line %d", u.name, first.at.File, first.at.Line),
		Hint:    "give each job a name of its own, such as one that begins with the team's",
	}, true
}

// meets says whether two jobs come together in an environment.
func (u *jobUse) meets(o *jobUse) bool {
	return u.environment == "" || o.environment == "" || u.environment == o.environment
}
