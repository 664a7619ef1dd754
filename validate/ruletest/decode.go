package ruletest

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v2"
)

// The file as promtool decodes it: by the same library, version and types, so
// that both refuse the same files.
type rawFile struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval,omitempty"`
	GroupEvalOrder     []string       `yaml:"group_eval_order"`
	Tests              []rawTest      `yaml:"tests"`
	FuzzyCompare       bool           `yaml:"fuzzy_compare,omitempty"`
}

type rawTest struct {
	Interval        model.Duration `yaml:"interval"`
	InputSeries     []rawSeries    `yaml:"input_series"`
	AlertRuleTests  []rawAlertTest `yaml:"alert_rule_test,omitempty"`
	PromqlExprTests []rawExprTest  `yaml:"promql_expr_test,omitempty"`
	ExternalLabels  labels.Labels  `yaml:"external_labels,omitempty"`
	ExternalURL     string         `yaml:"external_url,omitempty"`
	TestGroupName   string         `yaml:"name,omitempty"`
	StartTimestamp  startTime      `yaml:"start_timestamp,omitempty"`
}

type rawSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type rawAlertTest struct {
	EvalTime  model.Duration `yaml:"eval_time"`
	Alertname string         `yaml:"alertname"`
	ExpAlerts []rawAlert     `yaml:"exp_alerts"`
}

type rawAlert struct {
	ExpLabels      map[string]string `yaml:"exp_labels"`
	ExpAnnotations map[string]string `yaml:"exp_annotations"`
}

type rawExprTest struct {
	Expr       string         `yaml:"expr"`
	EvalTime   model.Duration `yaml:"eval_time"`
	ExpSamples []rawSample    `yaml:"exp_samples"`
}

type rawSample struct {
	Labels    string  `yaml:"labels"`
	Value     float64 `yaml:"value"`
	Histogram string  `yaml:"histogram"`
}

// startTime is seconds since 1970 or an RFC 3339 time.
type startTime struct{ time.Time }

func (t startTime) MarshalYAML() (any, error) { return t.Format(time.RFC3339Nano), nil }

func (t startTime) IsZero() bool { return t.Time.IsZero() }

func (t *startTime) UnmarshalYAML(unmarshal func(any) error) error {
	var s string
	if err := unmarshal(&s); err != nil {
		return err
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		seconds, fraction := math.Modf(f)
		t.Time = time.Unix(int64(seconds), int64(fraction*float64(time.Second))).UTC()
		return nil
	}
	parsed, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("start_timestamp %q is neither seconds since 1970 nor a time such as 2026-01-02T15:04:05Z", s)
	}
	t.Time = parsed
	return nil
}

// decode reads the first document of a file. A panic of the library is an error.
func decode(content []byte) (raw rawFile, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML parser gave up on this file: %v", r)
		}
	}()
	err = yaml.UnmarshalStrict(content, &raw)
	return raw, err
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	yamlUnknown = regexp.MustCompile(`^field (\S+) not found in type .*$`)
	yamlTwice   = regexp.MustCompile(`^(?:field (\S+) already set in type .*|key "([^"]*)" already set in map)$`)
	yamlType    = regexp.MustCompile("^cannot unmarshal !!\\w+(?: `(.*?)(?:\\.\\.\\.)?`)? into (.*)$")
)

// quoted is the value that an error of a type's own is about; it has no line.
var quoted = regexp.MustCompile(`"([^"]+)"`)

// firstOf is where a word stands first.
func firstOf(content []byte, word string) Position {
	before, _, ok := bytes.Cut(content, []byte(word))
	if !ok {
		return Position{}
	}
	start := bytes.LastIndexByte(before, '\n') + 1
	return Position{Line: bytes.Count(before, []byte{'\n'}) + 1, Column: utf8.RuneCount(before[start:]) + 1}
}

// maxProblems is how many problems one file can have.
const maxProblems = 100

// yamlProblems words what the decoder said for people.
func yamlProblems(path string, content []byte, err error) []Problem {
	const list = "yaml: unmarshal errors:\n"
	messages := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if _, rest, ok := strings.Cut(err.Error(), list); ok {
		messages = strings.Split(rest, "\n")
	}
	var problems []Problem
	for _, text := range messages[:min(len(messages), maxProblems)] {
		p := Problem{File: path, Message: strings.TrimSpace(text)}
		if m := yamlLine.FindStringSubmatch(p.Message); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			word := p.explain(m[2])
			p.Column = columnOf(content, p.Line, word)
		} else if m := quoted.FindStringSubmatch(p.Message); m != nil {
			p.Position = firstOf(content, m[1])
		}
		problems = append(problems, p)
	}
	return problems
}

// explain returns the word of the line that the message is about.
func (p *Problem) explain(text string) (word string) {
	p.Message = text
	if m := yamlUnknown.FindStringSubmatch(text); m != nil {
		p.Message = fmt.Sprintf("unknown key %q", m[1])
		if near := nearest(m[1], knownKeys); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		}
		return m[1]
	}
	if m := yamlTwice.FindStringSubmatch(text); m != nil {
		p.Message, p.Hint = fmt.Sprintf("the key %q stands twice", m[1]+m[2]), "keep one of the two"
		return m[1] + m[2]
	}
	if m := yamlType.FindStringSubmatch(text); m != nil && m[1] != "" {
		p.Message = fmt.Sprintf("%q cannot be used here", m[1])
		return m[1]
	}
	return ""
}

// knownKeys are all keys of the format.
var knownKeys = []string{
	"rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare",
	"interval", "input_series", "alert_rule_test", "promql_expr_test", "external_labels", "external_url", "name", "start_timestamp",
	"series", "values", "eval_time", "alertname", "exp_alerts", "exp_labels", "exp_annotations",
	"expr", "exp_samples", "labels", "value", "histogram",
}
