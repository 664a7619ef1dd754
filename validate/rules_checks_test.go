package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRuleDocuments(t *testing.T) {
	runRuleCases(t, []ruleCase{
		{"one, with markers", "# comment\n---\ngroups: []\n...\n# end\n", nil},
		{"empty ones after", "groups: []\n---\n---\n# nothing\n", nil},
		{"three, with faults", `---
groups: []
---
groups:
- name: g
  rules:
  - record: a
    expr: |
      sum(up
  - alert: B
    expr: up
    annotations: {summary: '{{ x }}'}
--- # third
groups:
- name: h
  rulez: []
`, []string{
			"4:1: error: Prometheus reads only the first YAML document of a rule file; what begins here would be lost [rules/documents] (put the groups under one `groups:` without `---` between them, or make two files of it)",
			`4:1: error: group "g", rule 2, "B": annotation "summary": function "x" not defined [rules/syntax]`,
			`9:13: error: group "g", rule 1, "a": could not parse expression: unclosed left parenthesis [rules/syntax]`,
			"14:1: error: Prometheus reads only the first YAML document of a rule file; what begins here would be lost [rules/documents] (put the groups under one `groups:` without `---` between them, or make two files of it)",
			`16:3: error: unknown key "rulez" [rules/syntax] (did you mean "rules"?)`,
		}},
		{"the first is empty", "---\n---\ngroups: []\n", []string{
			"3:1: error: Prometheus reads only the first YAML document of a rule file; what begins here would be lost [rules/documents] (put the groups under one `groups:` without `---` between them, or make two files of it)",
		}},
		{"no marker", "groups:\n- name: g\n  rules:\n  - record: a\n    expr: |\n      ---\n      up\n", nil},
	})
}

func TestRuleDuplicates(t *testing.T) {
	files := map[string]string{
		"teams/payments/rules/a.yaml": `groups:
- name: g
  labels: {tier: one}
  rules:
  - {alert: A, expr: up<1, labels: {severity: critical}}
  - {alert: A, expr: up<1, labels: {severity: warning}}
  - {alert: A, expr: down<1, labels: {severity: critical, tier: one}}
  - {record: A, expr: up}
- name: h
  rules:
  - {alert: A, expr: up<1, labels: {severity: critical}}
  - {alert: A, expr: up<1, labels: {tier: one, severity: critical}}
`,
		"teams/payments/rules/prod/a.yaml": "groups: [{name: g, rules: [{record: A, expr: up, labels: {tier: one}}, {record: B, expr: up}]}]\n",
		"teams/payments/rules/dev/a.yaml":  "groups: [{name: g, rules: [{record: B, expr: up}]}]\n",
		"teams/search/rules/a.yaml":        "groups: [{name: g, rules: [{record: C, expr: up}]}]\n",
	}
	want := []string{
		`payments: teams/payments/rules/a.yaml:7:13: error: alert "A" with the same labels stands twice in the group "g", first at line 5 [rules/duplicate] (remove one of them, or tell them apart by a label)`,
		`payments: teams/payments/rules/a.yaml:12:13: warning: alert "A" with the same labels stands in the group "g" too, at line 5 [rules/duplicate] (remove one of them, or tell them apart by a label)`,
		`payments: teams/payments/rules/prod/a.yaml:1:37: warning: record "A" with the same labels stands in teams/payments/rules/a.yaml too, at line 8 [rules/duplicate] (remove one of them, or tell them apart by a label)`,
	}
	if diff := cmp.Diff(want, lines(check(t, repoOf(files)))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestTeamLabel(t *testing.T) {
	runRuleCases(t, []ruleCase{{"all", `groups:
- name: g
  labels: {team: search}
  rules:
  - {alert: A, expr: up<1, labels: {team: payments}}
  - {alert: B, expr: up<1, labels: {team: search}}
  - {alert: C, expr: up<1, labels: {team: '{{ $labels.team }}'}}
- name: h
  labels: {team: search}
  rules:
  - {record: a, expr: up, labels: {team: search}}
`, []string{
		`3:18: error: group "g" sets the label team to "search", but it stands in the folder of the team "payments" [rules/team-label] (take the label out: every alert gets its folder's name; for another team's alert, move the rule there)`,
		`6:43: error: alert "B" sets the label team to "search", but it stands in the folder of the team "payments" [rules/team-label] (take the label out: every alert gets its folder's name; for another team's alert, move the rule there)`,
		`7:43: error: alert "C" sets the label team to "{{ $labels.team }}", but it stands in the folder of the team "payments" [rules/team-label] (take the label out: every alert gets its folder's name; for another team's alert, move the rule there)`,
	}}})
}

func TestSeverity(t *testing.T) {
	runRuleCases(t, []ruleCase{{"all", `groups:
- name: g
  rules:
  - {alert: A, expr: up<1, labels: {severity: critical}}
  - {alert: B, expr: up<1, labels: {severity: critcal}}
  - {alert: C, expr: up<1, labels: {severity: '{{ $labels.severity }}'}}
  - {alert: D, expr: up<1}
  - {record: e, expr: up, labels: {severity: page}}
- name: h
  labels: {severity: page}
  rules:
  - {alert: F, expr: up<1}
`, []string{
		`5:47: error: alert "B" has the severity "critcal", which watchbill.yaml does not list: critical, warning, info [rules/severity] (did you mean "critical"?)`,
		`10:22: error: group "h" has the severity "page", which watchbill.yaml does not list: critical, warning, info [rules/severity]`,
	}}})
	files := map[string]string{
		"watchbill.yaml": "severities: [page, ticket]\n",
		ruleFile:         "groups: [{name: g, rules: [{alert: A, expr: up<1, labels: {severity: page}}, {alert: B, expr: up<1, labels: {severity: critical}}]}]\n",
	}
	if diff := cmp.Diff([]string{
		`payments: teams/payments/rules/a.yaml:1:120: error: alert "B" has the severity "critical", which watchbill.yaml does not list: page, ticket [rules/severity]`,
	}, lines(check(t, repoOf(files)))); diff != "" {
		t.Errorf("findings of another stack (-want +got):\n%s", diff)
	}
}
