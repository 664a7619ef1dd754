package validate

import (
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Intervals that do what people expect. A sample is looked at for five minutes,
// so that beyond half of that one scrape that fails leaves a gap.
const (
	shortestInterval = model.Duration(5 * time.Second)
	longestInterval  = model.Duration(2 * time.Minute)
	lookback         = model.Duration(5 * time.Minute)
)

// timeouts reports intervals that lose samples or take very many, and timeouts
// that leave a slow target no room.
func (j *scrapeJob) timeouts() {
	at := nodeAt(j.node, "scrape_interval")
	switch {
	case j.interval == 0: // the global one
	case j.interval >= lookback:
		j.report(scrapeTimeout, at, "scrape at least every 2m; what changes seldom costs next to nothing to keep",
			"a scrape every %s leaves gaps: Prometheus takes a series for gone %s after its last sample", j.interval, lookback)
	case j.interval > longestInterval:
		j.report(scrapeTimeout, at, "scrape at least every 2m; what changes seldom costs next to nothing to keep",
			"with a scrape every %s, a single one that fails leaves a gap: Prometheus takes a series for gone %s after its last sample", j.interval, lookback)
	case j.interval < shortestInterval:
		j.report(scrapeTimeout, at, "5s or more is enough for most; say in a comment why not here",
			"a scrape every %s stores %d times the samples of one every 30s", j.interval, 30*model.Duration(time.Second)/j.interval)
	}
	j.tightTimeout(at)
}

// tightTimeout reports a timeout that is as long as the interval, or as good as:
// a target that is slow once delays its next scrape then.
func (j *scrapeJob) tightTimeout(interval *yaml.Node) {
	const hint = "write a scrape_timeout of at most two thirds of the interval"
	if j.ScrapeTimeout < j.ScrapeInterval-j.ScrapeInterval/20 {
		return
	}
	switch {
	case j.timeout != 0:
		j.report(scrapeTimeout, nodeAt(j.node, "scrape_timeout"), hint,
			"a scrape may take %s of the %s until the next one, so a slow target loses scrapes", j.timeout, j.ScrapeInterval)
	case j.interval != 0 && j.globalTimeout > j.interval:
		j.report(scrapeTimeout, interval, hint,
			"scrape_timeout is missing, and the global one, %s, is more than the interval: a scrape may take all of the %s until the next one", j.globalTimeout, j.interval)
	}
}
