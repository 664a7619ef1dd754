package validate

import (
	"fmt"
	"maps"
	"net/url"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// sharedBuckets reports environments that write to one place of one bucket
// with the same external labels. Their blocks could not be told apart: they
// would be compacted together, and deduplicated as replicas of each other.
func sharedBuckets(environments []*repolayout.Environment) []Finding {
	var found []Finding
	for _, same := range byStore(environments) {
		for _, e := range same {
			for _, other := range same {
				if e == other || !maps.Equal(externalLabels(e), externalLabels(other)) {
					continue
				}
				found = append(found, Finding{
					Check: environmentLabels, Severity: Error, Pos: e.Places.At("labels"),
					Message: fmt.Sprintf("%s and %s write to the bucket %q with the same external labels, so their blocks could not be told apart", e.Name, other.Name, e.ObjectStore.Bucket),
					Hint:    fmt.Sprintf("give each a label of its own, such as environment: %s, or a prefix or bucket of its own", e.Name),
				})
				break
			}
		}
	}
	return found
}

// byStore groups the environments that have a bucket by where in it they write.
func byStore(environments []*repolayout.Environment) map[string][]*repolayout.Environment {
	byPlace := map[string][]*repolayout.Environment{}
	for _, e := range environments {
		if e.ObjectStore != nil && e.ObjectStore.Bucket != "" {
			place := placeInStore(e.ObjectStore)
			byPlace[place] = append(byPlace[place], e)
		}
	}
	return byPlace
}

// placeInStore is equal for environments whose objects lie beside each other.
// All of AWS is one place, as no two of its buckets have the same name.
func placeInStore(s *repolayout.ObjectStore) string {
	server := "aws"
	if u, err := url.Parse(s.Endpoint); err == nil && s.Endpoint != "" && !strings.HasSuffix(u.Hostname(), ".amazonaws.com") {
		server = strings.ToLower(u.Host)
	}
	return fmt.Sprintf("%q %q %q", server, s.Bucket, s.Prefix)
}

// externalLabels are those that tell an environment's blocks apart; an empty one is none.
func externalLabels(e *repolayout.Environment) map[string]string {
	labels := maps.Clone(e.Labels)
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	return labels
}
