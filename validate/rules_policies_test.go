package validate

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func TestPolicies(t *testing.T) {
	const rules = `groups:
- name: g
  labels: {tier: one}
  rules:
  - alert: Good
    expr: up == 0
    for: 5m
    keep_firing_for: 5m
    labels: {severity: info}
    annotations: {runbook_url: x, summary: y}
  - alert: bad
    expr: up == 0
    labels: {tier: ""}
    annotations: {summary: y}
  - alert: Long
    expr: up == 0
    for: 2h
    keep_firing_for: 2h
    labels: {severity: info}
    annotations: {runbook_url: x, summary: y}
  - record: bad
    expr: up
`
	tests := []struct {
		name, policies string
		want           []string
	}{
		{"none", "{}", nil},
		{"required", "{requiredLabels: [team, severity, tier], requiredAnnotations: [summary, runbook_url]}", []string{
			`11:12: error: alert "bad": the annotation "runbook_url" is missing [rules/required] (add it under annotations)`,
			`11:12: error: alert "bad": the label "severity" is missing [rules/required] (add it under labels of the alert or of its group)`,
			`11:12: error: alert "bad": the label "tier" is missing [rules/required] (add it under labels of the alert or of its group)`,
		}},
		{"names", "{alertName: '[A-Z].*', recordName: '[a-z]+:[a-z]+'}", []string{
			`11:12: error: alert "bad": the name does not match [A-Z].* [rules/name] (the pattern is policies.rules.alertName in watchbill.yaml, and matches whole names)`,
			`21:13: error: record "bad": the name does not match [a-z]+:[a-z]+ [rules/name] (the pattern is policies.rules.recordName in watchbill.yaml, and matches whole names)`,
		}},
		{"whole names", "{alertName: 'Good|Lon|ba'}", []string{
			`11:12: error: alert "bad": the name does not match Good|Lon|ba [rules/name] (the pattern is policies.rules.alertName in watchbill.yaml, and matches whole names)`,
			`15:12: error: alert "Long": the name does not match Good|Lon|ba [rules/name] (the pattern is policies.rules.alertName in watchbill.yaml, and matches whole names)`,
		}},
		{"limits", "{minFor: 1m, maxFor: 1h, maxKeepFiringFor: 1h}", []string{
			`11:12: error: alert "bad": for is 0s; the least is 1m [rules/for] (the limit is policies.rules.minFor in watchbill.yaml)`,
			`15:12: error: alert "Long": for is 2h; the most is 1h [rules/for] (the limit is policies.rules.maxFor in watchbill.yaml)`,
			`15:12: error: alert "Long": keep_firing_for is 2h; the most is 1h [rules/for] (the limit is policies.rules.maxKeepFiringFor in watchbill.yaml)`,
		}},
		{"no time at all", "{maxFor: 0s, maxKeepFiringFor: 0s}", []string{
			`5:12: error: alert "Good": for is 5m; the most is 0s [rules/for] (the limit is policies.rules.maxFor in watchbill.yaml)`,
			`5:12: error: alert "Good": keep_firing_for is 5m; the most is 0s [rules/for] (the limit is policies.rules.maxKeepFiringFor in watchbill.yaml)`,
			`15:12: error: alert "Long": for is 2h; the most is 0s [rules/for] (the limit is policies.rules.maxFor in watchbill.yaml)`,
			`15:12: error: alert "Long": keep_firing_for is 2h; the most is 0s [rules/for] (the limit is policies.rules.maxKeepFiringFor in watchbill.yaml)`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, line := range lines(check(t, repoOf(map[string]string{
				ruleFile: rules, "watchbill.yaml": "policies: {rules: " + tt.policies + "}\n",
			}))) {
				got = append(got, strings.TrimPrefix(line, "payments: "+ruleFile+":"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPoliciesOfSeverity(t *testing.T) {
	const rules = "groups: [{name: g, rules: [{alert: A, expr: up}, {record: a, expr: 'b{c=~\"d\"}'}, {alert: B, expr: 'up{'}]}]\n"
	const (
		always = `payments: teams/payments/rules/a.yaml:1:45: warning: alert "A": it always fires: no comparison, absent() or set operator leaves a series out [rules/comparison] (compare it with a threshold, such as ` + "`> 0`)"
		plain  = `payments: teams/payments/rules/a.yaml:1:71: warning: record "a": the matcher c=~"d" is no pattern: it matches one value alone [rules/regexp] (write c="d")`
		broken = `payments: teams/payments/rules/a.yaml:1:103: error: alert "B": could not parse expression: unexpected end of input inside braces [rules/syntax] (close the braces with })`
	)
	tests := []struct {
		name, policies string
		want           []string
	}{
		{"none", "{}", []string{always, plain, broken}},
		{"off", "{rules/comparison: off}", []string{plain, broken}},
		{"graver", "{rules/comparison: error, rules/regexp: warning}", []string{strings.Replace(always, "warning", "error", 1), plain, broken}},
		{"what cannot be milder", "{rules/syntax: off, layout/unknown-key: warning}", []string{
			always, plain, broken,
			`watchbill.yaml:1:37: error: policies.severity: rules/syntax cannot be made milder [policies/severity] (what it finds is refused by the program that reads it, or does harm to others)`,
			`watchbill.yaml:1:62: error: policies.severity: layout/unknown-key cannot be made milder [policies/severity] (what it finds is refused by the program that reads it, or does harm to others)`,
		}},
		{"what there is not", "{rules/comparision: error}", []string{
			always, plain, broken,
			`watchbill.yaml:1:42: error: policies.severity: there is no check "rules/comparision" [policies/severity] (did you mean "rules/comparison"?)`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(check(t, repoOf(map[string]string{ruleFile: rules, "watchbill.yaml": "policies: {severity: " + tt.policies + "}\n"})))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestErrorsAreNotCrowdedOut puts an error behind more warnings than are reported.
func TestErrorsAreNotCrowdedOut(t *testing.T) {
	content := "groups:\n- name: g\n  rules:\n" + strings.Repeat("  - {alert: A, expr: up}\n", 2*maxFindings) + "  - {alert: B, expr: 'up{'}\n"
	found := checkRuleFile("payments", &repolayout.RuleFile{
		File: &repolayout.File{Path: ruleFile, Content: []byte(content)}, Groups: groupsOf(t, content),
	}, newRuleContext(repolayout.DefaultStack(), 0))
	if len(found) != maxFindings || len(Blocking(found)) != 1 {
		t.Errorf("%d findings, of which %d are errors; want %d and 1", len(found), len(Blocking(found)), maxFindings)
	}

	// A check that a policy makes graver is as good as one that was always so.
	content = strings.Replace(content, "up{'", "rate(up[1s])'", 1)
	found = check(t, repoOf(map[string]string{ruleFile: content, "watchbill.yaml": "policies: {severity: {rules/range: error}}\n"}))
	if !slices.ContainsFunc(Blocking(found), func(f Finding) bool { return f.Check == rulesRange }) {
		t.Error("the range is not among the errors")
	}
}
