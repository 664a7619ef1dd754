package repolayout

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/api/resource"
)

// What one key asks of another cannot be said by a tag; it stands here.

// finishStack shortens the default timeout to the interval, and holds a written one against it.
func (r *report) finishStack(s *Stack) {
	r.finishPolicies(s)
	p := &s.Prometheus
	interval, timeout := lengthOf(p.ScrapeInterval), lengthOf(p.ScrapeTimeout)
	if interval >= timeout {
		return
	}
	const path = "prometheus.scrapeTimeout"
	if at, written := s.Places.find(path); written {
		r.add(badValue, at, "make it at most the interval", "%s: %s is more than scrapeInterval, %s", path, p.ScrapeTimeout, p.ScrapeInterval)
		return
	}
	p.ScrapeTimeout = p.ScrapeInterval
}

func (r *report) withinLimits(res Resources, places Places, path string) {
	for _, name := range slices.Sorted(maps.Keys(res.Limits)) {
		limit := res.Limits[name]
		request, ok := res.Requests[name]
		if !ok || len(r.found) > maxProblems { // finding a place takes time
			continue
		}
		l, errL := resource.ParseQuantity(limit)
		q, errQ := resource.ParseQuantity(request)
		if errL == nil && errQ == nil && q.Cmp(l) > 0 {
			at := places.At(path + ".requests." + name)
			r.add(badValue, at, "ask for less or allow more", "%s: the request %s of %s is more than its limit %s", path, request, name, limit)
		}
	}
}

func lengthOf(d Duration) time.Duration {
	parsed, err := model.ParseDuration(string(d))
	if err != nil {
		return 0
	}
	return time.Duration(parsed)
}
