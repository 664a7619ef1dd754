package repolayout

// DefaultStack is what holds where watchbill.yaml says nothing.
func DefaultStack() Stack {
	return Stack{
		Components: Components{
			Prometheus:   Component{Version: "3.15.0", Image: "quay.io/prometheus/prometheus"},
			Alertmanager: Component{Version: "0.31.1", Image: "quay.io/prometheus/alertmanager"},
			Thanos:       Component{Version: "0.42.4", Image: "quay.io/thanos/thanos"},
			Grafana:      Component{Version: "12.3.0", Image: "docker.io/grafana/grafana"},
		},
		Severities: []string{"critical", "warning", "info"},
		Prometheus: PrometheusDefaults{
			ScrapeInterval: "30s", ScrapeTimeout: "10s", EvaluationInterval: "30s",
		},
		Alertmanager: AlertmanagerDefaults{
			GroupBy: []string{"alertname"}, GroupWait: "30s", GroupInterval: "5m", RepeatInterval: "4h",
		},
		Guard: Guard{MaxRemovedRules: "50%"},
	}
}

// DefaultEnvironment is what holds where an environment's file says nothing:
// Prometheus and Alertmanager, and of all else how it is if it is there.
func DefaultEnvironment() Environment {
	return Environment{
		Prometheus:      PrometheusSpec{Replicas: 2, Shards: 1, BlockDuration: "2h", Retention: "15d"},
		Alertmanager:    AlertmanagerSpec{Replicas: 3},
		ReceiversSecret: "alertmanager-receivers",
		Query:           QuerySpec{Frontend: FrontendSpec{CacheSize: "128Mi"}},
		Store:           StoreSpec{Replicas: 1, IndexCache: "256Mi", SyncInterval: "3m"},
		Grafana:         GrafanaSpec{Secret: "grafana"},
		TimeZone:        "UTC",
		// At odd minutes, when fewer others begin.
		Ship:      JobSpec{Schedule: "17 * * * *", CatchUp: "1h", Deadline: "1h"},
		Compact:   CompactSpec{JobSpec: JobSpec{Schedule: "41 */2 * * *", CatchUp: "1h", Deadline: "6h"}, Downsample: new(true)},
		Retain:    JobSpec{Schedule: "23 3 * * *", CatchUp: "1h", Deadline: "1h"},
		Retention: Retention{DeleteDelay: "48h"},
	}
}
