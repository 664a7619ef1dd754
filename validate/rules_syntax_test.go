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
`, []string{`5:16: error: alert "Down": could not parse expression: unclosed left parenthesis [rules/syntax]`}},
		{"literal expression", `groups:
- name: g
  rules:
  - alert: Down
    expr: |
      sum(up)
        / sum(up{job=~"["})
`, []string{`7:11: x`}},
		{"unknown function", `groups:
- name: g
  rules:
  - record: a:b
    expr: 1 + reat(up[5m])
`, nil},
		{"names", `groups:
- name: ""
  rules: []
- name: g
  rules: []
- name: g
  rules: []
`, nil},
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
`, nil},
		{"wrong types", `groups:
- name: g
  limit: many
  rules:
  - alert: [Down]
    expr: up
    labels: none
  - up
`, nil},
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
`, nil},
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
`, nil},
	})
}
