package validate

import (
	"github.com/prometheus/common/model"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// forLimits reports alerts that wait, or hold on, for other times than policies.rules allows.
func forLimits(v *ruleView) {
	if v.rule.Alert == "" {
		return
	}
	p := v.policies
	if least, ok := limit(p.MinFor); ok && v.rule.For < least {
		v.report(rulesFor, Error, v.name(), "the limit is policies.rules.minFor in watchbill.yaml", "for is %s; the least is %s", v.rule.For, least)
	}
	if most, ok := limit(p.MaxFor); ok && v.rule.For > most {
		v.report(rulesFor, Error, v.name(), "the limit is policies.rules.maxFor in watchbill.yaml", "for is %s; the most is %s", v.rule.For, most)
	}
	if most, ok := limit(p.MaxKeepFiringFor); ok && v.rule.KeepFiringFor > most {
		v.report(rulesFor, Error, v.name(), "the limit is policies.rules.maxKeepFiringFor in watchbill.yaml",
			"keep_firing_for is %s; the most is %s", v.rule.KeepFiringFor, most)
	}
}

// limit reads a duration of the policies; nothing is no limit.
func limit(written repolayout.Duration) (model.Duration, bool) {
	d, err := model.ParseDuration(string(written))
	return d, err == nil
}
