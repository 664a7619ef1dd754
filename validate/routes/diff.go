package routes

import (
	"cmp"
	"slices"
)

// Kind says what became of an alert from one revision to the next.
type Kind string

const (
	Added   Kind = "added"   // the alert is new
	Lost    Kind = "lost"    // the alert is gone
	Changed Kind = "changed" // others are told, or in other cases
)

// Difference is who is told before and after, of each alert for which that differs.
type Difference struct {
	Changes   []Change `json:"changes"`
	Unchanged int      `json:"unchanged"`
}

// Change is one alert of which others are told than before.
type Change struct {
	Kind        Kind   `json:"kind"`
	Environment string `json:"environment,omitempty"`
	Team        string `json:"team"`
	Alert       string `json:"alert"`
	Severity    string `json:"severity,omitempty"`
	// SeverityBefore is set where it was another.
	SeverityBefore string      `json:"severityBefore,omitempty"`
	Before         *Recipients `json:"before,omitempty"`
	After          *Recipients `json:"after,omitempty"`
	Gained         []string    `json:"gained,omitempty"` // receivers that were not told before
	Missed         []string    `json:"missed,omitempty"` // receivers that are told no more
}

// Recipients are who is told, or why that could not be decided.
type Recipients struct {
	Told      []Recipient `json:"told,omitempty"`
	Undecided string      `json:"undecided,omitempty"`
}

// Diff compares who is told of each alert. Alerts are the same if environment,
// team and name are; of several such ones those with the same outcome are
// paired first, then the rest in their order.
func Diff(base, head []AlertOutcome) Difference {
	before, after := byIdentity(base), byIdentity(head)
	d := Difference{Changes: []Change{}}
	for len(before) > 0 || len(after) > 0 {
		b, a := run(before), run(after)
		switch c := compareRuns(b, a); {
		case c < 0:
			a = nil
		case c > 0:
			b = nil
		}
		d.pair(b, a)
		before, after = before[len(b):], after[len(a):]
	}
	slices.SortStableFunc(d.Changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.Environment, y.Environment), cmp.Compare(x.Team, y.Team), cmp.Compare(x.Alert, y.Alert))
	})
	return d
}

func byIdentity(outcomes []AlertOutcome) []*AlertOutcome {
	sorted := make([]*AlertOutcome, len(outcomes))
	for i := range outcomes {
		sorted[i] = &outcomes[i]
	}
	slices.SortStableFunc(sorted, identity)
	return sorted
}

func identity(a, b *AlertOutcome) int {
	return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Team, b.Team), cmp.Compare(a.Alert, b.Alert))
}

// run is the alerts at the beginning that are the same.
func run(sorted []*AlertOutcome) []*AlertOutcome {
	n := 0
	for n < len(sorted) && identity(sorted[0], sorted[n]) == 0 {
		n++
	}
	return sorted[:n]
}

func compareRuns(b, a []*AlertOutcome) int {
	switch {
	case len(b) == 0:
		return 1
	case len(a) == 0:
		return -1
	}
	return identity(b[0], a[0])
}

// pair compares the alerts of one identity.
func (d *Difference) pair(before, after []*AlertOutcome) {
	if len(before) == 1 && len(after) == 1 { // nearly always
		d.compare(before[0], after[0])
		return
	}
	before, after = slices.Clone(before), slices.Clone(after)
	for _, alike := range []func(b, a *AlertOutcome) bool{
		func(b, a *AlertOutcome) bool { return b.Severity == a.Severity && b.sameAs(a) },
		func(b, a *AlertOutcome) bool { return b.Severity == a.Severity },
		func(_, _ *AlertOutcome) bool { return true },
	} {
		before = slices.DeleteFunc(before, func(b *AlertOutcome) bool {
			i := slices.IndexFunc(after, func(a *AlertOutcome) bool { return alike(b, a) })
			if i < 0 {
				return false
			}
			d.compare(b, after[i])
			after = slices.Delete(after, i, i+1)
			return true
		})
	}
	for _, b := range before {
		d.compare(b, nil)
	}
	for _, a := range after {
		d.compare(nil, a)
	}
}

func (o *AlertOutcome) sameAs(p *AlertOutcome) bool {
	return o.Undecided == p.Undecided && same(o.Told, p.Told)
}

func (d *Difference) compare(b, a *AlertOutcome) {
	var c Change
	switch {
	case b == nil:
		c = Change{Kind: Added, Environment: a.Environment, Team: a.Team, Alert: a.Alert, Severity: a.Severity}
	case a == nil:
		c = Change{Kind: Lost, Environment: b.Environment, Team: b.Team, Alert: b.Alert, Severity: b.Severity}
	case b.sameAs(a):
		d.Unchanged++
		return
	default:
		c = Change{Kind: Changed, Environment: a.Environment, Team: a.Team, Alert: a.Alert, Severity: a.Severity}
		if b.Severity != a.Severity {
			c.SeverityBefore = dash(b.Severity)
		}
	}
	c.Before, c.After = b.recipients(), a.recipients()
	c.Gained, c.Missed = newIn(c.After, c.Before), newIn(c.Before, c.After)
	d.Changes = append(d.Changes, c)
}

func (o *AlertOutcome) recipients() *Recipients {
	if o == nil {
		return nil
	}
	return &Recipients{Told: o.Told, Undecided: o.Undecided}
}

// newIn are the receivers of a that are not in b.
func newIn(a, b *Recipients) []string {
	var out []string
	if a == nil {
		return nil
	}
	for _, r := range a.Told {
		if b == nil || !slices.ContainsFunc(b.Told, func(other Recipient) bool { return other.Receiver == r.Receiver }) {
			out = append(out, r.Receiver)
		}
	}
	return out
}
