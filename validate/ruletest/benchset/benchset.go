// Package benchset makes the set of unit tests that the benchmark runs, ours and
// promtool's: such tests as teams write, always the same.
package benchset

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What one team of the set has.
const (
	alertsPerTeam = 8 // and half as many recording rules
	testsPerFile  = 10
	filesPerTeam  = 4
)

// Write makes n tests in the folder dir, laid out as a monitoring repo, and
// returns the paths of the test files, relative to dir.
func Write(dir string, n int) ([]string, error) {
	var files []string
	for team := 0; len(files)*testsPerFile < n; team++ {
		folder := fmt.Sprintf("teams/team-%03d", team)
		if err := write(dir, folder+"/rules/service.yaml", rules(team)); err != nil {
			return nil, err
		}
		for i := 0; i < filesPerTeam && len(files)*testsPerFile < n; i++ {
			file := fmt.Sprintf("%s/tests/service-%d.yaml", folder, i)
			count := min(testsPerFile, n-len(files)*testsPerFile)
			if err := write(dir, file, tests(team, i, count)); err != nil {
				return nil, err
			}
			files = append(files, file)
		}
	}
	return files, nil
}

func write(dir, file, content string) error {
	path := filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}

func rules(team int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "groups:\n- name: service-%d-recorded\n  rules:\n", team)
	for i := range alertsPerTeam / 2 {
		fmt.Fprintf(&b, "  - record: service%d:errors_%d:ratio\n", team, i)
		fmt.Fprintf(&b, "    expr: sum by (job) (rate(http_requests_total{service=\"s%d-%d\", code=~\"5..\"}[5m])) / sum by (job) (rate(http_requests_total{service=\"s%d-%d\"}[5m]))\n", team, i, team, i)
	}
	fmt.Fprintf(&b, "- name: service-%d-alerts\n  rules:\n", team)
	for i := range alertsPerTeam {
		expr := fmt.Sprintf("service%d:errors_%d:ratio > 0.05", team, i/2)
		if i%2 == 1 {
			expr = fmt.Sprintf("up{service=\"s%d-%d\"} == 0", team, i/2)
		}
		fmt.Fprintf(&b, "  - alert: Service%dAlert%d\n    expr: %s\n    for: %dm\n    labels:\n      severity: page\n", team, i, expr, 2+i%4)
		b.WriteString("    annotations:\n      summary: '{{ $labels.job }} has a problem'\n" +
			"      description: '{{ $labels.job }} is at {{ $value | humanize }}, which is more than it should be'\n" +
			"      runbook_url: https://runbooks.example.org/service\n")
	}
	return b.String()
}

func tests(team, file, count int) string {
	var b strings.Builder
	b.WriteString("rule_files: [../rules/*.yaml]\nevaluation_interval: 1m\ntests:\n")
	for i := range count {
		service := (file*testsPerFile + i) % (alertsPerTeam / 2)
		fmt.Fprintf(&b, "- name: test %d\n  interval: 1m\n  input_series:\n", i)
		series := func(name, labels, values string) {
			fmt.Fprintf(&b, "  - series: '%s{service=\"s%d-%d\", job=\"api\", %s}'\n    values: '%s'\n", name, team, service, labels, values)
		}
		series("http_requests_total", `code="200", instance="a"`, "0+60x30")
		series("http_requests_total", `code="500", instance="a"`, "0+10x30")
		series("http_requests_total", `code="200", instance="b"`, "0+60x30")
		series("http_requests_total", `code="503", instance="b"`, "0x10 0+8x20")
		series("up", `instance="a"`, "1x10 0x20")
		series("up", `instance="b"`, "1x30")
		b.WriteString("  alert_rule_test:\n")
		fmt.Fprintf(&b, "  - {eval_time: 1m, alertname: Service%dAlert%d}\n", team, 2*service)
		fmt.Fprintf(&b, "  - eval_time: 20m\n    alertname: Service%dAlert%d\n    exp_alerts:\n", team, 2*service+1)
		b.WriteString("    - exp_labels: {severity: page, job: api, instance: a, " + fmt.Sprintf("service: s%d-%d}\n", team, service) +
			"      exp_annotations:\n        summary: api has a problem\n" +
			"        description: api is at 0, which is more than it should be\n" +
			"        runbook_url: https://runbooks.example.org/service\n")
		fmt.Fprintf(&b, "  promql_expr_test:\n  - expr: service%d:errors_%d:ratio\n    eval_time: 8m\n    exp_samples:\n", team, service)
		fmt.Fprintf(&b, "    - {labels: 'service%d:errors_%d:ratio{job=\"api\"}', value: %v}\n", team, service, 10.0/130.0)
	}
	return b.String()
}
