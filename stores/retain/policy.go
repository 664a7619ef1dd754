// Package retain lets go of old blocks. [Make] computes from a [Policy] and an
// inventory what is to happen to every block, as a [Plan] that people can read;
// [Apply] does it, and changes nothing that the plan does not name.
//
// # What lets a block go
//
// There are three kinds of settings, and each speaks of some blocks:
//
//	setting        speaks of                                lets a block go
//	-------------  ---------------------------------------  -------------------------------------------
//	a rule's ages  blocks that its selector picks           once it is older than the age of its resolution
//	default ages   blocks that no rule picks, if there is   likewise
//	               any default age at all
//	max bytes      every block, if it is set                once it is beyond the newest that many bytes
//
// A block goes only if a setting speaks of it, and every setting that does lets
// it go. So of several rules that pick one block the longest age counts, and
// with an age and max bytes both have to let go. An age of zero is for ever. A
// block's age counts from its end, the newest sample that it can hold. Max bytes
// counts blocks that are whole and not marked, the newest end first.
//
// # What keeps it all the same
//
//   - With downsampling on, ages promise coarser blocks too: raw samples that are
//     past their age, while 5m blocks of that range are not past theirs, live on
//     in 5m blocks. A block is kept as long as it is the only copy: until blocks
//     of the same labels that this plan keeps, of the promised resolution or one
//     between, cover its whole range and were made of the same sources. The same
//     holds from 5m to 1h. Max bytes promises nothing.
//   - Blocks that are not whole, that end in the future, or whose mark cannot be
//     read are left, and the plan says why. Nothing is deleted in doubt.
//
// # How it goes
//
// A block that may go gets Thanos's deletion mark, and is deleted once the mark
// is older than the delete delay. Marks that somebody else has set, such as
// Thanos's compaction on blocks that it has joined, lead to deletion likewise,
// whatever the policy says. A mark of Watchbill's own is taken back when the
// policy of today keeps the block.
package retain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchbill/watchbill/stores/block"
)

// Policy says how long blocks are kept.
type Policy struct {
	Default Ages
	Rules   []Rule
	// MaxBytes bounds the bucket; 0 does not.
	MaxBytes int64
	// DeleteDelay is how long a marked block can still be read.
	DeleteDelay time.Duration
	// Downsample says that compaction makes 5m blocks of raw ones, and 1h of 5m.
	Downsample bool
}

// Ages are how long blocks of each resolution are kept; 0 is for ever.
type Ages struct{ Raw, FiveMinutes, OneHour time.Duration }

// Rule is ages for the blocks whose external labels all matchers match.
type Rule struct {
	Matchers []*labels.Matcher
	Ages
}

var resolutions = [...]int64{block.Raw, block.FiveMinutes, block.OneHour}

// list is the ages in the order of resolutions.
func (a Ages) list() [len(resolutions)]time.Duration {
	return [...]time.Duration{a.Raw, a.FiveMinutes, a.OneHour}
}

// String is the rule's selector, the same for equal ones.
func (r Rule) String() string {
	var parts []string
	for _, m := range r.Matchers {
		parts = append(parts, m.String())
	}
	slices.Sort(parts)
	return "{" + strings.Join(slices.Compact(parts), ", ") + "}"
}

func (r Rule) picks(l labels.Labels) bool {
	for _, m := range r.Matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// ParseSelector reads a selector of external labels, such as
// {environment="dev"}, as Prometheus reads one of series.
func ParseSelector(text string) ([]*labels.Matcher, error) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(text)
	if err != nil {
		return nil, fmt.Errorf("selector %s: %w", text, err)
	}
	if len(matchers) == 0 {
		return nil, fmt.Errorf("selector %s picks every block: set the default ages instead", text)
	}
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			return nil, fmt.Errorf("selector %s names a metric, and blocks have none: name external labels, as in {environment=\"dev\"}", text)
		}
	}
	return matchers, nil
}

// The ages below which Thanos refuses to run, as blocks would go before they
// are long enough to be downsampled.
const (
	rawLeast         = 40 * time.Hour
	fiveMinutesLeast = 10 * 24 * time.Hour
)

// Check says what is wrong with a policy: what Thanos would refuse too, and
// what contradicts itself. No plan is made of a policy that has a fault.
func (p Policy) Check() []error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, err := range p.Default.check(p.Downsample) {
		add("default ages: %w", err)
	}
	seen := map[string]Ages{}
	for _, r := range p.Rules {
		if len(r.Matchers) == 0 {
			faults = append(faults, errors.New("a rule has no selector: set the default ages instead"))
			continue
		}
		for _, err := range r.check(p.Downsample) {
			add("rule %s: %w", r, err)
		}
		if ages, twice := seen[r.String()]; twice && ages != r.Ages {
			add("rule %s is there twice, with other ages: remove one of them", r)
		}
		seen[r.String()] = r.Ages
	}
	if p.MaxBytes < 0 {
		add("max bytes is below zero: %d", p.MaxBytes)
	}
	if p.DeleteDelay < 0 {
		add("the delete delay is below zero: %s", p.DeleteDelay)
	}
	return faults
}

func (a Ages) check(downsample bool) []error {
	var faults []error
	list := a.list()
	for i, age := range list {
		if age < 0 {
			faults = append(faults, fmt.Errorf("the age of %s is below zero", block.ResolutionName(resolutions[i])))
		}
	}
	if len(faults) > 0 || !downsample {
		return faults
	}
	if a.Raw > 0 && a.Raw < rawLeast {
		faults = append(faults, fmt.Errorf("raw blocks would go after %s, before there can be 5m blocks of them: keep them 40h or longer, or turn downsampling off", days(a.Raw)))
	}
	if a.FiveMinutes > 0 && a.FiveMinutes < fiveMinutesLeast {
		faults = append(faults, fmt.Errorf("5m blocks would go after %s, before there can be 1h blocks of them: keep them 10d or longer, or turn downsampling off", days(a.FiveMinutes)))
	}
	// Compaction makes a coarser block again as long as the finer one is there.
	for i := range len(list) - 1 {
		if coarser := list[i+1]; coarser > 0 && (list[i] == 0 || list[i] > coarser) {
			fine, coarse := block.ResolutionName(resolutions[i]), block.ResolutionName(resolutions[i+1])
			faults = append(faults, fmt.Errorf("%s blocks would go after %s while the %s blocks that they are made of stay %s, and each compaction would make them again: keep %s as long as %s, or longer",
				coarse, days(coarser), fine, forHow(list[i]), coarse, fine))
		}
	}
	return faults
}

func forHow(age time.Duration) string {
	if age == 0 {
		return "for ever"
	}
	return days(age)
}

// days is a duration as Prometheus writes it, but without weeks.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch n, rest := d/day, model.Duration(d%day); {
	case n == 0:
		return rest.String()
	case rest == 0:
		return fmt.Sprintf("%dd", n)
	default:
		return fmt.Sprintf("%dd%s", n, rest)
	}
}
