package validate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/routes"
)

func TestAlertmanagerConfig(t *testing.T) {
	const head = "route: {receiver: a}\ntemplates: ['templates/*.tmpl']\nreceivers:\n- name: a\n"
	templates := []*repolayout.File{{Path: "alertmanager/templates/a.tmpl", Content: []byte(`{{ define "a.title" }}{{ .Status }}{{ end }}`)}}
	for _, tt := range []struct {
		name, config string
		want         []string
	}{
		{"fine", head + "  slack_configs:\n  - {api_url_file: /x, channel: '#a', title: '{{ template \"a.title\" . }}'}\n", nil},
		{"times and a severity by a template", "time_intervals:\n- {name: a/nights, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}], location: Europe/Lisbon}]}\n" + head +
			"  pagerduty_configs:\n  - routing_key_file: /x\n    severity: '{{ if match \"^(critical|error)$\" .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}error{{ end }}'\n", nil},
		{"unknown key", head + "  slack_configs:\n  - {api_url_file: /x, chanel: '#a'}\n", []string{
			`payments: alertmanager.yml:6:24: error: unknown key "chanel" [routing/config] (did you mean "channel"?)`,
		}},
		{"no such receiver", "route: {receiver: b}\nreceivers:\n- name: a\n", []string{
			`payments: alertmanager.yml: error: undefined receiver "b" used in route [routing/config]`,
		}},
		{"matcher", "route:\n  receiver: a\n  routes:\n  - {receiver: a, matchers: ['severity=~\"(\"']}\nreceivers:\n- name: a\n", []string{
			"payments: alertmanager.yml: error: error parsing regexp: missing closing ): `^(?:()$` [routing/config]",
		}},
		{"newer", head + "  labels: {a: b}\n  slack_configs:\n  - {api_url_file: /x, update_message: true}\n  webhook_configs:\n  - {url: 'http://x.example', payload: {a: b}}\n", []string{
			`payments: alertmanager.yml:5:3: error: the key "labels" is newer than Alertmanager 0.31 [routing/config] (do without: Watchbill's checks are those of Alertmanager 0.31, whatever components.alertmanager.version in watchbill.yaml is)`,
			`payments: alertmanager.yml:7:24: error: the key "update_message" is newer than Alertmanager 0.31 [routing/config] (do without: Watchbill's checks are those of Alertmanager 0.31, whatever components.alertmanager.version in watchbill.yaml is)`,
			`payments: alertmanager.yml:9:31: error: the key "payload" is newer than Alertmanager 0.31 [routing/config] (do without: Watchbill's checks are those of Alertmanager 0.31, whatever components.alertmanager.version in watchbill.yaml is)`,
		}},
		{"newer route", "route:\n  receiver: a\n  labels: {a: b}\n  routes:\n  - {receiver: a, labels: {a: b}}\nreceivers:\n- name: a\n", []string{
			`payments: alertmanager.yml:3:3: error: the key "labels" is newer than Alertmanager 0.31 [routing/config] (do without: Watchbill's checks are those of Alertmanager 0.31, whatever components.alertmanager.version in watchbill.yaml is)`,
			`payments: alertmanager.yml:5:19: error: the key "labels" is newer than Alertmanager 0.31 [routing/config] (do without: Watchbill's checks are those of Alertmanager 0.31, whatever components.alertmanager.version in watchbill.yaml is)`,
		}},
		{"templates", head + "  slack_configs:\n  - api_url_file: /x\n    title: '{{ template \"a.titel\" . }}'\n    text: |\n      {{ .Status }}\n      {{ .Statu }}\n", []string{
			`payments: alertmanager.yml:7:25: error: no template is called "a.titel" [routing/template] (did you mean "a.title"?)`,
			`payments: alertmanager.yml:10:10: error: .Statu: can't evaluate field Statu in Data [routing/template]`,
		}},
		{"no templates", "route: {receiver: a}\n", []string{
			`payments: alertmanager.yml: error: undefined receiver "a" used in route [routing/config]`,
		}},
		{"empty", "", []string{
			`payments: alertmanager.yml: error: no route provided in config [routing/config]`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(AlertmanagerConfig("alertmanager.yml", "payments", []byte(tt.config), templates...))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTemplates(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"fine", `{{ define "a.title" }}[{{ .Status | toUpper }}] {{ .GroupLabels.SortedPairs.Values | join " " }}{{ end }}
{{ define "a.text" }}{{ range .Alerts }}{{ .Annotations.summary }} {{ .Labels.whatever }} {{ .StartsAt | tz "Europe/Berlin" | date "15:04" }}
{{ end }}{{ template "a.part" .Alerts }}{{ template "slack.default.text" . }}{{ end }}
{{ define "a.part" }}{{ range . }}{{ .Labels.alertname }}{{ end }}{{ end }}
{{ define "only.alerts" }}{{ range . }}{{ .Fingerprint }}{{ end }}{{ end }}
{{ define "slack.default.title" }}mine{{ end }}
`, nil},
		{"does not parse", "{{ define \"a\" }}\n  {{ if }}x{{ end }}\n{{ end }}", []string{
			`alertmanager/templates/a.tmpl:2:3: error: missing value for if [routing/template]`,
		}},
		{"unknown function", "{{ define \"a\" }}\n  {{ toUppr .Status }}\n{{ end }}", []string{
			`alertmanager/templates/a.tmpl:2:6: error: function "toUppr" not defined [routing/template] (did you mean "toUpper"?)`,
		}},
		{"unknown field", "{{ define \"a\" }}\nä {{ .Status }} {{ .Labels.x }} {{ .Alertz }}\n{{ end }}", []string{
			`alertmanager/templates/a.tmpl:2:20: error: .Labels.x: can't evaluate field Labels in Data [routing/template]`,
		}},
		{"an alert's field in one of Alertmanager's own", "{{ define \"slack.default.text\" }}{{ .Labels.x }}{{ end }}", []string{
			`alertmanager/templates/a.tmpl:1:37: error: .Labels.x: can't evaluate field Labels in Data [routing/template]`,
		}},
		{"field of an alert, when resolved", `{{ define "a" }}{{ range .Alerts.Resolved }}{{ .Value }}{{ end }}{{ end }}`, []string{
			`alertmanager/templates/a.tmpl:1:48: error: .Value: can't evaluate field Value in Alert [routing/template]`,
		}},
		{"undefined, in a branch not taken", `{{ define "a" }}{{ if eq .Status "never" }}{{ template "b" . }}{{ end }}{{ end }}{{ define "b.x" }}{{ end }}`, []string{
			`alertmanager/templates/a.tmpl:1:56: error: no template is called "b" [routing/template] (did you mean "a"?)`,
		}},
		{"newer", `{{ define "a" }}{{ dict "a" 1 }}{{ .NotificationReason }}{{ .GroupLabels.Values.Join "," }}{{ template "slack.default.color" . }}{{ $.RouteLabels }}{{ end }}`, []string{
			`alertmanager/templates/a.tmpl:1:20: error: the function "dict" is newer than Alertmanager 0.31 [routing/template] (do without: Watchbill's checks are those of Alertmanager 0.31, whatever components.alertmanager.version in watchbill.yaml is)`,
			`alertmanager/templates/a.tmpl:1:36: error: the field "NotificationReason" is newer than Alertmanager 0.31 [routing/template] (do without: Watchbill's checks are those of Alertmanager 0.31, whatever components.alertmanager.version in watchbill.yaml is)`,
			`alertmanager/templates/a.tmpl:1:80: error: the field "Join" is newer than Alertmanager 0.31 [routing/template] (do without: Watchbill's checks are those of Alertmanager 0.31, whatever components.alertmanager.version in watchbill.yaml is)`,
			`alertmanager/templates/a.tmpl:1:104: error: no template is called "slack.default.color" [routing/template] (did you mean "slack.default.footer"?)`,
			`alertmanager/templates/a.tmpl:1:134: error: the field "RouteLabels" is newer than Alertmanager 0.31 [routing/template] (do without: Watchbill's checks are those of Alertmanager 0.31, whatever components.alertmanager.version in watchbill.yaml is)`,
		}},
		{"endless loop", `{{ define "a" }}{{ range 1000000000000 }}{{ end }}{{ end }}`, []string{
			`alertmanager/templates/a.tmpl:1:26: error: the template does not come to an end, or makes too much of it [routing/template] (look for a template that calls itself, or a loop that is too long)`,
		}},
		{"endless recursion", "{{ define \"x\" }}{{ template \"a\" . }}{{ end }}\n{{ define \"a\" }}\n  {{ template \"a\" . }}{{ end }}", []string{
			`alertmanager/templates/a.tmpl:3:15: error: the template does not come to an end, or makes too much of it [routing/template] (look for a template that calls itself, or a loop that is too long)`,
		}},
		{"doubling calls", `{{ define "a" }}{{ template "b" . }}{{ template "b" . }}{{ end }}{{ define "b" }}{{ template "c" . }}{{ template "c" . }}{{ end }}{{ define "c" }}{{ range 20000 }}{{ end }}{{ end }}`, []string{
			`alertmanager/templates/a.tmpl:1:156: error: the template does not come to an end, or makes too much of it [routing/template] (look for a template that calls itself, or a loop that is too long)`,
		}},
		{"doubling text", `{{ define "a" }}{{ $x := "ab" }}{{ range 100 }}{{ $x = printf "%s%s" $x $x }}{{ end }}{{ end }}`, []string{
			`alertmanager/templates/a.tmpl:1:20: error: the template does not come to an end, or makes too much of it [routing/template] (look for a template that calls itself, or a loop that is too long)`,
		}},
		{"doubling by replacement", `{{ define "a" }}{{ $x := "ab" }}{{ range 100 }}{{ $x = reReplaceAll "." $x $x }}{{ end }}{{ end }}`, []string{
			`alertmanager/templates/a.tmpl:1:20: error: the template does not come to an end, or makes too much of it [routing/template] (look for a template that calls itself, or a loop that is too long)`,
		}},
		{"heavy expression", `{{ define "a" }}{{ range 9000 }}{{ $x := match "((a{0,10}){0,10}){0,10}b$" (printf "%10000d" 1) }}{{ end }}{{ end }}`, []string{
			`alertmanager/templates/a.tmpl:1:26: error: the template does not come to an end, or makes too much of it [routing/template] (look for a template that calls itself, or a loop that is too long)`,
		}},
		{"much output", `{{ define "a" }}{{ range 10000 }}{{ printf "%1000d" 1 }}{{ end }}{{ end }}`, []string{
			`alertmanager/templates/a.tmpl:1:26: error: the template does not come to an end, or makes too much of it [routing/template] (look for a template that calls itself, or a loop that is too long)`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := []*repolayout.File{{Path: "alertmanager/templates/a.tmpl", Content: []byte(tt.text)}}
			if diff := cmp.Diff(tt.want, lines(Templates(files))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReceivers(t *testing.T) {
	files := map[string]string{
		"alertmanager/templates/a.tmpl": "{{ define \"a.title\" }}{{ .Status }}{{ end }}\n{{ define \"a.alerts\" }}{{ range . }}{{ .Labels.x }}{{ end }}{{ end }}",
		"watchbill.yaml":                "onCall:\n  receivers:\n  - pagerDuty:\n      integrationKey: key\n      description: '{{ template \"a.tilte\" . }}'\n",
		"teams/payments/team.yaml": `owner: payments@example.org
routes:
- severities: [critical]
  receivers:
  - slack: {channel: "#payments", urlKey: key}
  - slack:
      channel: "#payments"
      urlKey: key
      title: a.title
      text: '{{ template "a.alerts" .Alerts }}'
- receivers:
  - slack:
      channel: "#payments"
      urlKey: key
      title: '{{ template "a.alerts" . }}'
      text: '{{ .Alerts.Firing | len }} {{ .Nothing }}'
  - pagerDuty: {integrationKey: key, description: '{{ if }}'}
`,
	}
	if diff := cmp.Diff([]string{
		`alertmanager/templates/a.tmpl:2:33: error: .: range can't iterate over this [routing/template]`,
		`payments: teams/payments/team.yaml:9:14: warning: "a.title" is the name of a template, but would be sent as a text [routing/template] (write '{{ template "a.title" . }}')`,
		`payments: teams/payments/team.yaml:16:13: error: .Nothing: can't evaluate field Nothing in Data [routing/template]`,
		`payments: teams/payments/team.yaml:17:51: error: missing value for if [routing/template]`,
		`watchbill.yaml:5:20: error: no template is called "a.tilte" [routing/template] (did you mean "a.title"?)`,
	}, lines(check(t, repoOf(files)))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestReceiversOfABrokenFile: who calls a template of a file that does not parse is not to blame.
func TestReceiversOfABrokenFile(t *testing.T) {
	files := map[string]string{
		"alertmanager/templates/a.tmpl": "{{ define \"a.title\" }}{{ .Status | toUppr }}{{ end }}",
		"teams/payments/team.yaml": `owner: payments@example.org
routes:
- receivers:
  - slack: {channel: "#payments", urlKey: key, title: '{{ template "a.title" . }}', text: '{{ template "another" . }}'}
`,
	}
	if diff := cmp.Diff([]string{
		`alertmanager/templates/a.tmpl:1:36: error: function "toUppr" not defined [routing/template] (did you mean "toUpper"?)`,
		`payments: teams/payments/team.yaml:4:91: error: no template is called "another" [routing/template] (define it in a file alertmanager/templates/*.tmpl, as {{ define "another" }}…{{ end }})`,
	}, lines(check(t, repoOf(files)))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestProofHints tells what to do about the team's routes from what to do about the copy.
func TestProofHints(t *testing.T) {
	for requirement, want := range map[routes.Requirement]string{
		routes.ReachesTeam: "teams/payments/team.yaml", routes.ReachesOnCall: "onCall.receivers in watchbill.yaml",
	} {
		f := proofFinding(routes.Verdict{Team: "payments", Alert: "A", Requirement: requirement, Result: routes.Violated})
		if !strings.Contains(f.Hint, want) {
			t.Errorf("%s: the hint %q does not speak of %s", requirement, f.Hint, want)
		}
	}
}
