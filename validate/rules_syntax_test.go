package validate

import "testing"

func TestRuleSyntax(t *testing.T) {
	runRuleCases(t, []ruleCase{
		{"fine", `groups:
- name: g
  interval: 1m
  query_offset: 30s
  limit: 10
  labels: {tier: one}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: Down
    expr: up == 0
    for: 5m
    labels: {severity: critical}
    annotations:
      summary: '{{ $labels.instance }} is {{ $value | humanize }} {{ define "x" }}{{ end }}'
`, nil},
		{"empty groups", "groups: []\n", nil},
		{"plain expression", `groups:
- name: g
  rules:
  - alert: Down
    expr: sum(up == 0
`, []string{
			`5:22: error: alert "Down": could not parse expression: unclosed left parenthesis [rules/syntax] (add the ) that closes "sum(")`,
		}},
		{"literal expression", `groups:
- name: g
  rules:
  - alert: Down
    expr: |
      sum(up)
        / sum(up{job=~"["})
`, []string{
			`7:18: error: alert "Down": could not parse expression: error parsing regexp: missing closing ]: ` + "`[`" + ` [rules/syntax] (characters such as ( [ . + that stand for themselves take a backslash before them, which is written twice in double quotes: "\\(")`,
		}},
		{"unknown function", `groups:
- name: g
  rules:
  - record: a:b
    expr: 1 + reat(up[5m])
`, []string{
			`5:15: error: record "a:b": could not parse expression: unknown function with name "reat" [rules/syntax] (did you mean "rate"?)`,
		}},
		{"names", `groups:
- name: ""
  rules: []
- name: g
  rules: []
- name: g
  rules: []
`, []string{
			`2:3: error: a group has no name [rules/syntax]`,
			`6:3: error: group "g" stands twice in this file, first at line 4 [rules/syntax] (give each group of a file its own name)`,
		}},
		{"unknown keys and expressions together", `groups:
- name: g
  intervall: 1m
  rules:
  - alert: Down
    expr: up ==
    fro: 5m
    for: 5 m
    annotation: {}
    labels:
      severity: critical
      severity: warning
`, []string{
			`3:3: error: unknown key "intervall" [rules/syntax] (did you mean "interval"?)`,
			`6:16: error: alert "Down": could not parse expression: unexpected end of input [rules/syntax] (something is missing at the end, such as a value after an operator; a percentage is written without its sign)`,
			`7:5: error: unknown key "fro" [rules/syntax] (did you mean "for"?)`,
			`8:10: error: for: unknown unit " m" in duration "5 m" [rules/syntax] (write a duration such as "30s", "5m" or "1h30m")`,
			`9:5: error: unknown key "annotation" [rules/syntax] (did you mean "annotations"?)`,
			`12:7: error: the key "severity" stands twice, first at line 11 [rules/syntax] (keep one of the two)`,
		}},
		{"wrong types", `groups:
- name: g
  limit: many
  rules:
  - alert: [Down]
    expr: up
    labels: none
  - up
`, []string{
			`3:10: error: limit: "many" is not of the type int [rules/syntax]`,
			`5:12: error: alert should be a single value [rules/syntax]`,
			`5:12: error: rule: one of 'record' or 'alert' must be set [rules/syntax]`,
			`7:13: error: labels should be a mapping [rules/syntax]`,
			`8:5: error: an item of rules should be a mapping [rules/syntax]`,
			`8:5: error: rule: field 'expr' must be set in rule [rules/syntax]`,
			`8:5: error: rule: one of 'record' or 'alert' must be set [rules/syntax]`,
		}},
		{"rule without anything", `groups:
- name: g
  rules:
  - for: 5m
  - alert: A
    record: b
    expr: up
  - record: a:b
    expr: up
    for: 5m
    annotations: {a: b}
  - record: "a{b}"
    expr: up
    labels: {"": x, __name__: y}
`, []string{
			`4:5: error: rule: field 'expr' must be set in rule [rules/syntax]`,
			`4:5: error: rule: one of 'record' or 'alert' must be set [rules/syntax]`,
			`6:13: error: alert "A": only one of 'record' and 'alert' must be set [rules/syntax]`,
			`8:13: error: record "a:b": invalid field 'annotations' in recording rule [rules/syntax]`,
			`8:13: error: record "a:b": invalid field 'for' in recording rule [rules/syntax]`,
			`12:13: error: record "a{b}": braces present in the recording rule name; should it be in expr?: a{b} [rules/syntax]`,
			`14:18: error: record "a{b}": invalid label name:  [rules/syntax]`,
			`14:31: error: record "a{b}": invalid label name: __name__ [rules/syntax]`,
		}},
		{"templates", `groups:
- name: g
  labels: {__name__: x}
  rules:
  - alert: Down
    expr: up == 0
    labels:
      pod: '{{ $labels.pod '
    annotations:
      summary: '{{ humanise $value }}'
      description: |
        one
          {{ end }}
      "": x
`, []string{
			`3:22: error: group "g": invalid label name: __name__ [rules/syntax]`,
			`8:13: error: alert "Down": label "pod": unclosed action [rules/syntax]`,
			`10:20: error: alert "Down": annotation "summary": function "humanise" not defined [rules/syntax] (did you mean "humanize"?)`,
			`13:11: error: alert "Down": annotation "description": unexpected {{end}} [rules/syntax]`,
			`14:11: error: alert "Down": invalid annotation name:  [rules/syntax]`,
		}},
	})
}
