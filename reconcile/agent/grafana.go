package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/watchbill/watchbill/render/bundle"
)

// markerUID is that of the dashboard that each Grafana bundle carries. Grafana
// takes dashboards one by one, so it proves that Grafana has read the bundle's
// folder, and not that it could make something of every file in it.
const markerUID = "watchbill-bundle"

var grafanaKind = kind{
	name: bundle.Grafana,
	stamp: stamp{
		path: "dashboards/bundle.json",
		text: markerDashboard,
		mark: func(_, digest string) string { return digest },
	},
	markIsDigest: true,
	unmarked:     "it has no dashboard " + markerUID + ", so its provider may not read the bundle's folder",
	reload:       "api/admin/provisioning/dashboards/reload",
	read:         readGrafana,
}

func markerDashboard(content, digest string) (string, error) {
	if content != "" {
		return "", errors.New("this path is the agent's own")
	}
	text, err := json.MarshalIndent(map[string]any{
		"uid": markerUID, "title": "Watchbill bundle", "tags": []string{"watchbill"}, "schemaVersion": 39,
		"description": digest,
		"panels": []any{map[string]any{
			"id": 1, "type": "text", "title": "The dashboards here are those of bundle",
			"gridPos": map[string]int{"h": 4, "w": 24, "x": 0, "y": 0},
			"options": map[string]string{"mode": "markdown", "content": "`" + digest + "`"},
		}},
	}, "", "  ")
	return string(text) + "\n", err
}

// readGrafana asks for the marker among the dashboards that Grafana has taken over from its files.
func readGrafana(ctx context.Context, p *process) (running, error) {
	var answer struct {
		Dashboard struct {
			Description string `json:"description"`
		} `json:"dashboard"`
	}
	err := p.ask(ctx, "api/dashboards/uid/"+markerUID, nil, func(body io.Reader) error {
		return json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&answer)
	})
	var status *answerError
	if errors.As(err, &status) && status.code == http.StatusNotFound {
		err = nil // it has not read the folder yet
	}
	// A reload is over when it is answered; Grafana does not say when its last one was.
	return running{mark: answer.Dashboard.Description, ok: err == nil, loaded: time.Now()}, err
}
