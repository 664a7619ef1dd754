package validate

// namePattern reports names that are not as policies.rules wants them.
func namePattern(v *ruleView) {
	name, pattern, key := v.rule.Alert, v.alertName, "alertName"
	written := v.policies.AlertName
	if name == "" {
		name, pattern, key, written = v.rule.Record, v.recordName, "recordName", v.policies.RecordName
	}
	if pattern != nil && !pattern.MatchString(name) {
		v.report(rulesName, Error, v.name(), "the pattern is policies.rules."+key+" in watchbill.yaml, and matches whole names",
			"the name does not match %s", written)
	}
}
