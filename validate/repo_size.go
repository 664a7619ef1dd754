package validate

import (
	"fmt"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// The limits that a repo can come near to, in bytes. Those of chunks and the
// index are as package render/bundle has them.
const (
	fileLimit     = 4 << 20 // beyond, the loader reads no file
	templateLimit = maxTemplateFile
	chunkSize     = 880 << 10 // of one ConfigMap
	indexLimit    = 1 << 20   // of the ConfigMap that lists the chunks
	indexEntry    = 2 * 71    // a chunk's digest in it: of the wanted bundle, and of the last good
	etcdLimit     = 2 << 30   // of all objects of the cluster, where nobody has raised it
	etcdShare     = etcdLimit / 4
)

// nearly is from where a limit is near.
func nearly(size, limit int) bool { return size > limit/5*4 }

// teamSizes is how much of a team goes to Prometheus and Grafana, in bytes.
type teamSizes struct {
	shared     int            // in every environment
	only       map[string]int // in one
	dashboards int
}

func sizesOf(t *repolayout.Team) teamSizes {
	s := teamSizes{only: map[string]int{}}
	add := func(environment string, f *repolayout.File) {
		if environment == "" {
			s.shared += len(f.Content)
		} else {
			s.only[environment] += len(f.Content)
		}
	}
	for _, f := range t.Rules {
		add(f.Environment, f.File)
	}
	for _, f := range t.Scrape {
		add(f.Environment, f.File)
	}
	for _, f := range t.Dashboards {
		s.dashboards += len(f.Content)
	}
	return s
}

// largeFiles warns of a team's files that the loader will soon refuse.
func largeFiles(t *repolayout.Team) []Finding {
	var found []Finding
	for _, f := range append(teamFiles(t), t.Tests...) {
		found = append(found, largeFile(f, t.Name, fileLimit)...)
	}
	return found
}

// largeShared is largeFiles for those of the whole repo.
func largeShared(repo *repolayout.Repo) []Finding {
	var found []Finding
	for _, f := range repo.Patches {
		found = append(found, largeFile(f, "", fileLimit)...)
	}
	for _, f := range repo.Templates {
		if len(f.Content) <= templateLimit {
			found = append(found, largeFile(f, "", templateLimit)...)
		}
	}
	return found
}

func largeFile(f *repolayout.File, owner string, limit int) []Finding {
	if !nearly(len(f.Content), limit) {
		return nil
	}
	return []Finding{{
		Check: repoSize, Severity: Warning, Owner: owner, Pos: repolayout.Pos{File: f.Path},
		Message: fmt.Sprintf("the file takes %s; one of more than %s is refused", bytesText(len(f.Content)), bytesText(limit)),
		Hint:    "make several files of it",
	}}
}

// largeBundles warns of environments whose bundles come near to what a cluster holds.
func largeBundles(environments []*repolayout.Environment, sizes []teamSizes) []Finding {
	var found []Finding
	report := func(e *repolayout.Environment, hint, format string, args ...any) {
		found = append(found, Finding{
			Check: repoSize, Severity: Warning, Pos: placeOr(e.Pos, repolayout.Pos{File: "environments/" + e.Name + ".yaml"}),
			Message: fmt.Sprintf(format, args...), Hint: hint,
		})
	}
	for _, e := range environments {
		chunks, all := 0, 0
		for _, s := range sizes {
			size := s.shared + s.only[e.Name]
			chunks += (size + chunkSize - 1) / chunkSize
			if all += size; e.Grafana.Replicas > 0 {
				all += s.dashboards
			}
		}
		if index := chunks * indexEntry; nearly(index, indexLimit) {
			report(e, "join small teams, or move teams to another environment",
				"Prometheus's files make %d ConfigMaps or more, and the index that lists them takes %s of the %s that a ConfigMap holds", chunks, bytesText(index), bytesText(indexLimit))
		}
		if all > etcdShare {
			report(e, "take out what is not used, or move teams to another environment; etcd's --quota-backend-bytes can be raised",
				"the files of all teams take %s; with those of the last good revision and of one on its way that comes near the %s that etcd holds unless it is told otherwise", bytesText(all), bytesText(etcdLimit))
		}
	}
	return found
}

func bytesText(n int) string {
	if n >= 10<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
