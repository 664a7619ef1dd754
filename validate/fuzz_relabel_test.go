package validate

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	yamlv2 "go.yaml.in/yaml/v2"
)

// FuzzRelabelDrop: of whatever rules, where all targets are said to be dropped,
// Prometheus's own code drops one that there could be.
func FuzzRelabelDrop(f *testing.F) {
	for _, seed := range []string{
		"- {action: keep, source_labels: [app], regex: payments}", "- {action: drop}", "- {action: keep, source_labels: [a], regex: x}",
		"- {target_label: a, replacement: x}\n- {action: keep, source_labels: [a, __meta_consul_x], separator: '', regex: 'x?|y'}",
		"- {action: labelmap, regex: '__meta_consul_(.+)'}\n- {action: keepequal, source_labels: [x], target_label: job}",
		"- {action: hashmod, source_labels: [a], target_label: __tmp, modulus: 2}\n- {action: keep, source_labels: [__tmp], regex: '3'}",
		"- {action: labelkeep, regex: 'a|job'}", "- {action: replace, target_label: __address__, replacement: 'http://x'}",
		"- {action: lowercase, source_labels: [a], target_label: b}\n- {action: drop, source_labels: [b], regex: '[^A-Z]*'}",
		"- {action: drop, source_labels: [a], regex: '((((x{0,9}){0,9}){0,9}){0,9}){0,9}'}", "- {action: drop, source_labels: [a, a, a, a], regex: '(.*)(.*)(.*)(.*)y?'}",
	} {
		f.Add(seed, "x", "y")
	}
	f.Fuzz(func(t *testing.T, rules, a, b string) {
		job := config.DefaultScrapeConfig
		if err := yamlv2.UnmarshalStrict([]byte(rules), &job.RelabelConfigs); err != nil || slices.Contains(job.RelabelConfigs, nil) {
			return // a job with an empty rule is none to the decoder
		}
		job.JobName, job.ScrapeInterval, job.ScrapeTimeout = "x", model.Duration(30*time.Second), model.Duration(10*time.Second)
		if err := job.Validate(config.DefaultGlobalConfig); err != nil || !model.LabelValue(a).IsValid() || !model.LabelValue(b).IsValid() {
			return
		}
		target := model.LabelSet{model.AddressLabel: "h:1"}
		group := model.LabelSet{"a": model.LabelValue(a), "__meta_consul_x": model.LabelValue(b)}
		began := time.Now()
		for _, found := range []discovery.Config{
			discovery.StaticConfig{&targetgroup.Group{Targets: []model.LabelSet{target}, Labels: group}}, &consul.SDConfig{},
		} {
			job.ServiceDiscoveryConfigs = discovery.Configs{found}
			if first, _ := (&scrapeJob{ScrapeConfig: &job}).relabelTargets(); first != nil && !isDropped(&job, target, group) {
				t.Errorf("all targets of %s are said to be dropped, but %v is not", found.Name(), group)
			}
			delete(group, "a") // service discovery has no such label
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it takes %v", took)
		}
	})
}
