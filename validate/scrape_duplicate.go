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
	again             *repolayout.Pos // where its team has it a second time, in the same environments
}

// jobsOf is all that other teams need to know of a team: each name once for
// each of the environments that files are for.
func jobsOf(t *repolayout.Team) []jobUse {
	var jobs []jobUse
	known := map[[2]string]int{}
	for _, f := range t.Scrape {
		for _, j := range f.Jobs {
			key := [2]string{f.Environment, j.Name}
			i, twice := known[key]
			switch {
			case j.Name == "":
			case !twice:
				known[key] = len(jobs)
				jobs = append(jobs, jobUse{team: t.Name, environment: f.Environment, name: j.Name, at: j.Pos})
			case jobs[i].again == nil:
				jobs[i].again = &j.Pos
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
	var found []Finding
	for _, m := range memories {
		for i := range m.jobs {
			u := &m.jobs[i]
			byName[u.name] = append(byName[u.name], u)
			if u.again != nil {
				found = append(found, u.duplicate(*u.again, u.at, nil))
			}
		}
	}
	for _, uses := range byName {
		if len(uses) < 2 {
			continue
		}
		for i, u := range uses {
			if first, others := u.clashes(uses, i); first != nil {
				found = append(found, u.duplicate(u.at, first.at, others))
			}
		}
	}
	return found
}

// clashes says with whom a job clashes: any other team, or its own team earlier on.
func (u *jobUse) clashes(uses []*jobUse, index int) (first *jobUse, others []string) {
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
	slices.Sort(others)
	return first, slices.Compact(others)
}

func (u *jobUse) duplicate(at, first repolayout.Pos, others []string) Finding {
	return Finding{
		Check: scrapeDuplicateJob, Severity: Error, Owner: u.team, Pos: at, Others: others,
		Message: fmt.Sprintf("the scrape job %q stands in %s too, at line %d", u.name, first.File, first.Line),
		Hint:    "give each job a name of its own, such as one that begins with the team's",
	}
}

// meets says whether two jobs come together in an environment.
func (u *jobUse) meets(o *jobUse) bool {
	return u.environment == "" || o.environment == "" || u.environment == o.environment
}
