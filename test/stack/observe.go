package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/watchbill/watchbill/reconcile/agent"
	"github.com/watchbill/watchbill/render/bundle"
)

// Components are those that run bundles.
var Components = bundle.Components

// Ports of what runs in the pods.
const (
	PrometheusPort   = 9090
	AlertmanagerPort = 9093
	AgentPort        = 9533
	DaemonPort       = 9532
)

// Until tries again and again until what it is given returns no error, or the
// context ends; then the last error says what was missing.
func (s *Stack) Until(ctx context.Context, what string, try func(context.Context) error) error {
	const between, patience = 100 * time.Millisecond, 10 * time.Second
	ticks := time.NewTicker(between)
	defer ticks.Stop()
	told := time.Now()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if time.Since(told) > patience {
			s.say("waiting for %s: %v", what, err)
			told = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; last: %w", what, context.Cause(ctx), err)
		case <-ticks.C:
		}
	}
}

// Pods are the pods of prometheus, alertmanager or watchbill that are to stay, sorted by name.
func (s *Stack) Pods(ctx context.Context, name string) ([]corev1.Pod, error) {
	list, err := s.Client.CoreV1().Pods(s.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/part-of=watchbill,app.kubernetes.io/name=" + name,
	})
	if err != nil {
		return nil, fmt.Errorf("list the pods of %s: %w", name, err)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, nil
}

// Get asks a port of a pod over HTTP, through the API server. Query is pairs of name and value.
func (s *Stack) Get(ctx context.Context, pod string, port int, path string, query ...string) ([]byte, error) {
	request := s.Client.CoreV1().RESTClient().Get().Namespace(s.Namespace).Resource("pods").
		Name(pod + ":" + strconv.Itoa(port)).SubResource("proxy").Suffix(path)
	for i := 0; i+1 < len(query); i += 2 {
		request.Param(query[i], query[i+1])
	}
	body, err := request.DoRaw(ctx)
	if err != nil {
		const most = 500
		return nil, fmt.Errorf("ask %s for %s: %w: %s", pod, path, err, bytes.TrimSpace(body[:min(len(body), most)]))
	}
	return body, nil
}

// GetJSON asks as Get does and reads the answer as JSON.
func (s *Stack) GetJSON(ctx context.Context, into any, pod string, port int, path string, query ...string) error {
	body, err := s.Get(ctx, pod, port, path, query...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the answer of %s to %s: %w", pod, path, err)
	}
	return nil
}

// Report is what the agent of a pod says now.
func (s *Stack) Report(ctx context.Context, pod string) (agent.Report, error) {
	var r agent.Report
	return r, s.GetJSON(ctx, &r, pod, AgentPort, "live")
}

// NextReport waits for a report other than that version.
func (s *Stack) NextReport(ctx context.Context, pod string, version uint64) (agent.Report, error) {
	var r agent.Report
	return r, s.GetJSON(ctx, &r, pod, AgentPort, "live", "version", strconv.FormatUint(version, 10), "wait", "30s")
}

// Running is the digest of the bundle whose rules a Prometheus evaluates, as it says itself.
func (s *Stack) Running(ctx context.Context, pod string) (string, error) {
	rules, err := s.Rules(ctx, pod, "watchbill:bundle_info")
	if err != nil {
		return "", err
	}
	if len(rules) != 1 {
		return "", fmt.Errorf("%s has %d rules watchbill:bundle_info, not one", pod, len(rules))
	}
	return rules[0].Labels["digest"], nil
}

// Rule is a rule as a Prometheus has it loaded.
type Rule struct {
	Name   string            `json:"name"`
	Query  string            `json:"query"`
	Labels map[string]string `json:"labels"`
	Type   string            `json:"type"`
	// Duration is an alert's "for", in seconds.
	Duration float64 `json:"duration"`
	File     string  `json:"-"`
	Group    string  `json:"-"`
}

// Rules are the rules that a Prometheus has loaded, those of the names or all.
func (s *Stack) Rules(ctx context.Context, pod string, names ...string) ([]Rule, error) {
	var query []string
	for _, name := range names {
		query = append(query, "rule_name[]", name)
	}
	var answer struct {
		Data struct {
			Groups []struct {
				Name, File string
				Rules      []Rule
			}
		}
	}
	if err := s.GetJSON(ctx, &answer, pod, PrometheusPort, "api/v1/rules", query...); err != nil {
		return nil, err
	}
	var rules []Rule
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			r.File, r.Group = g.File, g.Name
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// AwaitScraped waits until every Prometheus scrapes a job. Only then does a
// reload find out that the job's new configuration cannot be used: the files
// that it names are opened when a scrape is set up anew or changed, and a job
// that has just been found is set up some seconds after the reload was answered.
func (s *Stack) AwaitScraped(ctx context.Context, job string) error {
	return s.Until(ctx, "every Prometheus to scrape the job "+job, func(ctx context.Context) error {
		pods, err := s.Pods(ctx, bundle.Prometheus)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			var answer struct {
				Data struct {
					ScrapePools []string `json:"scrapePools"`
				}
			}
			if err := s.GetJSON(ctx, &answer, pod.Name, PrometheusPort, "api/v1/scrape_pools"); err != nil {
				return err
			}
			if !slices.Contains(answer.Data.ScrapePools, job) {
				return fmt.Errorf("%s scrapes %v", pod.Name, answer.Data.ScrapePools)
			}
		}
		return nil
	})
}

// Query evaluates a PromQL expression on one Prometheus.
func (s *Stack) Query(ctx context.Context, pod, expr string) (model.Vector, error) {
	var answer struct {
		Data struct{ Result model.Vector }
	}
	err := s.GetJSON(ctx, &answer, pod, PrometheusPort, "api/v1/query", "query", expr)
	return answer.Data.Result, err
}

// Metrics are samples by name and labels, such as watchbill_passes_total or
// watchbill_objects_total{action="created",stage="chunks"}, labels sorted by name.
type Metrics map[string]float64

// Metrics are those of the daemon.
func (s *Stack) Metrics(ctx context.Context) (Metrics, error) {
	pods, err := s.Pods(ctx, Deployment)
	if err != nil {
		return nil, err
	}
	if len(pods) != 1 {
		return nil, fmt.Errorf("the daemon has %d pods, not one", len(pods))
	}
	return s.PodMetrics(ctx, pods[0].Name, DaemonPort)
}

// PodMetrics are those of any port of a pod. Histograms are left out.
func (s *Stack) PodMetrics(ctx context.Context, pod string, port int) (Metrics, error) {
	body, err := s.Get(ctx, pod, port, "metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		return nil, fmt.Errorf("read the metrics of %s: %w", pod, err)
	}
	samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.Now()}, values(families)...)
	if err != nil {
		return nil, fmt.Errorf("read the metrics of %s: %w", pod, err)
	}
	m := Metrics{}
	for _, sample := range samples {
		m[sample.Metric.String()] = float64(sample.Value)
	}
	return m, nil
}

func values[M ~map[K]V, K comparable, V any](m M) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// Logs is the log of a container; previous asks for that of the run before.
func (s *Stack) Logs(ctx context.Context, pod, container string, previous bool) (string, error) {
	stream, err := s.Client.CoreV1().Pods(s.Namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, Previous: previous}).Stream(ctx)
	if err != nil {
		return "", fmt.Errorf("read the log of %s/%s: %w", pod, container, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	return string(text), err
}

// Poke makes the daemon look at the repository now.
func (s *Stack) Poke(ctx context.Context) error {
	return s.Until(ctx, "the daemon to take a poke", func(ctx context.Context) error {
		result := s.Client.CoreV1().RESTClient().Verb(http.MethodPost).Namespace(s.Namespace).Resource("services").
			Name(Deployment + ":" + strconv.Itoa(DaemonPort)).SubResource("proxy").Suffix("-/poke").Do(ctx)
		return result.Error()
	})
}
