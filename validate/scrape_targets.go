package validate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v3"
)

const addressHint = "write host:port; the scheme goes into __scheme__, and the path into __metrics_path__"

// staticTargets relabels the targets that stand in the file as Prometheus does,
// and reports those that it would then leave out, as promtool does. Such a job is
// an error: of its targets nothing has to be guessed.
func (j *scrapeJob) staticTargets() (wrong bool) {
	eachWrongTarget(j.ScrapeConfig, func(err error, target, group model.LabelSet, g, t int) {
		wrong = true
		j.wrongTarget(err, discoveredBy{"static_configs", staticLabels(j.ScrapeConfig, target, group)},
			string(target[model.AddressLabel]), nodeAt(j.node, "static_configs", g, "targets", t))
	})
	return wrong
}

// eachWrongTarget goes over the targets of a job that it cannot scrape.
func eachWrongTarget(job *config.ScrapeConfig, do func(err error, target, group model.LabelSet, g, t int)) {
	builder := labels.NewBuilder(labels.EmptyLabels())
	for _, sd := range job.ServiceDiscoveryConfigs {
		groups, _ := sd.(discovery.StaticConfig)
		for g, group := range groups {
			for t, target := range group.Targets {
				if err := relabelStatic(builder, job, target, group.Labels); err != nil {
					do(err, target, group.Labels, g, t)
				}
			}
		}
	}
}

// wrongTarget stands at the rule that made the target wrong where it is known, or
// else at the target.
func (j *scrapeJob) wrongTarget(err error, t discoveredBy, name string, at *yaml.Node) {
	why, hint := "after relabelling "+err.Error(), "mend the rules under relabel_configs, or the labels of the target"
	setter := func(label string) bool {
		return slices.ContainsFunc(j.RelabelConfigs, func(c *relabel.Config) bool { return c.TargetLabel == label })
	}
	switch r := relabelTarget(t, j.RelabelConfigs); {
	case errors.Is(err, errAddress):
		hint = addressHint
		if setter(model.AddressLabel) {
			at = nodeAt(j.node, "relabel_configs", lastSetter(j.RelabelConfigs, model.AddressLabel))
		}
	case r.dropped:
		why, hint, at = r.why, r.hint, nodeAt(j.node, "relabel_configs", r.rule)
	}
	j.report(scrapeSyntax, at, hint, "Prometheus would leave out the target %q: %s", clip(name), why)
	j.found[len(j.found)-1].Severity = Error
}

// lastSetter is the number of the last rule that sets a label.
func lastSetter(rules []*relabel.Config, label string) int {
	for i, c := range slices.Backward(rules) {
		if c.TargetLabel == label {
			return i
		}
	}
	return 0
}

// relabelStatic is what Prometheus has against a target, by the order in which it
// looks: its own function for that stands in a package with all of scraping.
func relabelStatic(b *labels.Builder, job *config.ScrapeConfig, target, group model.LabelSet) error {
	b.Reset(labels.EmptyLabels())
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
	if !relabel.ProcessBuilder(b, job.RelabelConfigs...) {
		return nil
	}
	address := b.Get(model.AddressLabel)
	if address == "" {
		return errors.New("it has no address")
	}
	if err := config.CheckTargetAddress(model.LabelValue(address)); err != nil {
		return fmt.Errorf("%w%w", errAddress, err)
	}
	if err := timesOf(b); err != nil {
		return err
	}
	for _, name := range classicLabels {
		if v := b.Get(name); v != "" {
			if _, err := strconv.ParseBool(v); err != nil {
				return fmt.Errorf("its label %s is %q, and not true or false", name, clip(v))
			}
		}
	}
	return b.Labels().Validate(func(l labels.Label) error {
		if !model.LabelValue(l.Value).IsValid() {
			return fmt.Errorf("its label %s is no UTF-8", l.Name)
		}
		return nil
	})
}

var errAddress = errors.New("its address ")

// timesOf holds the interval and timeout that relabelling may have set.
func timesOf(b *labels.Builder) error {
	var times [2]time.Duration
	for i, name := range []string{model.ScrapeIntervalLabel, model.ScrapeTimeoutLabel} {
		d, err := model.ParseDuration(b.Get(name))
		if err != nil || d == 0 {
			return fmt.Errorf("its label %s is %q, and not a time such as 30s", name, clip(b.Get(name)))
		}
		times[i] = time.Duration(d)
	}
	if times[1] > times[0] {
		return fmt.Errorf("its %s %s is longer than its %s %s", model.ScrapeTimeoutLabel, b.Get(model.ScrapeTimeoutLabel), model.ScrapeIntervalLabel, b.Get(model.ScrapeIntervalLabel))
	}
	return nil
}
