package routes

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// alertOf is an alert of team a; labels are pairs.
func alertOf(name, expr string, pairs ...string) Alert {
	static := map[string]string{"team": "a"}
	for i := 0; i < len(pairs); i += 2 {
		static[pairs[i]] = pairs[i+1]
	}
	return Alert{Environment: "prod", Team: "a", Name: name, Expr: expr, Static: static}
}

func TestProve(t *testing.T) {
	bySeverity := []string{
		route("a/critical", `team="a"`, `severity="critical"`),
		route("a/warning-info", `team="a"`, `severity=~"warning|info"`),
	}
	byNamespace := []string{
		route("b/default", `namespace="shop"`),
		route("a/default", `team="a"`),
	}
	choose := `{{ if gt $value 10.0 }}critical{{ else }}warning{{ end }}`
	for name, c := range map[string]struct {
		routes []string
		alert  Alert
		want   string
	}{
		"a static severity":   {bySeverity, alertOf("X", "up == 0", "severity", "critical"), "proven"},
		"a severity too many": {bySeverity, alertOf("X", "up == 0", "severity", "page"), `violated: with severity="page", team="a" it does not reach a receiver of the team a, but on-call-alerts`},
		"no severity, and none can come": {
			bySeverity, alertOf("X", "sum(up) == 0"),
			`violated: with team="a" it does not reach a receiver of the team a, but on-call-alerts`,
		},
		"no severity, but one could come": {
			bySeverity, alertOf("X", "up == 0"),
			`violated: with no severity, team="a" it does not reach a receiver of the team a, but on-call-alerts`,
		},
		"the expression brings the severity": {bySeverity, alertOf("X", `label_replace(sum(up), "severity", "info", "", "")`), "proven"},
		"the selector brings it":             {bySeverity, alertOf("X", `max by (severity) (up{severity=~"info|critical"})`), "proven"},
		"a template that chooses":            {bySeverity, alertOf("X", `up > 1`, "severity", choose), "proven"},
		"a template that chooses a bad one": {
			bySeverity, alertOf("X", `up > 1`, "severity", `{{ if gt $value 1.0 }}bad{{ else }}warning{{ end }}`),
			`violated: with severity="bad", team="a" it does not reach a receiver of the team a, but on-call-alerts`,
		},
		"a template that may be anything": {
			bySeverity, alertOf("X", `up > 1`, "severity", `{{ $labels.level }}`),
			`undecided: with no severity, team="a" it does not reach a receiver of the team a, but on-call-alerts; the rule does not say which value severity has`,
		},
		"a template, and a listed severity goes nowhere": {
			bySeverity[:1], alertOf("X", `up > 1`, "severity", `{{ $labels.level }}`),
			`violated: with severity="info", team="a" it does not reach a receiver of the team a, but on-call-alerts`,
		},
		"an unknown label may take it away": {
			byNamespace, alertOf("X", `up == 0`),
			`undecided: with namespace="shop", team="a" it does not reach a receiver of the team a, but on-call-alerts, b/default; the rule does not say which value namespace has`,
		},
		"a known label takes it away": {
			byNamespace, alertOf("X", `up{namespace="shop"} == 0`),
			`violated: with namespace="shop", team="a" it does not reach a receiver of the team a, but on-call-alerts, b/default`,
		},
		"one of few values takes it away": {
			byNamespace, alertOf("X", `up{namespace=~"shop|till"} == 0`),
			`violated: with namespace="shop", team="a" it does not reach a receiver of the team a, but on-call-alerts, b/default`,
		},
		"the label is aggregated away": {byNamespace, alertOf("X", `sum by (job) (up) == 0`), "proven"},
		"its receiver tells nobody": {
			[]string{route("a/silent", `team="a"`)}, alertOf("X", "up == 0"),
			`violated: with team="a" it does not reach a receiver of the team a, but on-call-alerts, a/silent`,
		},
		"an external label": {
			[]string{route("b/default", `environment="prod"`), route("a/default")}, alertOf("X", "sum(up)"),
			`violated: with environment="prod" it does not reach a receiver of the team a, but on-call-alerts, b/default`,
		},
		"a label that is dropped": {[]string{route("b/default", `replica!=""`), route("a/default")}, alertOf("X", "up", "replica", "x"), "proven"},
	} {
		t.Run(name, func(t *testing.T) {
			verdicts := Prove(Input{
				Tree: mustLoad(t, rendered(c.routes...)), Alerts: []Alert{c.alert}, Sender: testSender(t),
				Severities: []string{"critical", "warning", "info"}, OnCallReceiver: "on-call-alerts",
			})
			if len(verdicts) != 2 || verdicts[1].Requirement != ReachesOnCall || verdicts[1].Result != Proven {
				t.Fatalf("on-call: %+v", verdicts)
			}
			got := string(verdicts[0].Result)
			if why := verdicts[0].Why; why != "" {
				got = fmt.Sprintf("%s: %s", got, why)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func testSender(t testing.TB) *Sender {
	s, err := ParseSender([]byte(`
global:
  external_labels: {environment: prod, cost: a$$b, replica: "${POD_NAME}"}
alerting:
  alert_relabel_configs:
  - {action: labeldrop, regex: replica}
`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestProveOnCall: a route that takes everything before the copy.
func TestProveOnCall(t *testing.T) {
	tree := mustLoad(t, `
route:
  receiver: a/default
  routes:
  - {receiver: a/default, matchers: ['job="db"']}
  - {receiver: on-call-alerts, continue: true}
  - {receiver: a/default}
receivers:
- {name: a/default, webhook_configs: [{url: 'http://example.org/a'}]}
- {name: on-call-alerts, webhook_configs: [{url: 'http://example.org/b'}]}
`)
	alerts := []Alert{alertOf("X", "up"), alertOf("Y", `up{job="db"}`), alertOf("Z", `up{job="api"}`)}
	var got []string
	for _, v := range Prove(Input{Tree: tree, Alerts: alerts, OnCallReceiver: "on-call-alerts"}) {
		got = append(got, fmt.Sprintf("%s %s %s %v%v", v.Alert, v.Requirement, v.Result, v.Example, v.Told))
	}
	want := []string{
		"X team proven map[][]", "X on-call undecided map[job:db][a/default]",
		"Y team proven map[][]", "Y on-call violated map[job:db][a/default]",
		"Z team proven map[][]", "Z on-call proven map[][]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInhibited(t *testing.T) {
	config := func(rule string) string {
		return rendered(route("a/default", `team="a"`)) + "inhibit_rules:\n- " + rule + "\n"
	}
	alerts := []Alert{
		alertOf("Down", `up{job="db"} == 0`, "severity", "critical"),
		alertOf("Slow", `latency{job="db"} > 1`, "severity", "warning"),
		alertOf("Other", `latency{job="api"} > 1`, "severity", "critical"),
		alertOf("Any", `sum(latency) > 1`, "severity", "critical"),
	}
	for name, c := range map[string]struct {
		rule string
		want []string
	}{
		"graver quiets lesser": {`{source_matchers: ['severity="critical"'], target_matchers: ['severity=~"warning|info"'], equal: [team]}`, nil},
		"of the same job": {
			`{source_matchers: ['severity="warning"'], target_matchers: ['severity="critical"'], equal: [job]}`,
			[]string{"Down by [a/Slow]"},
		},
		"of any": {
			`{source_matchers: ['alertname="Slow"'], target_matchers: ['alertname!="Slow"']}`,
			[]string{"Any by [a/Slow]", "Down by [a/Slow]", "Other by [a/Slow]"},
		},
		"both match both": {`{source_matchers: ['severity="critical"'], target_matchers: ['severity="critical"'], equal: [team]}`, nil},
		"a label that neither has is equal": {
			`{source_matchers: ['severity="warning"'], target_matchers: ['alertname="Down"'], equal: [zone]}`,
			[]string{"Down by [a/Slow]"},
		},
		"an absent label is not equal to one that is there": {
			`{source_matchers: ['severity="warning"'], target_matchers: ['alertname="Any"'], equal: [job]}`, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, i := range mustLoad(t, config(c.rule)).Inhibited(alerts, nil, NewKnower(), "critical") {
				got = append(got, fmt.Sprintf("%s by %v", i.Alert, i.Sources))
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
