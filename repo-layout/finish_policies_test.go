package repolayout

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFinishPolicies(t *testing.T) {
	tests := []struct {
		name, content string
		want          []string
	}{
		{"all of them", `policies:
  rules:
    requiredLabels: [severity]
    requiredAnnotations: [runbook_url]
    alertName: '[A-Z][A-Za-z0-9]+'
    recordName: '[a-z_]+(:[a-z_0-9]+)+'
    minFor: 1m
    maxFor: 1m
    maxKeepFiringFor: 0s
  tests:
    minCoverage: 80
    requireFor: [critical, warning]
  severity: {rules/comparison: error, rules/range: warning, rules/regexp: off}
`, nil},
		{"a limit above the other", "policies: {rules: {minFor: 2h, maxFor: 1h}}\n", []string{
			"1:28: layout/contradiction: policies.rules.minFor: 2h is more than maxFor, 1h | make it at most maxFor",
		}},
		{"severities that there are not", "severities: [page, ticket]\npolicies: {tests: {requireFor: [pages, info], minCoverage: 101}}\n", []string{
			`2:33: layout/unknown-severity: policies.tests.requireFor[0]: watchbill.yaml lists no severity "pages" | did you mean "page"?`,
			`2:40: layout/unknown-severity: policies.tests.requireFor[1]: watchbill.yaml lists no severity "info" | known here: page, ticket`,
			`2:60: layout/bad-value: policies.tests.minCoverage: 101 cannot be used | write a whole number from 0 to 100`,
		}},
		{"no longest time", "policies: {rules: {minFor: 2h}}\n", nil},
		{"forms", "policies: {rules: {alertName: '[', requiredLabels: [a-b]}, severity: {comparison: error, rules/range: fatal}}\n", []string{
			"1:31: layout/bad-value: policies.rules.alertName: \"[\" cannot be used: error parsing regexp: missing closing ]: `[)$` | write a regexp such as \"[A-Z][A-Za-z0-9]+\"; it has to match the whole name",
			`1:53: layout/bad-value: policies.rules.requiredLabels[0]: "a-b" cannot be used: it has another form | write a label's or an annotation's name such as "severity" or "runbook_url"`,
			`1:71: layout/bad-value: policies.severity: "comparison" cannot be used: it has another form | write a check's id such as "rules/comparison"`,
			`1:103: layout/bad-value: policies.severity.rules/range: "fatal" cannot be used: it has another form | write "error", "warning" or "off"`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range parseOwnDocument("watchbill", tt.content) {
				got = append(got, strings.TrimPrefix(line(p), "f:"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
