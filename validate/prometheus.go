package validate

import (
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// PrometheusConfig checks a rendered prometheus.yml, with every kind of service
// discovery known. Files that it names are not read: the rules and scrape files
// have checks of their own, and what lies in the pod only Prometheus can see.
func PrometheusConfig(path string, content []byte) (found []Finding) {
	defer survive(&found, prometheusConfig, "", path)
	parsed, err := config.Load(string(content), slog.New(slog.DiscardHandler))
	if err == nil {
		for _, job := range parsed.ScrapeConfigs {
			eachWrongTarget(job, func(err error, target, _ model.LabelSet, _, _ int) {
				found = append(found, Finding{
					Check: prometheusConfig, Severity: Error, Pos: repolayout.Pos{File: path}, Hint: addressHint,
					Message: fmt.Sprintf("job %q: Prometheus would leave out the target %q: after relabelling %v", clip(job.JobName), clip(string(target[model.AddressLabel])), err),
				})
			})
		}
		return firstOf(Sort(found))
	}
	found = yamlFindings(prometheusConfig, "", &repolayout.File{Path: path, Content: content}, err, prometheusKeys())
	for i := range found {
		if strings.Contains(found[i].Message, "global scrape timeout greater") {
			found[i].Hint = "in watchbill.yaml, make prometheus.scrapeTimeout shorter than prometheus.scrapeInterval"
		}
	}
	return Sort(found)
}

// prometheusKeys are the keys of Prometheus's configuration, for suggestions.
func prometheusKeys() iter.Seq[string] { return slices.Values(allPrometheusKeys()) }

var allPrometheusKeys = sync.OnceValue(func() []string {
	keys := map[string]bool{"static_configs": true, "targets": true, "labels": true}
	yamlKeys(reflect.TypeFor[config.Config](), keys, map[reflect.Type]bool{})
	yamlKeys(reflect.TypeFor[targetgroup.Group](), keys, map[reflect.Type]bool{})
	for _, name := range discovery.RegisteredConfigNames() {
		keys[name+"_sd_configs"] = true
	}
	delete(keys, "static_sd_configs")
	return slices.Sorted(maps.Keys(keys))
})

// yamlKeys collects the keys of a type and of all types in it.
func yamlKeys(t reflect.Type, keys map[string]bool, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "-" || !f.IsExported() {
			continue
		}
		if key != "" {
			keys[key] = true
		}
		yamlKeys(f.Type, keys, seen)
	}
}
