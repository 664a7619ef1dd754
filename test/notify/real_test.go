package notify

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// realConfig tells all three of everything, in words of its own and in Alertmanager's.
const realConfig = `
route:
  receiver: own words
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  routes:
    - {receiver: upstream's words, matchers: ['alertname="Default"']}
receivers:
  - name: own words
    slack_configs:
      - send_resolved: true
        api_url_file: DIR/slack-url
        channel: "#payments"
        title: '{{ template "team.title" . }}'
        text: '{{ template "team.text" . }}'
        fields: [{title: Team, value: '{{ .CommonLabels.team }}', short: true}]
        actions: [{type: button, text: Runbook, url: 'https://runbooks.example.org/{{ .CommonLabels.alertname }}'}]
    pagerduty_configs:
      - send_resolved: true
        routing_key_file: DIR/pagerduty-key
        url: URL/v2/enqueue
        description: '{{ template "team.title" . }}'
        severity: '{{ .CommonLabels.severity }}'
        details: {runbook: "https://runbooks.example.org"}
        links: [{href: "https://runbooks.example.org", text: Runbook}]
    webhook_configs:
      - {send_resolved: true, url_file: DIR/webhook-url}
  - name: upstream's words
    slack_configs: [{send_resolved: true, api_url_file: DIR/slack-url, channel: "#payments"}]
    pagerduty_configs: [{send_resolved: true, routing_key_file: DIR/pagerduty-key, url: URL/v2/enqueue}]
    webhook_configs: [{send_resolved: true, url_file: DIR/webhook-url}]
templates: [DIR/team.tmpl]
`

const realTemplate = `
{{ define "team.title" }}{{ .Status | toUpper }}: {{ .CommonLabels.alertname }}{{ end }}
{{ define "team.text" }}{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}{{ end }}
`

func TestAlertmanagerKeepsToTheFormats(t *testing.T) {
	s, url := serve(t)
	address := startAlertmanager(t, map[string]string{
		"slack-url":        url + slackPath + "\n",
		"pagerduty-key":    key + "\n",
		"webhook-url":      url + "/webhook/on-call\n",
		"team.tmpl":        realTemplate,
		"alertmanager.yml": strings.ReplaceAll(realConfig, "URL", url),
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s.Fail(3, http.StatusServiceUnavailable) // whoever meets these sends again until it is taken
	for _, name := range []string{"Own", "Default"} {
		until(ctx, t, func() error { return alert(ctx, address, name, time.Time{}) })
	}
	await(ctx, t, s, 6)
	for _, name := range []string{"Own", "Default"} {
		until(ctx, t, func() error { return alert(ctx, address, name, time.Now()) })
	}
	await(ctx, t, s, 12)
	noFaults(t, s)
	if s.Requests() != 15 {
		t.Errorf("%d requests, of which 3 failed and 12 did not", s.Requests())
	}
	summary := "Too many <errors> & \"more\"."
	want := map[string]int{
		"slack firing FIRING: Own" + summary:                        1,
		"slack resolved RESOLVED: Own" + summary:                    1,
		"pagerduty firing FIRING: Own":                              1,
		"pagerduty resolved RESOLVED: Own":                          1,
		"webhook firing Own":                                        1,
		"webhook resolved Own":                                      1,
		"slack firing [FIRING:1] Default (critical payments)":       1,
		"slack resolved [RESOLVED] Default (critical payments)":     1,
		"pagerduty firing [FIRING:1] Default (critical payments)":   1,
		"pagerduty resolved [RESOLVED] Default (critical payments)": 1,
		"webhook firing Default":                                    1,
		"webhook resolved Default":                                  1,
	}
	if diff := cmp.Diff(want, lines(s)); diff != "" {
		t.Error(diff)
	}
}

// TestRenderedKeepsToTheFormats: the same for what is rendered of the example, with the example's own words.
func TestRenderedKeepsToTheFormats(t *testing.T) {
	s, url := serve(t)
	repo, problems := repolayout.NewLoader().Load(repolayout.Example())
	if len(problems) > 0 {
		t.Fatalf("the example: %v", problems)
	}
	repo.Stack.Alertmanager.GroupWait, repo.Stack.Alertmanager.GroupInterval = "1s", "1s"
	files := map[string]string{
		"receivers/slack-url":              url + slackPath,
		"receivers/on-call-url":            url + "/webhook/on-call",
		"receivers/payments-pagerduty-key": key,
	}
	for _, team := range repo.Teams {
		for i := range team.Spec.Routes {
			for j := range team.Spec.Routes[i].Receivers {
				if p := team.Spec.Routes[i].Receivers[j].PagerDuty; p != nil {
					p.URL = url + "/v2/enqueue"
				}
			}
		}
	}
	output, err := render.New(render.Options{AgentImage: "registry.example.org/watchbill:v1"}).Environment(repo, repo.Environments[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range output.Bundles {
		if b.Component != bundle.Alertmanager {
			continue
		}
		parts, err := bundle.Assemble(b.Ref(""), b.Chunks)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range parts {
			files[f.Path] = strings.ReplaceAll(f.Content, "/etc/watchbill/receivers", "DIR/receivers")
		}
	}
	address := startAlertmanager(t, files)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	until(ctx, t, func() error { return alert(ctx, address, "Paying", time.Time{}) })
	await(ctx, t, s, 3)
	until(ctx, t, func() error { return alert(ctx, address, "Paying", time.Now()) })
	await(ctx, t, s, 6)
	noFaults(t, s)
	text := "\n- critical: Too many <errors> & \"more\"."
	want := map[string]int{
		"slack firing [FIRING 1] Paying" + text:                    1,
		"slack resolved [RESOLVED] Paying" + text:                  1,
		"pagerduty firing [FIRING:1] Paying (critical payments)":   1,
		"pagerduty resolved [RESOLVED] Paying (critical payments)": 1,
		"webhook firing Paying":                                    1,
		"webhook resolved Paying":                                  1,
	}
	if diff := cmp.Diff(want, lines(s)); diff != "" {
		t.Error(diff)
	}
	for _, n := range s.Received() {
		if n.Kind == Slack && n.Channel != "#payments" || n.Kind == PagerDuty && n.Severity != "critical" {
			t.Errorf("told wrongly: %+v", n)
		}
	}
}
