package ruletest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v2"
)

// generator makes rule and test files, all that a seed gives the same.
type generator struct {
	*rand.Rand
	recorded int
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 7))} }

// marshalled is a test file on rules.yml.
func (g *generator) marshalled() []byte {
	f := g.tests()
	f.RuleFiles = []string{"rules.yml"}
	content, err := yaml.Marshal(f)
	if err != nil {
		panic(err)
	}
	return content
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// maybe is the text, one time in n.
func (g *generator) maybe(n int, format string, args ...any) string {
	if g.IntN(n) > 0 {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

func (g *generator) selector() string {
	return pick(g, "m0", "m1", "m2", "m3", `m0{a="x"}`, `m1{b!="1"}`, `{__name__=~"m[01]"}`, `m2{a=~"x|y"}`,
		"job:r0:sum", "job:r1:rate", "job:r2", `ALERTS{alertstate="firing"}`, "ALERTS", "none", "h0", `h1{a="x"}`, "m4")
}

func (g *generator) window() string { return pick(g, "1m", "5m", "10m", "90s", "1h") }

// expr is an expression over the generated series; some give errors.
func (g *generator) expr() string {
	s, o, w := g.selector(), g.selector(), g.window()
	return pick(g,
		s, s+" > 3", s+" > bool 2", "sum("+s+")", "sum by (a) ("+s+")", "avg without (b) ("+s+")", "count("+s+") by (b)",
		"rate("+s+"["+w+"])", "increase("+s+"["+w+"]) > 0", "irate("+s+"["+w+"])", "delta("+s+"["+w+"])", "deriv("+s+"["+w+"])",
		"max_over_time("+s+"["+w+"])", "avg_over_time("+s+"["+w+"])", "count_over_time("+s+"["+w+"])", "stddev_over_time("+s+"["+w+"])",
		"last_over_time("+s+"["+w+"])", "present_over_time("+s+"["+w+"])", "quantile_over_time(0.7, "+s+"["+w+"])",
		"changes("+s+"["+w+"])", "resets("+s+"["+w+"])", "predict_linear("+s+"["+w+"], 600)",
		"absent("+s+")", "absent_over_time("+s+"["+w+"])", "sum(absent("+o+"))",
		s+" offset 2m", s+" offset -1m", s+" @ 120", s+" @ end()", "rate("+s+"["+w+"] @ start())",
		"max_over_time(sum("+s+")["+w+":])", "max_over_time(sum by (a) ("+s+")["+w+":30s])", "rate("+s+"["+w+":2m])",
		s+" + on (a, b) count by (a, b) ("+o+")", s+" * on (a) group_left (c) m4", s+" and on (a) "+o, s+" or "+o, s+" unless "+o, s+" / "+o,
		"topk(50, "+s+")", "bottomk(50, "+s+")", "quantile(0.5, "+s+")", `count_values("v", `+s+")", "stdvar("+s+")", "group("+s+") by (a)",
		"histogram_quantile(0.9, sum by (le, a) (rate(bucket["+w+"])))", "histogram_quantile(0.5, h0)", "histogram_count("+s+")",
		"histogram_sum(h1)", "histogram_fraction(0, 2, h0)", "histogram_avg(rate(h0["+w+"]))", "sum(h0)", "avg(rate(h1["+w+"]))",
		`label_replace(`+s+`, "d", "$1-z", "a", "(.*)")`, `label_join(`+s+`, "d", "-", "a", "b")`,
		"time()", "vector(1)", "1 / 0", "timestamp("+s+")", "minute(vector(time()))", "clamp("+s+", 1, 4)", "round("+s+", 0.3)",
		"abs("+s+" - 5)", "-"+s, "scalar("+s+")", "sgn("+s+")", "sort("+s+")", "ceil("+s+" / 3)", "ln("+s+")", s+" == "+s, s+" % 3", s+" ^ 2",
		"ALERTS_FOR_STATE", "last_over_time(ALERTS[10m])", "changes(ALERTS_FOR_STATE["+w+"])", s+" atan2 "+o,
	)
}

// ruleExpr is mostly one that has no two results with the same labels, which is an error.
func (g *generator) ruleExpr() string {
	if g.IntN(3) == 0 {
		return g.expr()
	}
	s, w := g.selector(), g.window()
	return pick(g, "sum by (a, b) ("+s+")", "max by (a) ("+s+") > 3", "sum by (a) (rate("+s+"["+w+"])) > 0.01", "absent("+s+")", "count("+s+") > 1",
		"avg by (b) (avg_over_time("+s+"["+w+"]))", "sum("+s+" offset 1m) by (a) < 20", "sum(h0)", "max(changes(ALERTS_FOR_STATE["+w+"]))",
		"count by (a) (ALERTS)", "max_over_time(sum by (a) ("+s+")["+w+":])", "vector(time()) > 90", `m0{a="x"}`, `m1{b="0"} > 2`, "m4", "m4 > bool 4", "job:r2 > 1")
}

func (g *generator) rules() []byte {
	var b strings.Builder
	b.WriteString("groups:\n")
	for i := range 1 + g.IntN(3) {
		fmt.Fprintf(&b, "- name: g%d\n", i)
		b.WriteString(g.maybe(3, "  interval: 30s\n") + g.maybe(8, "  limit: %d\n", 3+g.IntN(6)) +
			g.maybe(5, "  query_offset: %s\n", pick(g, "30s", "1m", "0s", "2m", "45s", "10s", "3m", "13h")) + g.maybe(4, "  labels: {team: t%d}\n", i))
		b.WriteString("  rules:\n")
		for range 1 + g.IntN(4) {
			if g.IntN(3) == 0 {
				fmt.Fprintf(&b, "  - record: %s\n    expr: %q\n", g.record(), g.ruleExpr())
				b.WriteString(g.maybe(3, "    labels: {rec: r%d}\n", g.IntN(2)))
				continue
			}
			g.alert(&b)
		}
	}
	return []byte(b.String())
}

// record is a name that is recorded once, mostly: twice is mostly an error.
func (g *generator) record() string {
	if g.recorded++; g.recorded <= 3 && g.IntN(12) > 0 {
		return []string{"job:r0:sum", "job:r1:rate", "job:r2"}[g.recorded-1]
	}
	return pick(g, "job:r0:sum", "m0", "other")
}

func (g *generator) alert(b *strings.Builder) {
	fmt.Fprintf(b, "  - alert: A%d\n    expr: %q\n", g.IntN(4), g.ruleExpr())
	b.WriteString(g.maybe(2, "    for: %s\n", pick(g, "1m", "2m", "5m", "90s")) + g.maybe(3, "    keep_firing_for: %s\n", pick(g, "1m", "4m")))
	b.WriteString("    labels:\n      severity: page\n" + g.maybe(3, "      where: '{{ $labels.a }}'\n") +
		g.maybe(20, "      a: z\n") + g.maybe(6, "      value: '{{ $value }}'\n") + g.maybe(6, "      alertname: other\n") + g.maybe(12, "      bad: '{{ $labels.a.b.c }}'\n"))
	b.WriteString("    annotations:\n      summary: 'it is {{ $value | humanize }} on {{ .Labels.a }} of {{ $externalLabels.cluster }}'\n" +
		g.maybe(3, "      many: '{{ range query \"sum by (a) (m0)\" | sortByLabel \"a\" }}{{ .Labels.a }}={{ .Value }};{{ end }}'\n") +
		g.maybe(4, "      alerts: '{{ with query \"count(ALERTS)\" }}{{ . | first | value }}{{ end }}'\n") +
		g.maybe(5, "      url: '{{ externalURL }} {{ $externalURL }}'\n") + g.maybe(5, "      empty: '{{ .Labels.none }}'\n") +
		g.maybe(6, "      wrong: '{{ template \"x\" }}'\n") + g.maybe(5, "      when: '{{ now }} {{ printf \"%%.3f\" $value }}'\n"))
}

func (g *generator) values() string {
	var items []string
	for range 1 + g.IntN(4) {
		if g.IntN(60) == 0 {
			items = append(items, pick(g, "NaN", "-Inf"))
		}
		items = append(items, pick(g, "0+1x20", "5-1x9", "1 2 3", "_x3", "stale", "7x10", "_", "0 10 0 5", "1+0.1x30", "1e3+7x6", "3x2 _x4 3x2"))
	}
	return strings.Join(items, " ")
}

func (g *generator) histograms() string {
	var items []string
	for range 1 + g.IntN(3) {
		items = append(items, pick(g,
			"{{schema:0 sum:1 count:2 buckets:[1 1]}}", "{{schema:0 sum:1 count:2 buckets:[1 1]}}+{{schema:0 sum:2 count:3 buckets:[1 1 1]}}x20",
			"{{schema:1 offset:2 sum:9 count:6 buckets:[2 0 4]}}x8", "{{count:4 sum:5 z_bucket:1 z_bucket_w:0.01 buckets:[3] n_buckets:[2 1] n_offset:1}}",
			"_x2", "stale", "4 5", "{{schema:0 sum:7 count:4 buckets:[4] counter_reset_hint:gauge}}x5", "{{schema:-53 sum:4 count:6 custom_values:[1 5] buckets:[1 2 3]}}x6",
			"{{schema:0 sum:3 count:3 buckets:[3] counter_reset_hint:reset}}"))
	}
	return strings.Join(items, " ")
}

func (g *generator) series() []rawSeries {
	var series []rawSeries
	add := func(format, values string, args ...any) {
		if g.IntN(5) > 0 {
			series = append(series, rawSeries{Series: fmt.Sprintf(format, args...), Values: values})
		}
	}
	for i := range 4 {
		for _, a := range []string{"x", "y"} {
			for b := range 1 + g.IntN(2) {
				add(`m%d{a="%s", b="%d"}`, g.values(), i, a, b)
			}
		}
	}
	for _, a := range []string{"x", "y"} {
		add(`m4{a="%s", c="c-%s"}`, g.values(), a, a)
		for j, le := range []string{"1", "5", "+Inf"} {
			add(`bucket{a="%s", le="%s"}`, fmt.Sprintf("0+%dx40", j+1), a, le)
		}
		add(`h0{a="%s"}`, g.histograms(), a)
		add(`h1{a="%s"}`, g.histograms(), a)
	}
	if g.IntN(40) == 0 {
		add("%s", "1", pick(g, "m0{", "{}", "# a comment", "", `m0{a="x", b="0"}`))
	}
	return series
}

func (g *generator) duration(of ...time.Duration) model.Duration {
	return model.Duration(pick(g, of...))
}

func (g *generator) tests() *rawFile {
	const m = time.Minute
	f := &rawFile{EvaluationInterval: g.duration(0, m, m, 30*time.Second, 7*time.Second, 5*m), FuzzyCompare: g.IntN(4) == 0}
	if g.IntN(2) == 0 {
		f.GroupEvalOrder = []string{"g0", "g1", "g2"}
	} else {
		f.GroupEvalOrder = []string{"g2", "g0", "g1"}
	}
	for i := range 1 + g.IntN(3) {
		t := rawTest{Interval: g.duration(0, m, m, m, 20*time.Second, 3*m), InputSeries: g.series(), TestGroupName: g.maybe(2, "test %d", i)}
		if g.IntN(3) == 0 {
			t.ExternalLabels, t.ExternalURL = labels.FromStrings("cluster", "c1"), "http://prometheus.example"
		}
		if g.IntN(4) == 0 {
			t.StartTimestamp.Time = pick(g, time.Unix(1700000000, 0), time.Unix(1700000123, 5e8), time.Unix(-90000, 0)).UTC()
		}
		for range 1 + g.IntN(4) {
			t.AlertRuleTests = append(t.AlertRuleTests, rawAlertTest{
				EvalTime: g.duration(0, m, 2*m, 5*m, 10*m, 17*m, 150*time.Second, 31*m), Alertname: fmt.Sprintf("A%d", g.IntN(5)),
			})
		}
		for range g.IntN(5) {
			t.PromqlExprTests = append(t.PromqlExprTests, rawExprTest{Expr: g.expr(), EvalTime: g.duration(0, m, 3*m, 8*m, 20*m, 100*time.Second, 29*m)})
		}
		f.Tests = append(f.Tests, t)
	}
	return f
}

// spoil makes one expectation wrong.
func (g *generator) spoil(f *rawFile) {
	t := &f.Tests[g.IntN(len(f.Tests))]
	if n := len(t.PromqlExprTests); n > 0 && g.IntN(2) == 0 {
		e := &t.PromqlExprTests[g.IntN(n)]
		if len(e.ExpSamples) > 0 && g.IntN(2) == 0 {
			e.ExpSamples[0].Value++
			return
		}
		e.ExpSamples = append(e.ExpSamples, rawSample{Labels: `spoilt{a="x"}`, Value: 1})
		return
	}
	a := &t.AlertRuleTests[g.IntN(len(t.AlertRuleTests))]
	if len(a.ExpAlerts) > 0 && g.IntN(2) == 0 {
		a.ExpAlerts[0].ExpAnnotations = map[string]string{"summary": "spoilt"}
		return
	}
	a.ExpAlerts = append(a.ExpAlerts, rawAlert{ExpLabels: map[string]string{"spoilt": "yes"}})
}
