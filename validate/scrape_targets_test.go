package validate

import "testing"

func TestStaticTargets(t *testing.T) {
	const (
		address = " [scrape/syntax] (write host:port; the scheme goes into __scheme__, and the path into __metrics_path__)"
		mend    = " [scrape/syntax] (mend the rules under relabel_configs, or the labels of the target)"
		leaves  = `error: Prometheus would leave out the target "b:1": `
	)
	job := func(rule string) string {
		return "- job_name: a\n  static_configs:\n  - targets: ['c:1', 'b:1']\n  relabel_configs:\n  - " + rule + "\n"
	}
	runScrapeCases(t, []scrapeCase{
		{"a URL that relabelling leaves", "- job_name: a\n  static_configs: [{targets: ['b:1']}, {targets: ['c:1', 'http://bad']}]\n  relabel_configs: [{target_label: x, replacement: y}]\n", []string{
			`3:59: error: Prometheus would leave out the target "http://bad": after relabelling its address "http://bad" is not a valid hostname` + address,
		}},
		{"a URL that relabelling mends", "- job_name: a\n  static_configs: [{targets: ['http://b']}]\n  relabel_configs: [{source_labels: [__address__], regex: 'http://(.*)', target_label: __address__, replacement: '$1:80'}]\n", nil},
		{"a URL that relabelling drops", "- job_name: a\n  static_configs: [{targets: ['http://b', 'c:1']}]\n  relabel_configs: [{source_labels: [__address__], regex: 'http://.*', action: drop}]\n", nil},
		{"a URL that becomes a parameter", "- job_name: a\n  static_configs: [{targets: ['http://b']}]\n  relabel_configs:\n  - {source_labels: [__address__], target_label: __param_target}\n  - {target_label: __address__, replacement: 'prober:9115'}\n", nil},
		{"made wrong by a rule", job("{source_labels: [__address__], regex: 'b:1', target_label: __address__, replacement: 'b/1'}"), []string{
			"6:5: " + leaves + `after relabelling its address "b/1" is not a valid hostname` + address,
		}},
		{"without an address", job("{source_labels: [__address__], regex: 'b:1', target_label: __address__, replacement: ''}"), []string{
			"6:5: " + leaves + "this rule takes away the label __address__, and a target without it is dropped [scrape/syntax] (let the rule leave __address__ alone)",
		}},
		{"an interval that is none", job("{source_labels: [__address__], regex: 'b:1', target_label: __scrape_interval__, replacement: often}"), []string{
			"4:23: " + leaves + `after relabelling its label __scrape_interval__ is "often", and not a time such as 30s` + mend,
		}},
		{"a timeout longer than the interval", job("{source_labels: [__address__], regex: 'b:1', target_label: __scrape_timeout__, replacement: 2m}"), []string{
			"4:23: " + leaves + "after relabelling its __scrape_timeout__ 2m is longer than its __scrape_interval__ 30s" + mend,
		}},
		{"no truth value", job("{source_labels: [__address__], regex: 'b:1', target_label: __scrape_native_histograms__, replacement: maybe}"), []string{
			"4:23: " + leaves + `after relabelling its label __scrape_native_histograms__ is "maybe", and not true or false` + mend,
		}},
		{"an interval of its group", "- job_name: a\n  static_configs: [{targets: ['b:1'], labels: {__scrape_interval__: 0s}}]\n", []string{
			"3:32: " + leaves + `after relabelling its label __scrape_interval__ is "0s", and not a time such as 30s` + mend,
		}},
	})
}
