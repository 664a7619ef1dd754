package ship

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ExternalLabels asks Prometheus for its external labels, which it tells with
// its environment's variables filled in.
func ExternalLabels(ctx context.Context, prometheus string) (map[string]string, error) {
	var status struct {
		YAML string `json:"yaml"`
	}
	if err := ask(ctx, http.MethodGet, prometheus, "/api/v1/status/config", &status); err != nil {
		return nil, fmt.Errorf("asking Prometheus for its external labels: %w", err)
	}
	var config struct {
		Global struct {
			Labels map[string]string `yaml:"external_labels"`
		} `yaml:"global"`
	}
	if err := yaml.Unmarshal([]byte(status.YAML), &config); err != nil {
		return nil, fmt.Errorf("reading Prometheus's external labels: %w", err)
	}
	return config.Global.Labels, nil
}

// snapshotName is how Prometheus names its snapshots.
var snapshotName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]+$`)

// Snapshot lets Prometheus make a block of what it has in memory, and link it
// and all others into a folder below snapshots in its data folder, whose name it gives.
func Snapshot(ctx context.Context, prometheus string) (string, error) {
	var made struct {
		Name string `json:"name"`
	}
	if err := ask(ctx, http.MethodPost, prometheus, "/api/v1/admin/tsdb/snapshot", &made); err != nil {
		return "", fmt.Errorf("asking Prometheus for a snapshot: %w", err)
	}
	if !snapshotName.MatchString(made.Name) {
		return "", fmt.Errorf("asking Prometheus for a snapshot: it is named %.80q, which is no name of one", made.Name)
	}
	return made.Name, nil
}

// maxAnswer is more than the largest configuration that Prometheus runs with.
const maxAnswer = 64 << 20

func ask(ctx context.Context, method, prometheus, path string, data any) error {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(prometheus, "/")+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body := io.LimitReader(response.Body, maxAnswer)
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	err = json.NewDecoder(body).Decode(&answer)
	switch {
	case answer.Error == "admin APIs disabled":
		return fmt.Errorf("%s; start Prometheus with --web.enable-admin-api", answer.Error)
	case answer.Error != "":
		return fmt.Errorf("%s: %.200q", response.Status, answer.Error)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("it answers %s", response.Status)
	}
	return err
}
