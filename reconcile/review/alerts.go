package review

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// rulesAnswer is what Prometheus answers at /api/v1/rules, as far as it is needed.
type rulesAnswer struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Data   struct {
		Groups []struct {
			Name  string `json:"name"`
			File  string `json:"file"`
			Rules []struct {
				Name   string            `json:"name"`
				Labels map[string]string `json:"labels"`
				Alerts []struct {
					Labels   map[string]string `json:"labels"`
					State    string            `json:"state"`
					ActiveAt time.Time         `json:"activeAt"`
				} `json:"alerts"`
			} `json:"rules"`
		} `json:"groups"`
	} `json:"data"`
}

// ReadAlerts reads the pending and firing alerts of an answer of Prometheus at
// /api/v1/rules, which must hold all rules of a group. Folder is where the bundle
// lies for Prometheus; rules of files elsewhere are left out.
func ReadAlerts(r io.Reader, folder string) ([]LiveAlert, error) {
	var answer rulesAnswer
	if err := json.NewDecoder(r).Decode(&answer); err != nil {
		return nil, fmt.Errorf("read the rules of Prometheus: %w", err)
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("read the rules of Prometheus: it answers %q: %s", answer.Status, answer.Error)
	}
	var out []LiveAlert
	for _, g := range answer.Data.Groups {
		file, ok := strings.CutPrefix(g.File, strings.TrimRight(folder, "/")+"/")
		if !ok {
			continue
		}
		nth := map[string]int{}
		for _, rule := range g.Rules {
			identity := rule.Name + labels.FromMap(rule.Labels).String()
			for _, a := range rule.Alerts {
				out = append(out, LiveAlert{
					File: file, Group: g.Name, Name: rule.Name, RuleLabels: rule.Labels, Nth: nth[identity],
					Labels: a.Labels, State: a.State, Since: a.ActiveAt,
				})
			}
			nth[identity]++
		}
	}
	return out, nil
}
