package validate

import (
	"cmp"
	"fmt"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// codeOwnerless warns of teams of whose folder nobody owns anything by the file
// CODEOWNERS, where the repo has one.
func codeOwnerless(repo *repolayout.Repo) []Finding {
	owners := repo.CodeOwners
	if owners == nil {
		return nil
	}
	var found []Finding
	for _, t := range repo.Teams {
		line, owned := 0, false
		for _, file := range filesOf(t) {
			ok, by := owners.Owned(file)
			if owned = ok; owned {
				break
			}
			line = cmp.Or(line, by)
		}
		if owned {
			continue
		}
		f := Finding{
			Check: repoCodeowners, Severity: Warning, Owner: t.Name, Pos: placeOr(t.Spec.Pos, repolayout.Pos{File: "teams/" + t.Name}),
			Message: fmt.Sprintf("no pattern of %s owns teams/%s, so a change of it needs nobody's approval", owners.Path, t.Name),
			Hint:    fmt.Sprintf("add a line such as /teams/%s/ and who owns it, an @user, an @organization/team or an address", t.Name),
		}
		if line > 0 {
			f.Message = fmt.Sprintf("line %d of %s names nobody who owns teams/%s, so a change of it needs nobody's approval", line, owners.Path, t.Name)
			f.Hint = "write behind the pattern who owns it, an @user, an @organization/team or an address; the last line that matches holds"
		}
		found = append(found, f)
	}
	return firstOf(found)
}

// filesOf are the paths of a team's files.
func filesOf(t *repolayout.Team) []string {
	files := []string{"teams/" + t.Name + "/team.yaml"}
	for _, f := range t.Rules {
		files = append(files, f.Path)
	}
	for _, f := range t.Scrape {
		files = append(files, f.Path)
	}
	for _, f := range t.Tests {
		files = append(files, f.Path)
	}
	for _, f := range t.Dashboards {
		files = append(files, f.Path)
	}
	return files
}
