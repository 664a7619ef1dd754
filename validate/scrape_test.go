package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScrape(t *testing.T) {
	const path = "teams/payments/scrape/a.yaml"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"fine", map[string]string{path: `scrape_configs:
- job_name: payments
  scrape_interval: 15s
  kubernetes_sd_configs:
  - role: pod
    namespaces: {names: [payments]}
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
- job_name: others
  dns_sd_configs: [{names: [a.example], type: A, port: 80}]
  consul_sd_configs: [{server: "c.example:8500"}]
  ec2_sd_configs: [{region: eu-west-1}]
`}, nil},
		{"every job's faults", map[string]string{path: `# jobs
scrape_configs:
- job_name: a
  scrape_intervall: 15s
  sheme: https
- job_name: b
  relabel_configs:
  - action: replce
- job_name: c
  scrape_timeout: 31s
- job_name: d
  static_configs: [{targets: ["http://x"]}]

- job_name: e
- job_name: f
  relabel_configs: [{regex: "("}]
- scheme: http
`}, []string{
			`payments: teams/payments/scrape/a.yaml:4:3: error: unknown key "scrape_intervall" [scrape/syntax] (did you mean "scrape_interval"?)`,
			`payments: teams/payments/scrape/a.yaml:5:3: error: unknown key "sheme" [scrape/syntax] (did you mean "scheme"?)`,
			`payments: teams/payments/scrape/a.yaml:8:13: error: job "b": unknown relabel action "replce" [scrape/syntax] (did you mean "replace"?)`,
			`payments: teams/payments/scrape/a.yaml:10:19: error: job "c": scrape timeout greater than scrape interval [scrape/syntax] (31s is longer than the 30s of prometheus.scrapeInterval in watchbill.yaml: shorten scrape_timeout, or scrape less often)`,
			`payments: teams/payments/scrape/a.yaml:12:32: error: job "d": "http://x" is not a valid hostname [scrape/syntax] (write host:port; the scheme goes into __scheme__, and the path into __metrics_path__)`,
			"payments: teams/payments/scrape/a.yaml:15:13: error: job \"f\": error parsing regexp: missing closing ): `^(?s:()$` [scrape/syntax]",
			`payments: teams/payments/scrape/a.yaml:17:3: error: job_name is empty [scrape/syntax] (give the job a job_name, which its series have as their label job)`,
		}},
		{"shorter than the global interval", map[string]string{path: `scrape_configs:
- {job_name: a, scrape_timeout: 31s}
- {job_name: b, scrape_timeout: 20s}
`}, []string{
			`payments: teams/payments/scrape/a.yaml:2:33: error: job "a": scrape timeout greater than scrape interval [scrape/syntax] (31s is longer than the 30s of prometheus.scrapeInterval in watchbill.yaml: shorten scrape_timeout, or scrape less often)`,
		}},
		{"flow", map[string]string{path: "scrape_configs: [{job_name: a, x: y}, {job_name: b, relabel_configs: [{regex: (}]}]\n"}, []string{
			"payments: teams/payments/scrape/a.yaml: error: error parsing regexp: missing closing ): `^(?s:()$` [scrape/syntax]",
		}},
		{"not on lines of their own", map[string]string{path: "scrape_configs: [{job_name: a}, {job_name: b, relabel_configs: [{action: replce}]}]\n"}, []string{
			`payments: teams/payments/scrape/a.yaml:1:74: error: unknown relabel action "replce" [scrape/syntax] (did you mean "replace"?)`,
		}},
		{"one job", map[string]string{path: "scrape_configs:\n- job_name: a\n  relabel_configs: [{regex: (}]\n"}, []string{
			"payments: teams/payments/scrape/a.yaml:2:13: error: job \"a\": error parsing regexp: missing closing ): `^(?s:()$` [scrape/syntax]",
		}},
		{"duplicates", map[string]string{
			path:                                 "scrape_configs: [{job_name: a}, {job_name: b}, {job_name: a}]\n",
			"teams/payments/scrape/prod/b.yaml":  "scrape_configs: [{job_name: c}, {job_name: b}]\n",
			"teams/payments/scrape/dev/b.yaml":   "scrape_configs: [{job_name: c}]\n",
			"teams/search/scrape/dev/b.yaml":     "scrape_configs: [{job_name: c}, {job_name: d}]\n",
			"teams/search/scrape/prod/prod.yaml": "scrape_configs: [{job_name: d}]\n",
		}, []string{
			`payments: teams/payments/scrape/a.yaml:1:59: error: the scrape job "a" stands in teams/payments/scrape/a.yaml too, at line 1 [scrape/duplicate-job] (give each job a name of its own, such as one that begins with the team's)`,
			`payments: teams/payments/scrape/dev/b.yaml:1:29: error: the scrape job "c" stands in teams/search/scrape/dev/b.yaml too, at line 1 [scrape/duplicate-job] with search (give each job a name of its own, such as one that begins with the team's)`,
			`payments: teams/payments/scrape/prod/b.yaml:1:44: error: the scrape job "b" stands in teams/payments/scrape/a.yaml too, at line 1 [scrape/duplicate-job] (give each job a name of its own, such as one that begins with the team's)`,
			`search: teams/search/scrape/dev/b.yaml:1:29: error: the scrape job "c" stands in teams/payments/scrape/dev/b.yaml too, at line 1 [scrape/duplicate-job] with payments (give each job a name of its own, such as one that begins with the team's)`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(check(t, repoOf(tt.files)))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrometheusConfig(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		want         []string
	}{
		{"fine", "global:\n  scrape_interval: 30s\n  external_labels: {replica: '${POD_NAME}'}\nrule_files: ['rules/a/*.yaml']\nscrape_config_files: ['scrape/a/*.yaml']\n", nil},
		{"unknown keys", "global:\n  scrape_intervall: 30s\nrule_fils: []\n", []string{
			`prometheus.yml:2:3: error: unknown key "scrape_intervall" [prometheus/config] (did you mean "scrape_interval"?)`,
			`prometheus.yml:3:1: error: unknown key "rule_fils" [prometheus/config] (did you mean "rule_files"?)`,
		}},
		{"rule path", "rule_files: ['rules/*/*']\n", []string{
			`prometheus.yml: error: invalid rule file path "rules/*/*" [prometheus/config]`,
		}},
		{"syntax", "global: [\n", []string{
			`prometheus.yml:1:1: error: did not find expected node content [prometheus/config]`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(PrometheusConfig("prometheus.yml", []byte(tt.config)))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
