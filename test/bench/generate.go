package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The generated repo: its size is what the figures' names say.
const (
	teams        = 500
	filesPerTeam = 10
	rulesPerFile = 20
)

// generate writes a monitoring repo of 100,000 rules in 5,000 files.
func generate(dir string) error {
	files := map[string]string{
		"watchbill.yaml":         "onCall:\n  receivers:\n    - webhook: {urlKey: on-call}\n",
		"environments/prod.yaml": "namespace: monitoring\nlabels: {cluster: bench, env: prod}\n",
	}
	for t := range teams {
		team := fmt.Sprintf("team-%03d", t)
		files["teams/"+team+"/team.yaml"] = teamFile(team)
		for f := range filesPerTeam {
			files[fmt.Sprintf("teams/%s/rules/service-%02d.yaml", team, f)] = ruleFile(team, f)
		}
	}
	for path, content := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func teamFile(team string) string {
	return fmt.Sprintf(`owner: %[1]s
routes:
  - severities: [critical]
    receivers:
      - pagerDuty: {integrationKey: %[1]s-pagerduty}
  - receivers:
      - slack: {channel: "#%[1]s", urlKey: %[1]s-slack}
`, team)
}

// ruleFile has one group of recording rules and alerts in equal parts, with
// expressions and annotations of the length that people write.
func ruleFile(team string, file int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "groups:\n  - name: %s-service-%02d\n    interval: 30s\n    rules:\n", team, file)
	for r := range rulesPerFile / 2 {
		fmt.Fprintf(&b, `      - record: job_route:%[1]s_requests_%[2]d_%[3]d:rate5m
        expr: |
          sum by (job, route, code) (
            rate(http_requests_total{team="%[4]s", service="service-%02[2]d", route=~"/api/v%[3]d/.*", code!~"4.."}[5m])
          )
          /
          ignoring (code) group_left
          sum by (job, route) (rate(http_requests_total{team="%[4]s", service="service-%02[2]d", route=~"/api/v%[3]d/.*"}[5m]))
        labels:
          service: service-%02[2]d
          route: "v%[3]d"
`, strings.ReplaceAll(team, "-", "_"), file, r, team)
		fmt.Fprintf(&b, `      - alert: HighErrorRate%[2]d
        expr: |
          histogram_quantile(0.99, sum by (le, route) (rate(http_request_duration_seconds_bucket{service="service-%02[1]d", route=~"/api/v%[2]d/.*"}[5m]))) > 0.%[2]d5
          and on (route)
          sum by (route) (rate(http_requests_total{service="service-%02[1]d", code=~"5..", route=~"/api/v%[2]d/.*"}[10m])) > %[2]d
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: %[3]s
          service: service-%02[1]d
        annotations:
          summary: "{{ $labels.route }} of service-%02[1]d is slow and fails"
          description: >-
            The 99th percentile of the requests to {{ $labels.route }} has been above the objective for ten minutes,
            and more than %[2]d requests a second fail; the last value was {{ $value | humanizeDuration }}. Look at the
            dashboard of the service first, then at the databases behind it.
          runbook_url: https://runbooks.example.com/%[4]s/service-%02[1]d/high-error-rate-%[2]d
`, file, r, []string{"critical", "warning", "info"}[r%3], team)
	}
	return b.String()
}
