package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/reconcile/reach"
)

const (
	agentPort = 9533
	maxReport = 64 << 10
	// questionTimeout is for a question that is answered at once; a wait comes on top.
	questionTimeout = 10 * time.Second
)

// Through asks agents by this way.
func Through(way reach.Way) Ask {
	return func(ctx context.Context, r Replica, version uint64, wait time.Duration) (agent.Report, error) {
		u, err := way.URL(r.Pod, r.Address, agentPort)
		if err != nil {
			return agent.Report{}, err
		}
		return get(ctx, way.Client, u.JoinPath("live"), version, wait)
	}
}

func get(ctx context.Context, client *http.Client, u *url.URL, version uint64, wait time.Duration) (agent.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+questionTimeout)
	defer cancel()
	u.RawQuery = url.Values{"version": {strconv.FormatUint(version, 10)}, "wait": {wait.String()}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return agent.Report{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return agent.Report{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxReport))
	if err != nil {
		return agent.Report{}, fmt.Errorf("read the report: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return agent.Report{}, fmt.Errorf("%s: %s", response.Status, message(raw))
	}
	return parseReport(raw)
}

// message is the text of an error answer: a Kubernetes Status, or plain.
func message(raw []byte) string {
	var status struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &status) == nil && status.Message != "" {
		return status.Message
	}
	text, _, _ := strings.Cut(strings.TrimSpace(string(raw)), "\n")
	return strings.ToValidUTF8(text, "\uFFFD")
}

// parseReport reads an agent's answer. What is no report is an error, whoever sent it.
func parseReport(raw []byte) (agent.Report, error) {
	var report agent.Report
	if err := json.Unmarshal(raw, &report); err != nil {
		return agent.Report{}, fmt.Errorf("read the report: %w", err)
	}
	if !slices.Contains(agent.States, report.State) {
		return agent.Report{}, fmt.Errorf("read the report: it has the state %q", report.State)
	}
	if report.Version == 0 {
		return agent.Report{}, fmt.Errorf("read the report: it has no version")
	}
	return report, nil
}
