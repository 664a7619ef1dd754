package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// generateWhole is the repo of generate with all else that a team has: a scrape
// job, a dashboard and unit tests.
func generateWhole(dir string) error {
	if err := generate(dir); err != nil {
		return err
	}
	for t := range teams {
		team := fmt.Sprintf("team-%03d", t)
		files := map[string]string{
			"scrape/jobs.yaml":         fmt.Sprintf("scrape_configs:\n  - job_name: %s\n    kubernetes_sd_configs: [{role: pod}]\n", team),
			"dashboards/overview.json": fmt.Sprintf(`{"uid": "%[1]s-overview", "title": "%[1]s", "panels": []}`+"\n", team),
			"tests/service-00.yaml":    testFile(),
		}
		if err := writeFiles(filepath.Join(dir, "teams", team), files); err != nil {
			return err
		}
	}
	return nil
}

// testFile has two tests of the rules of one file.
func testFile() string {
	var b strings.Builder
	b.WriteString("rule_files: [../rules/service-00.yaml]\ntests:\n")
	for route := range 2 {
		fmt.Fprintf(&b, `  - name: quiet while nothing fails on route %[1]d
    interval: 1m
    input_series:
      - series: http_request_duration_seconds_bucket{service="service-00", route="/api/v%[1]d/users", le="1"}
        values: 0+10x30
      - series: http_requests_total{service="service-00", route="/api/v%[1]d/users", code="200"}
        values: 0+60x30
    alert_rule_test:
      - {eval_time: 20m, alertname: HighErrorRate%[1]d}
`, route)
	}
	return b.String()
}

// generateAlerts is a repo of 100,000 alerts of 500 teams.
func generateAlerts(dir string) error {
	if err := generate(dir); err != nil {
		return err
	}
	for t := range teams {
		team := fmt.Sprintf("team-%03d", t)
		files := map[string]string{}
		for f := range filesPerTeam {
			files[fmt.Sprintf("rules/service-%02d.yaml", f)] = alertFile(f)
		}
		if err := writeFiles(filepath.Join(dir, "teams", team), files); err != nil {
			return err
		}
	}
	return nil
}

// alertFile has alerts alone, some with a severity of their expression's.
func alertFile(file int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "groups:\n  - name: service-%02d\n    rules:\n", file)
	for r := range rulesPerFile {
		fmt.Fprintf(&b, `      - alert: HighErrorRate%[2]d
        expr: |
          sum by (job, route) (rate(http_requests_total{service="service-%02[1]d", route=~"/api/v%[2]d/.*", code=~"5.."}[5m]))
          /
          sum by (job, route) (rate(http_requests_total{service="service-%02[1]d", route=~"/api/v%[2]d/.*"}[5m])) > 0.05
        for: 10m
        labels:
          severity: %[3]s
          service: service-%02[1]d
        annotations:
          summary: "{{ $labels.route }} of service-%02[1]d fails"
          runbook_url: https://runbooks.example.com/service-%02[1]d/high-error-rate-%[2]d
`, file, r, []string{"critical", "warning", "info"}[r%3])
	}
	return b.String()
}

func writeFiles(dir string, files map[string]string) error {
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
