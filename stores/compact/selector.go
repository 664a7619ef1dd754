package compact

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// rule is one of Prometheus's relabel configurations, as Thanos's selectors take them.
type rule struct {
	Action       string   `json:"action"`
	SourceLabels []string `json:"source_labels"`
	Regex        string   `json:"regex"`
}

var selectors = parser.NewParser(parser.Options{})

// rulesOf makes the relabel configuration that keeps the blocks of a selector.
func rulesOf(selector string) (string, error) {
	matchers, err := selectors.ParseMetricSelector(selector)
	if err != nil {
		return "", fmt.Errorf("selector %s: %w", selector, err)
	}
	var rules []rule
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			return "", fmt.Errorf("selector %s: blocks have no metric name; write {label=\"value\"}", selector)
		}
		r := rule{Action: "keep", SourceLabels: []string{m.Name}, Regex: m.Value}
		switch m.Type {
		case labels.MatchEqual:
			r.Regex = regexp.QuoteMeta(m.Value)
		case labels.MatchNotEqual:
			r.Action, r.Regex = "drop", regexp.QuoteMeta(m.Value)
		case labels.MatchNotRegexp:
			r.Action = "drop"
		case labels.MatchRegexp:
		}
		rules = append(rules, r)
	}
	text, err := json.Marshal(rules)
	if err != nil {
		return "", fmt.Errorf("selector %s: %w", selector, err)
	}
	// Thanos puts environment variables in for $(NAME), before it reads the text as YAML.
	return strings.ReplaceAll(string(text), "$", `\u0024`), nil
}

func itoa(n int) string { return strconv.Itoa(n) }

// seconds is a duration in the form that Prometheus's programs read, which has no fractions.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) + "s" }
