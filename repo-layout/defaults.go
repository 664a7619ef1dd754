package repolayout

// DefaultStack is what holds where watchbill.yaml says nothing.
func DefaultStack() Stack {
	return Stack{
		Components: Components{
			Prometheus:   Component{Version: "3.15.0", Image: "quay.io/prometheus/prometheus"},
			Alertmanager: Component{Version: "0.31.1", Image: "quay.io/prometheus/alertmanager"},
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

// DefaultEnvironment is what holds where an environment's file says nothing.
func DefaultEnvironment() Environment {
	return Environment{
		Prometheus:      PrometheusSpec{Replicas: 2, Retention: "15d"},
		Alertmanager:    AlertmanagerSpec{Replicas: 3},
		ReceiversSecret: "alertmanager-receivers",
	}
}
