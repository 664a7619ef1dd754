package reconcile

import (
	"time"

	"github.com/fluxcd/pkg/ssa"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/reconcile/history"
	"github.com/watchbill/watchbill/validate"
)

// metrics are what the daemon says of itself at /metrics.
type metrics struct {
	registry *prometheus.Registry

	stages      *prometheus.HistogramVec
	lastSuccess *prometheus.GaugeVec
	failures    *prometheus.CounterVec
	mergeToLive prometheus.Histogram
	revisions   *prometheus.CounterVec
	objects     *prometheus.CounterVec
	drifts      prometheus.Counter
	passes      prometheus.Counter
	quarantined prometheus.Gauge
	findings    *prometheus.GaugeVec
	rules       prometheus.Gauge
	proofs      *prometheus.GaugeVec
	requests    *prometheus.CounterVec
	leader      prometheus.Gauge
	leaving     prometheus.Gauge
}

func newMetrics() *metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		version.NewCollector("watchbill"),
	)
	f := promauto.With(r)
	seconds := []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30, 100, 300}
	m := &metrics{
		registry: r,
		stages: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "watchbill_stage_duration_seconds", Help: "How long the stages of passes took.", Buckets: seconds,
		}, []string{"stage"}),
		lastSuccess: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "watchbill_last_success_timestamp_seconds", Help: "When each stage last succeeded.",
		}, []string{"stage"}),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchbill_stage_failures_total", Help: "How often each stage failed.",
		}, []string{"stage"}),
		mergeToLive: f.NewHistogram(prometheus.HistogramOpts{
			Name: "watchbill_merge_to_live_seconds", Help: "From the commit's own time to the last replica's proof.", Buckets: seconds,
		}),
		revisions: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchbill_revisions_total", Help: "Revisions by what became of them.",
		}, []string{"outcome"}),
		objects: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchbill_objects_total", Help: "Objects applied, by what the API server made of it.",
		}, []string{"stage", "action"}),
		drifts: f.NewCounter(prometheus.CounterOpts{
			Name: "watchbill_drift_corrected_total", Help: "Objects that somebody else changed or deleted and that were put right.",
		}),
		passes: f.NewCounter(prometheus.CounterOpts{
			Name: "watchbill_passes_total", Help: "Passes of the loop, those with nothing to do included.",
		}),
		quarantined: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchbill_quarantined_teams", Help: "Teams whose last good files stand in for broken ones.",
		}),
		findings: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "watchbill_findings", Help: "Findings in the newest revision.",
		}, []string{"severity"}),
		rules: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchbill_rules", Help: "Rules of the revision that should be live.",
		}),
		proofs: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "watchbill_proof_replica_live", Help: "1 if the replica has proven the wanted bundle, else 0.",
		}, []string{"component", "replica"}),
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchbill_kubernetes_requests_total", Help: "Requests to the API server by passes; watches are not counted.",
		}, []string{"verb"}),
		leaving: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchbill_leaving_replicas", Help: "Prometheus replicas that are to go, and hand their samples over first.",
		}),
		leader: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchbill_leader", Help: "1 if this replica runs the loop, else 0.",
		}),
	}
	for _, verb := range []string{"GET", "PATCH", "POST", "PUT", "DELETE"} {
		m.requests.WithLabelValues(verb)
	}
	return m
}

func (m *metrics) staged(stage string, took time.Duration, now time.Time) {
	m.stages.WithLabelValues(stage).Observe(took.Seconds())
	m.lastSuccess.WithLabelValues(stage).Set(float64(now.UnixMilli()) / 1000)
}

func (m *metrics) failed(stage string) { m.failures.WithLabelValues(stage).Inc() }

func (m *metrics) built(r *build.Result) {
	m.quarantined.Set(float64(len(r.Quarantined)))
	errors := len(validate.Blocking(r.Findings))
	m.findings.WithLabelValues(string(validate.Error)).Set(float64(errors))
	m.findings.WithLabelValues(string(validate.Warning)).Set(float64(len(r.Findings) - errors))
	rules := 0
	for _, n := range r.Rules {
		rules += n
	}
	m.rules.Set(float64(rules))
}

func (m *metrics) applied(stage string, set *ssa.ChangeSet) {
	for _, e := range set.Entries {
		m.objects.WithLabelValues(stage, e.Action.String()).Inc()
	}
}

// recorded counts a revision; committed is the commit's own time.
func (m *metrics) recorded(r history.Record, committed time.Time) {
	m.revisions.WithLabelValues(string(r.Outcome)).Inc()
	if r.Outcome != history.Live {
		return
	}
	m.lastSuccess.WithLabelValues("live").Set(float64(r.Ended.UnixMilli()) / 1000)
	if took := r.Ended.Sub(committed); took >= 0 && took < 24*time.Hour {
		m.mergeToLive.Observe(took.Seconds())
	}
}

// proven shows which replicas run what their index wants.
func (m *metrics) proven(reports []agent.Report) {
	m.proofs.Reset()
	for _, r := range reports {
		live := 0.0
		if r.State == agent.Live && r.Live == r.Wanted {
			live = 1
		}
		m.proofs.WithLabelValues(r.Component, r.Pod).Set(live)
	}
}
