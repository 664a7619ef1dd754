package agent

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// instruments are the agent's metrics, in a registry of their own.
type instruments struct {
	registry    *prometheus.Registry
	reloads     *prometheus.CounterVec
	duration    prometheus.Histogram
	lastSuccess prometheus.Gauge
	chunks      prometheus.Counter
	reconnects  prometheus.Counter
}

func newInstruments(b *board) *instruments {
	m := &instruments{
		registry: prometheus.NewRegistry(),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "watchbill_agent_reloads_total",
			Help: "Reloads of the process, by result: live (read back), refused (by the process), failed (no answer or no proof).",
		}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "watchbill_agent_reload_duration_seconds",
			Help:    "Time from asking the process to reload to its answer.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}),
		lastSuccess: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "watchbill_agent_last_success_timestamp_seconds",
			Help: "When the process was last seen to run the wanted bundle.",
		}),
		chunks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "watchbill_agent_chunks_fetched_total",
			Help: "Chunks fetched through the API server.",
		}),
		reconnects: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "watchbill_agent_watch_reconnects_total",
			Help: "How often the watch of the index ended and was started anew.",
		}),
	}
	for _, result := range []string{"live", "refused", "failed"} {
		m.reloads.WithLabelValues(result)
	}
	m.registry.MustRegister(m.reloads, m.duration, m.lastSuccess, m.chunks, m.reconnects,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, state := range States {
		m.registry.MustRegister(stateGauge(b, state))
	}
	return m
}

// stateGauge is 1 while the report shows this state, read when it is asked for.
func stateGauge(b *board, state State) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "watchbill_agent_state",
		Help:        "1 for the state that the agent reports, 0 for the others.",
		ConstLabels: prometheus.Labels{"state": string(state)},
	}, func() float64 {
		if report, _ := b.newest(); report.State == state {
			return 1
		}
		return 0
	})
}
