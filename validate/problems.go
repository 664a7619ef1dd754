package validate

import repolayout "github.com/watchbill/watchbill/repo-layout"

// Problems turns what the loader could not accept into findings.
func Problems(ps []repolayout.Problem) []Finding {
	findings := make([]Finding, 0, len(ps))
	for _, p := range ps {
		f := Finding{Check: p.Check, Severity: Error, Pos: p.Pos, Owner: p.Owner, Message: p.Message, Hint: p.Hint}
		if p.Warning {
			f.Severity = Warning
		}
		findings = append(findings, f)
	}
	return Sort(findings)
}
