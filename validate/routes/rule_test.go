package routes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/template"
)

var labelTemplates = []string{
	"critical", "", "1", "{{ $labels.a }}", "x-{{ .Labels.b }}", "{{ $value }}", "{{ $labels.none }}",
	`{{ if gt $value 1.0 }}critical{{ else }}warning{{ end }}`,
	`{{ if gt $value 1 }}critical{{ else }}warning{{ end }}`,
	`{{ if eq $labels.a "1" }}one{{ else if eq .Labels.a "2" }}two{{ end }}`,
	`{{- if and (gt $value 0.5) (ne $labels.a "x") -}} yes {{- else -}} {{ $labels.c }} {{- end }}`,
	`{{ with $labels.a }}{{ . }}{{ end }}`, `{{ $x := "y" }}{{ $x }}`, `{{ "q" }}{{/* comment */}}`,
	`{{ if $labels.b }}b{{ end }}`, `{{ $externalLabels.zone }}`, `{{ define "t" }}x{{ end }}{{ template "t" }}`,
	`{{ printf "%s" $labels.a }}`, `{{ $labels := .ExternalLabels }}{{ $labels.a }}`, `{{ fail }}`, `{{ index $labels "a" }}`,
}

// TestKnowerIsSound evaluates generated alerting rules with Prometheus's own
// engine, templates and relabelling, and wants the labels of every alert to be
// among those that were thought possible.
func TestKnowerIsSound(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(11, 12))
	engine := promqltest.NewTestEngineWithOpts(t, promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: promQL})
	sender, err := ParseSender([]byte(`
global: {external_labels: {zone: z, a: e, c: $$x}}
alerting: {alert_relabel_configs: [{action: labeldrop, regex: 'le|job'}, {source_labels: [b], target_label: d, replacement: "$1"}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	external := labels.FromStrings("zone", "z", "a", "e", "c", "$x")
	relabels := []*relabel.Config{
		{Action: relabel.LabelDrop, Regex: relabel.MustNewRegexp("le|job"), NameValidationScheme: model.UTF8Validation},
		{Action: relabel.Replace, Regex: relabel.MustNewRegexp("(.*)"), SourceLabels: model.LabelNames{"b"}, TargetLabel: "d", Replacement: "$1", NameValidationScheme: model.UTF8Validation},
	}
	seen := 0
	for range 20 {
		series := promqltest.LoadedStorage(t, generateSeries(random))
		for range 200 {
			a := Alert{Name: "A", Expr: generateExpr(random, 1+random.IntN(2)), Static: map[string]string{"team": "t"}}
			if random.IntN(2) == 0 {
				a.Expr = fmt.Sprintf("(%s) > 0.5", a.Expr)
			}
			for _, name := range []string{"severity", "a", "s"} {
				if random.IntN(2) == 0 {
					a.Static[name] = pick(random, labelTemplates...)
				}
			}
			expr, err := promQL.ParseExpr(a.Expr)
			if err != nil {
				continue
			}
			known := NewKnower().Of(&a, sender)
			for _, alert := range evaluate(engine, series, &a, external.Map()) {
				seen++
				if sent := send(alert, external, relabels); !known.Allows(sent.Map()) {
					t.Fatalf("%s with %q sends %s, which is not among: %s", expr, a.Static, sent, known)
				}
			}
		}
		series.Close()
	}
	t.Logf("%d alerts", seen)
	if seen < 3000 {
		t.Errorf("only %d alerts were looked at", seen)
	}
}

// evaluate does what Prometheus's alerting rules do: no alerts where the
// expression fails, and the label set of each otherwise.
func evaluate(engine *promql.Engine, q storage.Queryable, a *Alert, external map[string]string) []labels.Labels {
	ctx, at := context.Background(), time.Unix(600, 0)
	query, err := engine.NewInstantQuery(ctx, q, nil, a.Expr, at)
	if err != nil {
		return nil
	}
	defer query.Close()
	result := query.Exec(ctx)
	vector, err := result.Vector()
	if scalar, isScalar := result.Value.(promql.Scalar); isScalar {
		vector, err = promql.Vector{{F: scalar.V}}, nil
	}
	if err != nil {
		return nil
	}
	var out []labels.Labels
	for _, sample := range vector {
		data := template.AlertTemplateData(sample.Metric.Map(), external, "", sample)
		b := labels.NewBuilder(sample.Metric)
		b.Del(model.MetricNameLabel)
		for name, text := range a.Static {
			value, err := template.NewTemplateExpander(ctx, prelude+text, "__alert_A", data, model.TimeFromUnix(at.Unix()), nil, &url.URL{}, nil).Expand()
			if err != nil {
				value = fmt.Sprintf("<error expanding template: %s>", err)
			}
			b.Set(name, value)
		}
		b.Set(labels.AlertName, a.Name)
		out = append(out, b.Labels())
	}
	return out
}

// send does what Prometheus's notifier does.
func send(alert, external labels.Labels, relabels []*relabel.Config) labels.Labels {
	b := labels.NewBuilder(alert)
	external.Range(func(l labels.Label) {
		if alert.Get(l.Name) == "" {
			b.Set(l.Name, l.Value)
		}
	})
	relabel.ProcessBuilder(b, relabels...)
	return b.Labels()
}

func TestExpanded(t *testing.T) {
	of := func() result {
		return result{labels: Unknown().With("a", OneOf("1", "2")).With("b", Absent()), float: true}
	}
	for text, want := range map[string]string{
		"plain":           `"plain"`,
		"":                `absent`,
		"{{ $labels.a }}": `"1" or "2"`,
		"{{ $labels.b }}": `absent`,
		"{{ $labels.c }}": `any value or none`,
		"{{ $value }}":    `any value or none`,
		`{{ if gt $value 10.0 }}critical{{ else }}warning{{ end }}`:                               `"critical" or "warning"`,
		`{{ if gt $value 10.0 }}critical{{ else if gt $value 5. }}warning{{ else }}info{{ end }}`: `"critical" or "info" or "warning"`,
		`{{ if gt $value 10 }}critical{{ else }}warning{{ end }}`:                                 `any value or none`, // Prometheus sends its error
		`{{ if or (eq $labels.a "1") (lt $value 0.5) }}p{{ end }}{{ $labels.a }}`:                 `"1" or "2" or "p1" or "p2"`,
		`{{ range query "up" }}x{{ end }}`:                                                        `any value or none`,
		`{{`:                                                                                      `any value or none`,
	} {
		if got := expanded(text, of).String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	histogram := func() result { return result{labels: Unknown()} }
	if got := expanded(`{{ if gt $value 10.0 }}critical{{ end }}`, histogram); !got.any {
		t.Errorf("of a histogram: %s", got)
	}
}

func TestParseSender(t *testing.T) {
	for text, want := range map[string]string{
		"alerting: {alert_relabel_configs: [{action: drop, regex: x}]}":        "read alert_relabel_configs[0]: where alerts go cannot be decided after the action \"drop\"; use labeldrop, labelkeep or replace",
		"alerting: {alert_relabel_configs: [{target_label: $1}]}":              "read alert_relabel_configs[0]: the target label \"$1\" is none that is known beforehand; where alerts go cannot be decided",
		"alerting: {alert_relabel_configs: [{action: labeldrop, regex: '('}]}": "read alert_relabel_configs[0]: parse the regular expression of labeldrop: error parsing regexp: missing closing ): `^(?s:()$`",
		"global: 3": "read Prometheus's configuration: yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `3` into struct { External map[string]string \"yaml:\\\"external_labels\\\"\" }",
	} {
		if _, err := ParseSender([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	s, err := ParseSender([]byte("global: {external_labels: {a: x, b: y}}\nalerting: {alert_relabel_configs: [{action: LabelKeep, regex: 'a|c'}]}"))
	if err != nil {
		t.Fatal(err)
	}
	a := Alert{Name: "N", Expr: "up"}
	if got, want := NewKnower().Of(&a, s).String(), `__name__: absent; a: any value or none; alertname: absent; b: absent; others: any value or none`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestNeverFires: of an expression that returns nothing, nothing is claimed.
func TestNeverFires(t *testing.T) {
	for _, expr := range []string{`up{a="1", a="2"}`, `up{`, `sum(up{a="1", a="2"}) by (a)`} {
		if got := NewKnower().Series(expr).String(); got != "others: any value or none" {
			t.Errorf("%s: %s", expr, got)
		}
	}
}
