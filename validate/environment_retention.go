package validate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// sharedRetention reports environments that let go of blocks in one place of
// one bucket by different rules. Each job sees every block there, so that what
// one environment keeps the other would let go.
func sharedRetention(environments []*repolayout.Environment) []Finding {
	var found []Finding
	for _, same := range byStore(environments) {
		same = slices.DeleteFunc(same, func(e *repolayout.Environment) bool { return e.Retain.Schedule == "never" })
		for _, e := range same {
			i := slices.IndexFunc(same, func(other *repolayout.Environment) bool { return rulesOf(e) != rulesOf(other) })
			if i < 0 {
				continue
			}
			found = append(found, Finding{
				Check: environmentRetention, Severity: Error, Pos: e.Places.At("retention"),
				Message: fmt.Sprintf("%s and %s let go of blocks in the bucket %q by different rules", e.Name, same[i].Name, e.ObjectStore.Bucket),
				Hint:    "write the same retention in both, or retain: {schedule: never} in all but one of them",
			})
		}
	}
	return found
}

// rulesOf is the same text for environments that let go of the same blocks.
func rulesOf(e *repolayout.Environment) string {
	r := e.Retention
	rules := make([]string, 0, len(r.Rules))
	for _, rule := range r.Rules {
		selector := rule.Selector
		if parsed, err := repolayout.ParseSelector(selector); err == nil {
			selector = parsed.String()
		}
		rules = append(rules, fmt.Sprintf("%q %s", selector, agesOf(rule.Ages)))
	}
	slices.Sort(rules)
	return fmt.Sprintf("%s %q %q", agesOf(r.Ages), rules, r.MaxBytes)
}

func agesOf(a repolayout.Ages) string {
	return fmt.Sprint(lengthOf(a.Raw), lengthOf(a.FiveMinutes), lengthOf(a.OneHour))
}

// lengthOf is zero, which is for ever, for what cannot be read: that is the loader's to report.
func lengthOf(d repolayout.Duration) time.Duration {
	parsed, err := model.ParseDuration(cmp.Or(string(d), "0s"))
	if err != nil {
		return 0
	}
	return time.Duration(parsed)
}
