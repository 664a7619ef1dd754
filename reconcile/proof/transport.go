package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/watchbill/watchbill/reconcile/agent"
)

const (
	agentPort = "9533"
	maxReport = 64 << 10
	// questionTimeout is for a question that is answered at once; a wait comes on top.
	questionTimeout = 10 * time.Second
)

// Direct asks agents at their pods' addresses. It is for a daemon inside the cluster.
func Direct() Ask {
	client := &http.Client{Transport: &http.Transport{ // no proxy: pods are in the same network
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 1, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}}
	return func(ctx context.Context, r Replica, version uint64, wait time.Duration) (agent.Report, error) {
		if r.Address == "" {
			return agent.Report{}, fmt.Errorf("pod %s has no address yet", r.Pod)
		}
		host := r.Address
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(host, agentPort)
		}
		return get(ctx, client, &url.URL{Scheme: "http", Host: host, Path: "/live"}, version, wait)
	}
}

// ThroughAPIServer asks agents by way of the API server's proxy to pods. It is
// for who is outside, and needs the right to get pods/proxy.
func ThroughAPIServer(config *rest.Config, namespace string) (Ask, error) {
	config = rest.CopyConfig(config)
	config.Timeout = 0 // the question's own context ends it
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the API server: %w", err)
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("read the API server's address: %w", err)
	}
	pods := server.JoinPath("api/v1/namespaces", namespace, "pods")
	return func(ctx context.Context, r Replica, version uint64, wait time.Duration) (agent.Report, error) {
		return get(ctx, client, pods.JoinPath(r.Pod+":"+agentPort, "proxy/live"), version, wait)
	}, nil
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
