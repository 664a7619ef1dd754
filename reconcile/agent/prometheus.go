package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/watchbill/watchbill/render/bundle"
)

// marker is the recording rule that each Prometheus bundle carries. Rules load
// all or nothing, so the digest on it is that of all rules that run.
const marker = "watchbill:bundle_info"

var prometheusKind = kind{
	name: bundle.Prometheus,
	stamp: stamp{
		path: "bundle.rules.yaml",
		text: markerFile,
		mark: func(_, digest string) string { return digest },
	},
	markIsDigest: true,
	unmarked:     "it runs no rule " + marker + ", so rule_files may not name the agent's file",
	reload:       "-/reload",
	read:         readPrometheus,
}

func markerFile(content, digest string) (string, error) {
	if content != "" {
		return "", errors.New("this path is the agent's own")
	}
	return fmt.Sprintf(`# Says which bundle's rules run. Written by watchbill agent.
groups:
  - name: watchbill
    rules:
      - record: %s
        expr: vector(1)
        labels:
          digest: "%s"
`, marker, digest), nil
}

// readPrometheus asks for the marker among the rules that run, and whether the
// last reload took: a reload that fails may have changed the rules before it did.
// The configuration endpoint is no proof, it shows what was read, not what runs.
func readPrometheus(ctx context.Context, p *process) (running, error) {
	var r running
	err := p.ask(ctx, "api/v1/rules", url.Values{
		"type": {"record"}, "rule_group[]": {"watchbill"}, "rule_name[]": {marker}, // or it would go through all rules
	}, func(body io.Reader) (err error) {
		r.mark, err = parseRules(body)
		return err
	})
	if err != nil {
		return r, err
	}
	values, err := p.gauges(ctx, "prometheus_config_last_reload_successful", "prometheus_config_last_reload_success_timestamp_seconds")
	if err != nil {
		return r, err
	}
	r.ok = values[0] == 1
	r.loaded, err = seconds(values[1])
	return r, err
}

// parseRules finds the marker's digest; it is empty where no marker runs.
func parseRules(body io.Reader) (string, error) {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct {
					Name   string            `json:"name"`
					Labels map[string]string `json:"labels"`
				} `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&answer); err != nil {
		return "", err
	}
	var digests []string
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			if rule.Name == marker {
				digests = append(digests, rule.Labels["digest"])
			}
		}
	}
	switch len(digests) {
	case 0:
		return "", nil
	case 1:
		return digests[0], nil
	}
	return "", fmt.Errorf("%d rules are called %s, which is ours alone", len(digests), marker)
}
