package schedule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Counts that results carry and that are metrics.
const (
	CountBacklog      = "backlog"      // blocks that wait for compaction, after the run
	CountBucketBlocks = "bucketBlocks" // blocks in the bucket
	CountBucketBytes  = "bucketBytes"  // and their bytes
)

var (
	runsDesc = prometheus.NewDesc("watchbill_job_runs_total",
		"Runs of jobs that are over, by what became of them.", []string{"kind", "outcome"}, nil)
	skippedDesc = prometheus.NewDesc("watchbill_job_skipped_total",
		"Ticks that were skipped because the run before was still going.", []string{"kind"}, nil)
	missedDesc = prometheus.NewDesc("watchbill_job_missed_total",
		"Ticks that nobody was there for and that were not made up for.", []string{"kind"}, nil)
	runningDesc = prometheus.NewDesc("watchbill_job_running",
		"1 if a run of the job is going, else 0.", []string{"kind"}, nil)
	faultDesc = prometheus.NewDesc("watchbill_job_schedule_fault",
		"1 if the job cannot be started, because of its schedule or its Job, else 0.", []string{"kind"}, nil)
	successDesc = prometheus.NewDesc("watchbill_job_last_success_timestamp_seconds",
		"When the job last did all that there was to do.", []string{"kind"}, nil)
	durationDesc = prometheus.NewDesc("watchbill_job_duration_seconds",
		"How long the job's newest run took.", []string{"kind"}, nil)
	lagDesc = prometheus.NewDesc("watchbill_ship_lag_seconds",
		"By how much the bucket is behind the replica, as the newest run of ship found.", []string{"replica"}, nil)
	backlogDesc = prometheus.NewDesc("watchbill_compact_backlog_blocks",
		"Blocks that wait for compaction, as the newest run of compact left them.", nil, nil)
	bucketBlocksDesc = prometheus.NewDesc("watchbill_bucket_blocks",
		"Blocks in the bucket, as the newest run found that looked.", nil, nil)
	bucketBytesDesc = prometheus.NewDesc("watchbill_bucket_bytes",
		"Bytes of the blocks in the bucket, as the newest run found that looked.", nil, nil)
)

// Describe is of prometheus.Collector.
func (s *Scheduler) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		runsDesc, skippedDesc, missedDesc, runningDesc, faultDesc, successDesc, durationDesc,
		lagDesc, backlogDesc, bucketBlocksDesc, bucketBytesDesc,
	} {
		out <- d
	}
}

// Collect gives the metrics of the jobs that are not turned off; none while
// another process keeps the schedules.
func (s *Scheduler) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	plans, state := s.plans, s.state
	s.mu.Unlock()
	var newest found
	for kind := range plans {
		k := state.Kinds[kind]
		if k == nil || k.Schedule == Never {
			continue
		}
		k.collect(kind, out)
		newest.look(k)
	}
	newest.collect(out)
}

func (k *Kind) collect(kind string, out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, kind)
	}
	for _, outcome := range []string{Done, Nothing, Failed, Refused} {
		out <- prometheus.MustNewConstMetric(runsDesc, prometheus.CounterValue, float64(k.Outcomes[outcome]), kind, outcome)
	}
	out <- prometheus.MustNewConstMetric(skippedDesc, prometheus.CounterValue, float64(k.Skipped), kind)
	out <- prometheus.MustNewConstMetric(missedDesc, prometheus.CounterValue, float64(k.Missed), kind)
	running, over := 0., (*Run)(nil)
	for i := range k.Runs {
		switch r := &k.Runs[i]; {
		case !r.Over():
			running = 1
		case over == nil:
			over = r
		}
	}
	gauge(runningDesc, running)
	gauge(faultDesc, one(k.Fault != ""))
	if !k.LastSuccess.IsZero() {
		gauge(successDesc, float64(k.LastSuccess.UnixMilli())/1000)
	}
	if over != nil {
		gauge(durationDesc, over.Ended.Sub(over.Started).Seconds())
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// found is what the newest results say of the bucket and the replicas.
type found struct {
	lag                    map[string]float64
	lagAt                  time.Time
	backlog, blocks, bytes *int64
	backlogAt, bucketAt    time.Time
}

func (f *found) look(k *Kind) {
	for i := range k.Runs {
		r := &k.Runs[i]
		if len(r.Lag) > 0 && r.Ended.After(f.lagAt) {
			f.lag, f.lagAt = r.Lag, r.Ended
		}
		if n, ok := r.Counts[CountBacklog]; ok && r.Ended.After(f.backlogAt) {
			f.backlog, f.backlogAt = &n, r.Ended
		}
		bytes, ok := r.Counts[CountBucketBytes]
		blocks, also := r.Counts[CountBucketBlocks]
		if ok && also && r.Ended.After(f.bucketAt) {
			f.bytes, f.blocks, f.bucketAt = &bytes, &blocks, r.Ended
		}
	}
}

func (f *found) collect(out chan<- prometheus.Metric) {
	for replica, seconds := range f.lag {
		out <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, seconds, replica)
	}
	for d, n := range map[*prometheus.Desc]*int64{backlogDesc: f.backlog, bucketBlocksDesc: f.blocks, bucketBytesDesc: f.bytes} {
		if n != nil {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(*n))
		}
	}
}
