package validate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
)

// relabelGenerator makes relabelling rules over few labels and values, so that they often meet.
type relabelGenerator struct{ *rand.Rand }

func (g relabelGenerator) of(choices ...string) string { return choices[g.IntN(len(choices))] }

func (g relabelGenerator) label() string {
	return g.of("job", "a", "b", "__address__", "__meta_consul_x", "__meta_consul_y", "__meta_dns_x", "__tmp")
}

func (g relabelGenerator) value() string { return g.of("", "x", "y", "xy", "h:1", "1") }

func (g relabelGenerator) rule(t *testing.T) *relabel.Config {
	c := relabel.DefaultRelabelConfig
	c.NameValidationScheme = model.UTF8Validation
	c.Action = relabel.Action(g.of("keep", "keep", "drop", "drop", "replace", "replace", "replace", "keepequal", "dropequal", "hashmod", "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase"))
	switch c.Action {
	case relabel.LabelDrop, relabel.LabelKeep, relabel.LabelMap:
		c.Regex = relabel.MustNewRegexp(g.of("a|b", "__meta_consul_(.+)", "__.*", "__.+|job|a", "b.*", "(.*)"))
		if c.Action == relabel.LabelMap {
			c.Replacement = g.of("$1", "a", "__tmp", "${1}y", "__meta_consul_$1")
		}
		return &c
	}
	for range 1 + g.IntN(2) {
		c.SourceLabels = append(c.SourceLabels, model.LabelName(g.label()))
	}
	if c.Action != relabel.Keep && c.Action != relabel.Drop {
		c.TargetLabel = g.label()
	}
	switch c.Action {
	case relabel.HashMod:
		c.Modulus = uint64(1 + g.IntN(3))
	case relabel.Keep, relabel.Drop, relabel.Replace:
		c.Regex = relabel.MustNewRegexp(g.of("(.*)", "x", "x|y", ".+", "", "x.*", "(x);(.*)", ".*y", "[^x]*", "0|1", "(.+);(.+)", "x?", ".*;x"))
	}
	if c.Action == relabel.Replace {
		c.Replacement = g.of("$1", "x", "", "${1}y", "h:1")
		c.TargetLabel = g.of(c.TargetLabel, c.TargetLabel, "$1", "a$1")
	}
	if err := c.Validate(model.UTF8Validation); err != nil {
		t.Fatal(err)
	}
	return &c
}

// TestRelabelDropIsRight holds what is said of all targets against what
// Prometheus makes of many: where everything is said to be dropped, it drops
// each; of targets that are known, the verdicts are the same.
func TestRelabelDropIsRight(t *testing.T) {
	g := relabelGenerator{rand.New(rand.NewPCG(1, 2))}
	said, dropped := 0, 0
	for range 20_000 {
		var rules []*relabel.Config
		for range 1 + g.IntN(4) {
			rules = append(rules, g.rule(t))
		}
		group := model.LabelSet{}
		for range g.IntN(4) {
			group[model.LabelName(g.of("a", "b", "__meta_consul_x", "__meta_consul_y"))] = model.LabelValue(g.value())
		}
		target := model.LabelSet{model.AddressLabel: "h:1"}
		job := config.DefaultScrapeConfig
		job.JobName, job.RelabelConfigs = "x", rules
		job.ScrapeInterval, job.ScrapeTimeout = model.Duration(30e9), model.Duration(10e9)
		static := discovery.StaticConfig{&targetgroup.Group{Targets: []model.LabelSet{target}, Labels: group}}

		gone := isDropped(&job, target, group)
		if gone {
			dropped++
		}
		job.ServiceDiscoveryConfigs = discovery.Configs{static}
		if first, _ := (&scrapeJob{ScrapeConfig: &job}).relabelTargets(); first != nil && !gone {
			t.Fatalf("%s: a target %v is said to be dropped, and is not", rulesText(rules), group)
		} else if first == nil && gone && !uncertain(rules) {
			t.Fatalf("%s: the target %v is dropped, which was not seen", rulesText(rules), group)
		}
		delete(group, "a")
		delete(group, "b")
		job.ServiceDiscoveryConfigs = discovery.Configs{&consul.SDConfig{}}
		if first, _ := (&scrapeJob{ScrapeConfig: &job}).relabelTargets(); first != nil {
			if said++; !isDropped(&job, target, group) {
				t.Fatalf("%s: all targets are said to be dropped, but %v is not", rulesText(rules), group)
			}
		}
	}
	if said < 1000 || dropped < 1000 {
		t.Errorf("only %d of the rules were said to drop everything, and %d did", said, dropped)
	}
}

// isDropped lets upstream's own code relabel a target, as package scrape does
// before and after it.
func isDropped(job *config.ScrapeConfig, target, group model.LabelSet) bool {
	b := labels.NewBuilder(labels.EmptyLabels())
	for _, set := range []model.LabelSet{group, target} {
		for name, value := range set {
			b.Set(string(name), string(value))
		}
	}
	for name, value := range jobLabels(job) {
		if b.Get(name) == "" {
			b.Set(name, value)
		}
	}
	if !relabel.ProcessBuilder(b, job.RelabelConfigs...) || config.CheckTargetAddress(model.LabelValue(b.Get(model.AddressLabel))) != nil {
		return true
	}
	return b.Get(model.AddressLabel) == "" || b.Get(model.ScrapeIntervalLabel) == "" || b.Get(model.ScrapeTimeoutLabel) == ""
}

// uncertain says whether rules name labels or hashes in a way that is not followed.
func uncertain(rules []*relabel.Config) bool {
	for _, c := range rules {
		if c.Action == relabel.HashMod || c.TargetLabel == "$1" || c.TargetLabel == "a$1" || c.TargetLabel == "__address__" || c.Action == relabel.LabelMap {
			return true
		}
	}
	return false
}

func rulesText(rules []*relabel.Config) (text string) {
	for _, c := range rules {
		text += fmt.Sprintf("\n%s %q %q -> %s %q", c.Action, c.SourceLabels, c.Regex, c.TargetLabel, c.Replacement)
	}
	return text
}
