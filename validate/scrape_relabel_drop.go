package validate

import (
	"fmt"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/relabel"
)

// dropHint ends what is said of relabelling that keeps nothing.
const dropHint = "mend the rule, or delete the job if it is not wanted"

// relabelled is what became of labels on their way through relabelling rules.
type relabelled struct {
	dropped bool
	rule    int // that dropped them
	why     string
	hint    string
	labels  abstractLabels
}

// relabelDrops reports jobs whose relabelling drops every target, or every
// sample, whatever service discovery finds and targets answer.
func (j *scrapeJob) relabelDrops() {
	first, job := j.relabelTargets()
	if first != nil {
		j.report(scrapeRelabelDrop, nodeAt(j.node, "relabel_configs", first.rule), first.hint,
			"relabelling drops every target, so nothing is scraped: %s", first.why)
		return
	}
	if j.HonorLabels || len(job.values) == 0 || job.mayBeEmpty() {
		job = possible{any: true}
	}
	if r := relabelSample(job, j.MetricRelabelConfigs); r.dropped {
		j.report(scrapeRelabelDrop, nodeAt(j.node, "metric_relabel_configs", r.rule), r.hint,
			"relabelling drops every sample, so nothing is kept: %s", r.why)
	}
}

// relabelTargets is what becomes of the first target if all are dropped, and
// else what their label job can be.
func (j *scrapeJob) relabelTargets() (first *relabelled, job possible) {
	survivors := 0
	for _, t := range discovered(j.ScrapeConfig) {
		r := relabelTarget(t, j.RelabelConfigs)
		if r.dropped {
			if first == nil {
				first = &r
			}
			continue
		}
		if job = job.or(r.labels.of(model.JobLabel)); len(j.MetricRelabelConfigs) == 0 {
			return nil, job
		}
		if survivors++; survivors == maxPossible {
			return nil, possible{any: true}
		}
	}
	if survivors > 0 {
		first = nil
	}
	return first, job
}

func relabelTarget(t discoveredBy, rules []*relabel.Config) relabelled {
	r := relabelled{labels: t.labels}
	r.run(rules, t.source, "a target", model.AddressLabel, model.ScrapeIntervalLabel, model.ScrapeTimeoutLabel)
	if r.dropped {
		return r
	}
	address := r.labels.of(model.AddressLabel)
	if address.any || len(rules) == 0 {
		return r
	}
	for _, v := range address.values {
		if config.CheckTargetAddress(model.LabelValue(v)) == nil {
			return r
		}
	}
	r.dropped, r.rule, r.hint = true, lastSetter(rules, model.AddressLabel), addressHint
	r.why = fmt.Sprintf("%q is no address of a target", clip(address.values[0]))
	return r
}

// relabelSample starts with any sample that a target of such a label job can have.
func relabelSample(job possible, rules []*relabel.Config) relabelled {
	r := relabelled{labels: abstractLabels{
		named: map[string]possible{
			model.MetricNameLabel: {any: true, nonEmpty: true},
			model.JobLabel:        job,
			model.InstanceLabel:   {any: true},
		},
		open: []string{""},
		rest: func(name string) possible {
			if isMeta(name) {
				return exactly("")
			}
			return possible{any: true}
		},
	}}
	r.run(rules, "", "a sample", model.MetricNameLabel)
	return r
}

// run goes through the rules until one drops everything, or one takes away for
// good what the labels cannot be without.
func (r *relabelled) run(rules []*relabel.Config, source, what string, needed ...string) {
	lost := map[string]int{}
	for i, c := range rules {
		names := sourceNames(c)
		from := r.labels.values(names, c.Separator)
		if r.labels.apply(c) {
			r.dropped, r.rule = true, i
			r.why, r.hint = whyDropped(c, names, from, source)
			return
		}
		for _, name := range needed {
			if _, before := lost[name]; !r.labels.of(name).isEmpty() {
				delete(lost, name)
			} else if !before {
				lost[name] = i
			}
		}
	}
	for _, name := range needed {
		if i, ok := lost[name]; ok {
			r.dropped, r.rule = true, i
			r.why = fmt.Sprintf("this rule takes away the label %s, and %s without it is dropped", name, what)
			r.hint = fmt.Sprintf("let the rule leave %s alone", name)
			if rules[i].Action == relabel.LabelKeep {
				r.hint = "labelkeep keeps nothing but what its regex matches: list the labels that are not wanted under labeldrop instead"
			}
			return
		}
	}
}

// whyDropped explains a rule that lets nothing through.
func whyDropped(c *relabel.Config, names []string, from joined, source string) (why, hint string) {
	facts, missing := factsOf(names, from)
	hint = dropHint
	if missing != "" && !isMeta(missing) {
		hint = fmt.Sprintf("a label such as %s is there only after a rule has set it: put this rule behind that one, or look at the __meta_ label that it is made from", missing)
	} else if missing != "" && source == "" {
		hint = fmt.Sprintf("__meta_ labels are gone before metric_relabel_configs: copy %s to a label of its own in relabel_configs", missing)
	} else if missing != "" {
		hint = fmt.Sprintf("targets of %s have no label %s: correct its name, or the service discovery", source, missing)
	}
	words := map[relabel.Action]string{
		relabel.Keep: "keep wants %s to match", relabel.Drop: "drop is for all whose %s matches",
		relabel.KeepEqual: "keepequal wants %s to be equal to", relabel.DropEqual: "dropequal is for all whose %s equals",
	}
	labels := strings.Join(names, " "+strings.TrimSpace(c.Separator)+" ")
	switch {
	case len(names) == 0:
		return fmt.Sprintf("this %s has no source_labels, so all that its regex %q is held against is an empty text", c.Action, clip(c.Regex.String())), "add source_labels"
	case c.Action == relabel.Drop && len(facts) == 0:
		why = fmt.Sprintf("the regex %q of this drop matches everything", clip(c.Regex.String()))
		if c.Regex.String() == relabel.DefaultRelabelConfig.Regex.String() {
			why, hint = "this drop has no regex, and so drops everything", "add a regex that matches what is not wanted, or delete the job"
		}
		return why, hint
	case c.Action == relabel.Keep || c.Action == relabel.Drop:
		why = fmt.Sprintf(words[c.Action], labels) + fmt.Sprintf(" %q", clip(c.Regex.String()))
	default:
		why = fmt.Sprintf(words[c.Action], labels) + " " + c.TargetLabel
	}
	if len(facts) == 0 {
		return why + ", which the rules before leave none of", hint
	}
	return why + ", but " + strings.Join(facts, " and "), hint
}

// factsOf says what is known of the labels that a rule looks at, and names one that is not there.
func factsOf(names []string, from joined) (facts []string, missing string) {
	for i, name := range names {
		switch p := from.parts[i]; {
		case p.any:
		case p.isEmpty():
			facts = append(facts, name+" is not there")
			if missing == "" {
				missing = name
			}
		case len(p.values) == 1:
			facts = append(facts, fmt.Sprintf("%s is always %q", name, clip(p.values[0])))
		case len(p.values) <= 4:
			facts = append(facts, fmt.Sprintf("%s is one of %q", name, p.values))
		}
	}
	return facts, missing
}
