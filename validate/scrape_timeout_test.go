package validate

import "testing"

func TestScrapeTimeouts(t *testing.T) {
	const (
		often = " [scrape/timeout] (scrape at least every 2m; what changes seldom costs next to nothing to keep)"
		room  = " [scrape/timeout] (write a scrape_timeout of at most two thirds of the interval)"
	)
	runScrapeCases(t, []scrapeCase{
		{"fine", "- {job_name: a, scrape_interval: 2m, scrape_timeout: 100s}\n- {job_name: b, scrape_interval: 5s, scrape_timeout: 4s}\n- {job_name: c}\n- {job_name: d, scrape_timeout: 28s}\n- {job_name: e, scrape_interval: 15s}\n", nil},
		{"gaps", "- job_name: a\n  scrape_interval: 5m\n", []string{
			"3:20: warning: a scrape every 5m leaves gaps: Prometheus takes a series for gone 5m after its last sample" + often,
		}},
		{"gaps when one fails", "- job_name: a\n  scrape_interval: 3m\n", []string{
			"3:20: warning: with a scrape every 3m, a single one that fails leaves a gap: Prometheus takes a series for gone 5m after its last sample" + often,
		}},
		{"very often", "- job_name: a\n  scrape_interval: 1s\n  scrape_timeout: 500ms\n", []string{
			"3:20: warning: a scrape every 1s stores 30 times the samples of one every 30s [scrape/timeout] (5s or more is enough for most; say in a comment why not here)",
		}},
		{"all of the interval", "- job_name: a\n  scrape_timeout: 30s\n", []string{
			"3:19: warning: a scrape may take 30s of the 30s until the next one, so a slow target loses scrapes" + room,
		}},
		{"nearly all of it", "- job_name: a\n  scrape_interval: 60s\n  scrape_timeout: 58s\n", []string{
			"4:19: warning: a scrape may take 58s of the 1m until the next one, so a slow target loses scrapes" + room,
		}},
		{"missing", "- job_name: a\n  scrape_interval: 5s\n", []string{
			"3:20: warning: scrape_timeout is missing, and the global one, 10s, is more than the interval: a scrape may take all of the 5s until the next one" + room,
		}},
	})
}
