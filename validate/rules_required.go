package validate

// requiredParts reports alerts without what policies.rules asks of every alert.
func requiredParts(v *ruleView) {
	if v.rule.Alert == "" {
		return
	}
	for _, name := range v.policies.RequiredLabels {
		value, own := v.rule.Labels[name]
		if !own {
			value = v.group.Labels[name]
		}
		if name != "team" && value == "" {
			v.report(rulesRequired, Error, v.name(), "add it under labels of the alert or of its group", "the label %q is missing", name)
		}
	}
	for _, name := range v.policies.RequiredAnnotations {
		if v.rule.Annotations[name] == "" {
			v.report(rulesRequired, Error, v.name(), "add it under annotations", "the annotation %q is missing", name)
		}
	}
}
