package validate

import "testing"

func TestScrapeIgnore(t *testing.T) {
	const hint = " [scrape/timeout] (scrape at least every 2m; what changes seldom costs next to nothing to keep)"
	runScrapeCases(t, []scrapeCase{
		{"above the job", "# watchbill:ignore scrape/timeout the exporter is slow\n- job_name: a\n  scrape_interval: 5m\n", nil},
		{"in the job", "- scheme: https\n  scrape_interval: 5m # watchbill:ignore scrape/timeout the exporter is slow\n  job_name: a\n", nil},
		{"of another job", "- job_name: b\n  # watchbill:ignore scrape/timeout the exporter is slow\n- job_name: a\n  scrape_interval: 5m\n- job_name: c\n", nil},
		{"of the job before", "- job_name: b # watchbill:ignore scrape/timeout the exporter is slow\n- job_name: a\n  scrape_interval: 5m\n", []string{
			"2:15: warning: watchbill:ignore: it silences nothing: scrape/timeout finds nothing here [rules/ignore] (take the comment out)",
			"4:20: warning: a scrape every 5m leaves gaps: Prometheus takes a series for gone 5m after its last sample" + hint,
		}},
		{"ended", "- job_name: a # watchbill:ignore scrape/timeout until=2020-01-31 until it is faster\n  scrape_interval: 5m\n", []string{
			"3:20: warning: a scrape every 5m leaves gaps: Prometheus takes a series for gone 5m after its last sample (silenced at line 2 until 2020-01-31)" + hint,
		}},
		{"what cannot be", "- job_name: a # watchbill:ignore scrape/syntax it is meant so\n", []string{
			"2:15: warning: watchbill:ignore: scrape/syntax cannot be silenced [rules/ignore] (what it finds would break what runs; mend it)",
		}},
	})
}
