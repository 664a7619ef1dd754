package validate

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// longestFile is how long the name of a file may be: file systems take 255
// bytes, and the agent, who writes it, spells .yml as .yaml.
const longestFile = 254

// longNames reports files that cannot be written in the pod under their name.
func longNames(t *repolayout.Team) []Finding {
	var found []Finding
	for _, f := range teamFiles(t) {
		if name := path.Base(f.Path); len(name) > longestFile {
			found = append(found, Finding{
				Check: repoName, Severity: Error, Owner: t.Name, Pos: repolayout.Pos{File: f.Path},
				Message: fmt.Sprintf("the name of the file takes %d bytes; the most is %d", len(name), longestFile),
				Hint:    "give it a shorter name; Prometheus knows rule groups by their file, so alerts of it that are pending or firing begin anew",
			})
		}
	}
	return found
}

// teamFiles are the team's files that travel to a pod.
func teamFiles(t *repolayout.Team) []*repolayout.File {
	files := slices.Clone(t.Dashboards)
	for _, f := range t.Rules {
		files = append(files, f.File)
	}
	for _, f := range t.Scrape {
		files = append(files, f.File)
	}
	return files
}

// resourceNames reports resources that Kubernetes knows none of for a container:
// the API server would refuse the whole object.
func resourceNames(environments []*repolayout.Environment) []Finding {
	var found []Finding
	for _, e := range environments {
		for _, of := range []struct {
			path string
			repolayout.Resources
		}{
			{"prometheus", e.Prometheus.Resources}, {"alertmanager", e.Alertmanager.Resources},
			{"query", e.Query.Resources}, {"query.frontend", e.Query.Frontend.Resources}, {"store", e.Store.Resources},
			{"grafana", e.Grafana.Resources}, {"ship", e.Ship.Resources}, {"compact", e.Compact.Resources}, {"retain", e.Retain.Resources},
		} {
			for kind, amounts := range map[string]map[string]string{"requests": of.Requests, "limits": of.Limits} {
				for _, name := range slices.Sorted(maps.Keys(amounts)) {
					if isResource(name) {
						continue
					}
					key := of.path + ".resources." + kind + "." + name
					hint := didYouMean(name, slices.Values(containerResources))
					if hint == "" {
						hint = "write cpu, memory, ephemeral-storage, or a device's name such as example.org/gpu"
					}
					found = append(found, Finding{
						Check: repoName, Severity: Error, Pos: placeOr(e.Places.At(key), e.Pos), Hint: hint,
						Message: fmt.Sprintf("Kubernetes knows no resource %q for a container", clip(name)),
					})
				}
			}
		}
	}
	return found
}

var containerResources = []string{"cpu", "memory", "ephemeral-storage"}

func isResource(name string) bool {
	if domain, _, qualified := strings.Cut(name, "/"); qualified {
		return len(validation.IsQualifiedName(name)) == 0 && domain != "kubernetes.io" && !strings.HasSuffix(domain, ".kubernetes.io")
	}
	return slices.Contains(containerResources, name)
}
