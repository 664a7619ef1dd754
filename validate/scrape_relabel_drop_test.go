package validate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const scrapePath = "teams/payments/scrape/a.yaml"

// scrapeCase is jobs, as they stand under scrape_configs, and what is to be said
// of them without file, owner and the job's name.
type scrapeCase struct {
	name, jobs string
	want       []string
}

func runScrapeCases(t *testing.T, cases []scrapeCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, line := range lines(check(t, repoOf(map[string]string{scrapePath: "scrape_configs:\n" + tt.jobs}))) {
				line = strings.TrimPrefix(line, "payments: "+scrapePath+":")
				got = append(got, strings.Replace(line, `job "a": `, "", 1))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// pods is a job over pods with these rules for its targets, from line 5 on.
func pods(rules ...string) string {
	return "- job_name: a\n  kubernetes_sd_configs: [{role: pod}]\n  relabel_configs:\n  - " + strings.Join(rules, "\n  - ") + "\n"
}

func static(rules ...string) string {
	return "- job_name: a\n  static_configs: [{targets: ['a:1', 'b:2'], labels: {tier: web}}]\n  relabel_configs:\n  - " + strings.Join(rules, "\n  - ") + "\n"
}

func samples(rules ...string) string {
	return "- job_name: a\n  kubernetes_sd_configs: [{role: pod}]\n  metric_relabel_configs:\n  - " + strings.Join(rules, "\n  - ") + "\n"
}

func TestRelabelDropKeepsSilent(t *testing.T) {
	for name, jobs := range map[string]string{
		"by annotation":        pods(`{source_labels: [__meta_kubernetes_pod_annotation_scrape], regex: "true", action: keep}`),
		"set before":           pods(`{source_labels: [__meta_kubernetes_namespace], target_label: namespace}`, `{source_labels: [namespace], regex: pay.+, action: keep}`),
		"set by labelmap":      pods(`{regex: __meta_kubernetes_pod_label_(.+), action: labelmap}`, `{source_labels: [app], regex: web, action: keep}`),
		"of nothing":           pods(`{source_labels: [app], regex: "", action: keep}`),
		"drop what is empty":   pods(`{source_labels: [__meta_kubernetes_pod_ip], regex: "", action: drop}`),
		"drop one job":         pods(`{source_labels: [job], regex: b, action: drop}`),
		"one shard":            pods(`{source_labels: [__address__], modulus: 4, target_label: __tmp_hash, action: hashmod}`, `{source_labels: [__tmp_hash], regex: "3", action: keep}`),
		"two keeps":            pods(`{source_labels: [__meta_kubernetes_namespace], regex: a|b, action: keep}`, `{source_labels: [__meta_kubernetes_namespace], regex: b|c, action: keep}`),
		"name by a variable":   pods(`{source_labels: [__meta_kubernetes_pod_name], regex: (.+), target_label: __tmp_$1, replacement: x}`, `{source_labels: [__tmp_b], regex: x, action: keep}`),
		"node of a pod":        strings.Replace(pods(`{source_labels: [__meta_kubernetes_node_label_zone], regex: b, action: keep}`), "role: pod", "role: pod, attach_metadata: {node: true}", 1),
		"one of two targets":   static(`{source_labels: [__address__], regex: "b:.*", action: keep}`),
		"labels of files":      "- job_name: a\n  http_sd_configs: [{url: 'http://a.example/'}]\n  relabel_configs: [{source_labels: [tier], regex: web, action: keep}, {source_labels: [job], regex: b, action: keep}]\n",
		"one of two sources":   "- job_name: a\n  static_configs: [{targets: ['a:1']}]\n  dns_sd_configs: [{names: [a.example]}]\n  relabel_configs: [{source_labels: [__meta_dns_name], regex: .+, action: keep}]\n",
		"labeldrop of labels":  pods(`{regex: __meta_kubernetes_pod_label_.+, action: labeldrop}`, `{source_labels: [__meta_kubernetes_pod_name], regex: .+, action: keep}`),
		"address put back":     pods(`{regex: __address__, action: labeldrop}`, `{target_label: __address__, replacement: "proxy:80"}`),
		"no discovery at all":  "- job_name: a\n  relabel_configs: [{action: drop}]\n",
		"samples by name":      samples(`{source_labels: [__name__], regex: "go_.*", action: drop}`, `{source_labels: [__name__, le], regex: "http_.+;1", action: keep}`),
		"samples by job":       samples(`{source_labels: [job], regex: a, action: keep}`),
		"samples, honored job": strings.Replace(samples(`{source_labels: [job], regex: b, action: keep}`), "job_name: a", "job_name: a\n  honor_labels: true", 1),
		"labels of samples":    samples(`{regex: "__name__|job|instance|le", action: labelkeep}`),
		"equal":                static(`{source_labels: [tier], target_label: tier, action: keepequal}`),
		"equal at times":       static(`{source_labels: [__address__], target_label: __param_target}`, `{source_labels: [__address__], target_label: __param_target, action: keepequal}`),
		"case":                 static(`{source_labels: [tier], target_label: tier, action: uppercase}`, `{source_labels: [tier], regex: WEB, action: keep}`),
	} {
		t.Run(name, func(t *testing.T) { runScrapeCases(t, []scrapeCase{{name, jobs, nil}}) })
	}
}

func TestRelabelDrop(t *testing.T) {
	const (
		none   = "warning: relabelling drops every target, so nothing is scraped: "
		id     = " [scrape/relabel-drop]"
		after  = " (a label such as app is there only after a rule has set it: put this rule behind that one, or look at the __meta_ label that it is made from)"
		delete = " (mend the rule, or delete the job if it is not wanted)"
	)
	runScrapeCases(t, []scrapeCase{
		{"a label that is not set yet", pods(`{source_labels: [app], regex: web, action: keep}`, `{source_labels: [__meta_kubernetes_pod_label_app], target_label: app}`), []string{
			"5:5: " + none + `keep wants app to match "web", but app is not there` + id + after,
		}},
		{"a label of another role", pods(`{source_labels: [__meta_kubernetes_service_name], regex: web, action: keep}`), []string{
			"5:5: " + none + `keep wants __meta_kubernetes_service_name to match "web", but __meta_kubernetes_service_name is not there` + id +
				" (targets of kubernetes_sd_configs with the role pod have no label __meta_kubernetes_service_name: correct its name, or the service discovery)",
		}},
		{"a label of another discovery", "- job_name: a\n  consul_sd_configs: [{server: 'c.example:8500'}]\n  relabel_configs:\n  - {source_labels: [__meta_dns_name], regex: .+, action: keep}\n", []string{
			"5:5: " + none + `keep wants __meta_dns_name to match ".+", but __meta_dns_name is not there` + id +
				" (targets of consul_sd_configs have no label __meta_dns_name: correct its name, or the service discovery)",
		}},
		{"two labels, one is missing", pods(`{source_labels: [app, __meta_kubernetes_pod_name], regex: "web;.+", action: keep}`), []string{
			"5:5: " + none + `keep wants app ; __meta_kubernetes_pod_name to match "web;.+", but app is not there` + id + after,
		}},
		{"the job's name", pods(`{source_labels: [job], regex: b|c, action: keep}`), []string{
			"5:5: " + none + `keep wants job to match "b|c", but job is always "a"` + id + delete,
		}},
		{"drop of the job", pods(`{source_labels: [job], regex: a, action: drop}`), []string{
			"5:5: " + none + `drop is for all whose job matches "a", but job is always "a"` + id + delete,
		}},
		{"drop without a regex", pods(`{source_labels: [__meta_kubernetes_pod_name], action: drop}`), []string{
			"5:5: " + none + "this drop has no regex, and so drops everything" + id + " (add a regex that matches what is not wanted, or delete the job)",
		}},
		{"drop of every address", pods(`{source_labels: [__address__], regex: .+, action: drop}`), []string{
			"5:5: " + none + `the regex ".+" of this drop matches everything` + id + delete,
		}},
		{"no source labels", pods(`{regex: web, action: keep}`), []string{
			"5:5: " + none + `this keep has no source_labels, so all that its regex "web" is held against is an empty text` + id + " (add source_labels)",
		}},
		{"two keeps that contradict", pods(`{source_labels: [__meta_kubernetes_namespace], regex: a|b, action: keep}`, `{source_labels: [__meta_kubernetes_namespace], regex: c, action: keep}`), []string{
			"6:5: " + none + `keep wants __meta_kubernetes_namespace to match "c", but __meta_kubernetes_namespace is one of ["a" "b"]` + id + delete,
		}},
		{"keep what was dropped", pods(`{source_labels: [__meta_kubernetes_namespace], regex: pay.*, action: drop}`, `{source_labels: [__meta_kubernetes_namespace], regex: payments, action: keep}`), []string{
			"6:5: " + none + `keep wants __meta_kubernetes_namespace to match "payments", which the rules before leave none of` + id + delete,
		}},
		{"a shard that there is not", pods(`{source_labels: [__address__], modulus: 2, target_label: __tmp_hash, action: hashmod}`, `{source_labels: [__tmp_hash], regex: "2", action: keep}`), []string{
			"6:5: " + none + `keep wants __tmp_hash to match "2", but __tmp_hash is one of ["0" "1"]` + id + delete,
		}},
		{"labelkeep of what people see", pods(`{regex: job|instance, action: labelkeep}`), []string{
			"5:5: " + none + "this rule takes away the label __address__, and a target without it is dropped" + id +
				" (labelkeep keeps nothing but what its regex matches: list the labels that are not wanted under labeldrop instead)",
		}},
		{"labeldrop of too much", pods(`{regex: __.*, action: labeldrop}`), []string{
			"5:5: " + none + "this rule takes away the label __address__, and a target without it is dropped" + id + " (let the rule leave __address__ alone)",
		}},
		{"labeldrop of the interval", pods(`{regex: __scrape_.*, action: labeldrop}`), []string{
			"5:5: " + none + "this rule takes away the label __scrape_interval__, and a target without it is dropped" + id + " (let the rule leave __scrape_interval__ alone)",
		}},
		{"an address with a path", pods(`{target_label: __address__, replacement: "http://proxy/x"}`), []string{
			"5:5: " + none + `"http://proxy/x" is no address of a target` + id + " (write host:port; the scheme goes into __scheme__, and the path into __metrics_path__)",
		}},
		{"static targets", static(`{source_labels: [tier, __address__], regex: "db;.+", action: keep}`), []string{
			"5:5: " + none + `keep wants tier ; __address__ to match "db;.+", but tier is always "web" and __address__ is always "a:1"` + id + delete,
		}},
		{"equal to itself", static(`{source_labels: [tier], target_label: tier, action: dropequal}`), []string{
			"5:5: " + none + `dropequal is for all whose tier equals tier, but tier is always "web"` + id + delete,
		}},
		{"never equal", static(`{source_labels: [tier], target_label: job, action: keepequal}`), []string{
			"5:5: " + none + `keepequal wants tier to be equal to job, but tier is always "web"` + id + delete,
		}},
		{"after labelmap of another role", pods(`{regex: __meta_kubernetes_service_label_(.+), action: labelmap}`, `{source_labels: [app], regex: web, action: keep}`), []string{
			"6:5: " + none + `keep wants app to match "web", but app is not there` + id + after,
		}},
		{"samples by a label that is gone", samples(`{source_labels: [__meta_kubernetes_namespace], regex: pay, action: keep}`), []string{
			`5:5: warning: relabelling drops every sample, so nothing is kept: keep wants __meta_kubernetes_namespace to match "pay", but __meta_kubernetes_namespace is not there` + id +
				" (__meta_ labels are gone before metric_relabel_configs: copy __meta_kubernetes_namespace to a label of its own in relabel_configs)",
		}},
		{"samples of another job", samples(`{source_labels: [job], regex: b, action: keep}`), []string{
			`5:5: warning: relabelling drops every sample, so nothing is kept: keep wants job to match "b", but job is always "a"` + id + delete,
		}},
		{"samples without a name", samples(`{regex: job|le, action: labelkeep}`), []string{
			"5:5: warning: relabelling drops every sample, so nothing is kept: this rule takes away the label __name__, and a sample without it is dropped" + id +
				" (labelkeep keeps nothing but what its regex matches: list the labels that are not wanted under labeldrop instead)",
		}},
		{"a rule of an anchor", "- job_name: a\n  kubernetes_sd_configs: [{role: pod}]\n  relabel_configs: &rules\n  - {source_labels: [job], regex: a, action: keep}\n- job_name: b\n  kubernetes_sd_configs: [{role: pod}]\n  relabel_configs: *rules\n", []string{
			`5:5: warning: job "b": relabelling drops every target, so nothing is scraped: keep wants job to match "a", but job is always "b"` + id + delete,
		}},
	})
}
