package hook

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchbill/watchbill/reconcile/forge"
)

type metrics struct {
	deliveries *prometheus.CounterVec
	last       prometheus.Gauge
}

func newMetrics() metrics {
	return metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "watchbill_webhook_deliveries_total", Help: "Deliveries of the forge's webhook, by what happened there and what became of them.",
		}, []string{"event", "result"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "watchbill_webhook_last_delivery_timestamp_seconds", Help: "When the last delivery came that was signed rightly.",
		}),
	}
}

// count does not take the event's name from a delivery that nobody signed.
func (m *metrics) count(a answer, now time.Time) {
	m.deliveries.WithLabelValues(string(cmp.Or(a.event.Kind, forge.EventKind("unknown"))), a.result).Inc()
	if a.event.Kind != "" {
		m.last.Set(float64(now.UnixMilli()) / 1000)
	}
}

// Describe is of prometheus.Collector.
func (s *Server) Describe(out chan<- *prometheus.Desc) {
	s.metrics.deliveries.Describe(out)
	s.metrics.last.Describe(out)
}

// Collect is of prometheus.Collector.
func (s *Server) Collect(out chan<- prometheus.Metric) {
	s.metrics.deliveries.Collect(out)
	s.metrics.last.Collect(out)
}
