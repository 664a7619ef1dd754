package validate

import repolayout "github.com/watchbill/watchbill/repo-layout"

// checkRepo is all that the checks repo/* find across teams.
func checkRepo(repo *repolayout.Repo, memories []*teamMemory, templates *templateSet) []Finding {
	sizes := make([]teamSizes, len(memories))
	for i, m := range memories {
		sizes[i] = m.sizes
	}
	found := largeShared(repo)
	found = append(found, largeBundles(repo.Environments, sizes)...)
	found = append(found, codeOwnerless(repo)...)
	found = append(found, resourceNames(repo.Environments)...)
	return append(found, templates.unusedTemplates(repo)...)
}

// checkFolder is what they find in one team's folder, by itself.
func checkFolder(t *repolayout.Team) []Finding {
	found := ownerless(t)
	found = append(found, longNames(t)...)
	found = append(found, largeFiles(t)...)
	return append(found, foreignTests(t)...)
}
