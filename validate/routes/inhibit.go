package routes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/inhibit"
)

// maxPairs bounds how many alerts are put beside each other for one inhibition rule.
const maxPairs = 1_000_000

// inhibitor is an inhibition rule, compiled.
type inhibitor struct {
	rule           *inhibit.InhibitRule
	source, target []test
	equal          []string
}

// Inhibition is an alert that an inhibition rule could keep quiet.
type Inhibition struct {
	// Rule is the inhibition rule as one would say it.
	Rule  string `json:"rule"`
	Team  string `json:"team"`
	Alert string `json:"alert"`
	// Sources are alerts that may keep it quiet while they fire, "TEAM/ALERT", at most ten.
	Sources []string `json:"sources"`
	// Undecided says that there were too many alerts to look at.
	Undecided string `json:"undecided,omitempty"`
}

func inhibitRules(c *config.Config) []*inhibit.InhibitRule {
	var out []*inhibit.InhibitRule
	for _, r := range c.InhibitRules {
		out = append(out, inhibit.NewInhibitRule(r))
	}
	return out
}

func (t *Tree) inhibitor(r *inhibit.InhibitRule, passing map[string]atoms) *inhibitor {
	in := &inhibitor{rule: r, source: t.tests(r.SourceMatchers, passing), target: t.tests(r.TargetMatchers, passing)}
	for _, name := range slices.Sorted(maps.Keys(r.Equal)) {
		in.equal = append(in.equal, string(name))
	}
	return in
}

func (in *inhibitor) String() string {
	s := fmt.Sprintf("%s quiets %s", in.rule.SourceMatchers, in.rule.TargetMatchers)
	if len(in.equal) > 0 {
		s += " of the same " + strings.Join(in.equal, ", ")
	}
	return s
}

// candidate is an alert as inhibition sees it.
type candidate struct {
	alert *Alert
	known Labels
	box   box
}

// Inhibited lists the alerts that may have one of the severities, usually
// "critical", and that an inhibition rule could keep quiet while another alert
// of the same environment fires. As Alertmanager does, it lets no alert be kept
// quiet by one that matches both sides if it matches both itself.
func (t *Tree) Inhibited(alerts []Alert, sender *Sender, k *Knower, pages ...string) []Inhibition {
	all := make([]candidate, len(alerts))
	for i := range alerts {
		known := k.among(&alerts[i], sender, t)
		for _, in := range t.inhibitors {
			for _, name := range in.equal {
				known = known.With(name, k.label(&alerts[i], sender, name))
			}
		}
		b, _ := t.boxOf(known)
		all[i] = candidate{alert: &alerts[i], known: known, box: b}
	}
	var out []Inhibition
	for _, in := range t.inhibitors {
		out = append(out, t.inhibitedBy(in, all, k, sender, pages)...)
	}
	return out
}

func (t *Tree) inhibitedBy(in *inhibitor, all []candidate, k *Knower, sender *Sender, pages []string) []Inhibition {
	var out []Inhibition
	var sources []*candidate
	for i := range all {
		if may(all[i].box, in.source, t) {
			sources = append(sources, &all[i])
		}
	}
	pairs := 0
	for i := range all {
		target := t.paging(&all[i], pages, k, sender)
		if target == nil || !may(target.box, in.target, t) {
			continue
		}
		found := Inhibition{Rule: in.String(), Team: target.alert.Team, Alert: target.alert.Name}
		for _, source := range sources {
			if pairs++; pairs > maxPairs {
				found.Undecided = "there are too many alerts that the rule may match"
				return append(out, found)
			}
			if t.quiets(in, source, target) {
				found.Sources = append(found.Sources, source.alert.Team+"/"+source.alert.Name)
			}
		}
		if slices.Sort(found.Sources); len(found.Sources) > 0 {
			found.Sources = slices.Compact(found.Sources)
			found.Sources = found.Sources[:min(10, len(found.Sources))]
			out = append(out, found)
		}
	}
	return out
}

// paging is the alert as far as it has one of the severities; nil if it never has.
func (t *Tree) paging(c *candidate, pages []string, k *Knower, sender *Sender) *candidate {
	v := k.label(c.alert, sender, severityLabel).meet(OneOf(pages...))
	if v.none() {
		return nil
	}
	known := c.known.With(severityLabel, v)
	b, _ := t.boxOf(known)
	return &candidate{alert: c.alert, known: known, box: b}
}

// may says whether some label set of the box passes all tests.
func may(b box, tests []test, t *Tree) bool {
	for _, x := range tests {
		if t.labels[x.label].complete && !b[x.label].meets(x.passing) {
			return false
		}
		b = b.with(x.label, b[x.label].and(x.passing))
	}
	return true
}

// must says whether all label sets of the box pass all tests.
func must(b box, tests []test, t *Tree) bool {
	return !slices.ContainsFunc(tests, func(x test) bool { return !t.labels[x.label].complete || !b[x.label].within(x.passing) })
}

// quiets says whether a firing source may keep the target quiet.
func (t *Tree) quiets(in *inhibitor, source, target *candidate) bool {
	for _, name := range in.equal {
		if source.known.Of(name).meet(target.known.Of(name)).none() {
			return false
		}
	}
	return !must(source.box, in.target, t) || !must(target.box, in.source, t)
}
