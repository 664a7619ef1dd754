package live

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/common/model"

	"github.com/watchbill/watchbill/validate/ruletest"
)

// inputs go up and down, and are away at times: by series, in promtool's notation.
func inputs(r *rand.Rand) (series, values []string) {
	for i := range 6 {
		var b strings.Builder
		for n := 0; n < 340; {
			run := 1 + r.IntN(40)
			if r.IntN(5) == 0 {
				fmt.Fprintf(&b, " _x%d", run)
			} else {
				fmt.Fprintf(&b, " %dx%d", r.IntN(4), run)
			}
			n += run + 1
		}
		series = append(series, fmt.Sprintf("m{instance=\"%d\", zone=%q}", i, []string{"a", "b"}[i%2]))
		values = append(values, b.String())
	}
	return series, values
}

var oracleExprs = []string{
	"m > 0", "m > 2", "m == 0", "sum by (zone) (m) > 3", "max(m) > 2", "avg_over_time(m[2m]) > 1.5", `absent(m{instance="1"})`,
	"m > 1 unless on (zone) sum by (zone) (m) > 6", "vector(1) and on () (vector(time()) % 600 < 200)", "time() % 900",
	"topk(6, m) > 1", "m offset 1m > 1", `{__name__="m"} + 0 > 1`, `count_values("v", m)`, "rate(m[1m]) > 0.01 or m > 2",
}

// generatedRule is one whose label sets may change with the value, or fall together.
func generatedRule(r *rand.Rand, name string) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	text := fmt.Sprintf("  - alert: %s\n    expr: %q\n", name, pick(oracleExprs...))
	if d := pick("", "0s", "15s", "1m", "5m", "7m"); d != "" {
		text += "    for: " + d + "\n"
	}
	if d := pick("", "", "15s", "1m", "4m"); d != "" {
		text += "    keep_firing_for: " + d + "\n"
	}
	return text + pick("", "", "",
		"    labels: {severity: '{{ if gt $value 1.0 }}critical{{ else }}warning{{ end }}'}\n",
		"    labels: {instance: '', was: '{{ $labels.instance }}'}\n",
		"    labels: {instance: ''}\n", "    labels: {instance: same}\n")
}

// TestOracle has Prometheus itself judge outcomes: each becomes expressions over
// the series ALERTS that the same rules write, in a test file for promtool. Its
// reading by package ruletest is always tried, by promtool where it is.
func TestOracle(t *testing.T) {
	firings := 0
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		series, values := inputs(r)
		text := "load 15s\n"
		for i := range series {
			text += "  " + series[i] + values[i] + "\n"
		}
		interval := []time.Duration{15 * time.Second, 30 * time.Second, time.Minute}[r.IntN(3)]
		head := fmt.Sprintf("groups:\n- name: g\n  interval: %s\n  rules:\n", model.Duration(interval))
		rules := head
		parts := make([]string, 8)
		for i := range parts {
			parts[i] = generatedRule(r, fmt.Sprintf("A%d", i))
			rules += parts[i]
		}
		const back = 80 * time.Minute
		outcomes, err := Backtest(t.Context(), load(t, text).ask(), Alerts(repoWith(t, map[string]string{ruleFile: rules}), nil),
			Options{Now: after(back + 7*time.Second), Backtest: back, MaxPoints: 2 + r.IntN(300)})
		if err != nil {
			t.Fatal(err)
		}
		judged, tests := head, testHead(interval, series, values)
		for i, o := range outcomes {
			if len(o.Notes) > 0 || o.Unknown != "" { // rules that fail make a test fail
				continue
			}
			firings += o.Firings
			judged += parts[i]
			tests += expected(o, interval, back)
		}
		judge(t, judged, tests)
		if t.Failed() {
			t.Fatalf("seed %d:\n%s%s", seed, judged, tests)
		}
	}
	if firings < 300 {
		t.Errorf("only %d firings: the rules are too quiet to tell anything", firings)
	}
}

func testHead(interval time.Duration, series, values []string) string {
	text := fmt.Sprintf("rule_files: [rules.yaml]\nevaluation_interval: %s\ntests:\n- interval: 15s\n  input_series:\n", model.Duration(interval))
	for i := range series {
		text += fmt.Sprintf("  - {series: %q, values: %q}\n", series[i], strings.TrimSpace(values[i]))
	}
	return text + "  promql_expr_test:\n"
}

// expected says an outcome in PromQL.
func expected(o Outcome, interval, back time.Duration) string {
	firing := fmt.Sprintf(`ALERTS{alertname=%q,alertstate="firing"}`, o.Name)
	span := fmt.Sprintf("[%s:%s]", model.Duration(back+interval), model.Duration(interval))
	before := "offset " + model.Duration(interval).String()
	some := func(expr string) string { return "(sum(" + expr + ") or vector(0))" }
	text := ""
	for _, e := range []struct {
		expr string
		want any
	}{
		{some("count_over_time((" + firing + " unless " + firing + " " + before + ")" + span + ")"), o.Firings},
		{some("count_over_time((count(" + firing + ") unless count(" + firing + " " + before + "))" + span + ")"), o.Periods},
		{some("count_over_time(count(" + firing + ")" + span + ")"), int64(time.Duration(o.Firing) / interval)},
		{some("max_over_time(count(" + firing + ")" + span + ")"), o.AtOnce},
		{some("count(count_over_time(" + firing + span + "))"), o.Series},
		{some("min_over_time((vector(time()) and on () " + firing + ")" + span + ")"), max(0, o.First.Unix())},
		{some("max_over_time((vector(time()) and on () " + firing + ")" + span + ")"), max(0, o.Last.Unix())},
		{"count(" + firing + ") > bool 0 or vector(0)", map[bool]int{true: 1}[o.Still]},
	} {
		text += fmt.Sprintf("  - {expr: %q, eval_time: %s, exp_samples: [{labels: '{}', value: %v}]}\n", e.expr, model.Duration(back), e.want)
	}
	return text
}

// judge runs a test file.
func judge(t *testing.T, rules, tests string) {
	t.Helper()
	parsed, problems := ruletest.Parse("tests.yaml", []byte(tests))
	if parsed == nil {
		t.Fatal(problems)
	}
	results := (&ruletest.Runner{FS: fstest.MapFS{"rules.yaml": {Data: []byte(rules)}}}).Run(t.Context(), []*ruletest.File{parsed}, ruletest.Options{})
	for _, test := range results.Files[0].Tests {
		for _, f := range test.Failures {
			t.Errorf("%s: %s\n%s", f.Subject, f.Message, strings.Join(f.Diff, "\n"))
		}
		if want := strings.Count(tests, "{expr: "); test.Asserted != want {
			t.Errorf("%d of %d were looked at", test.Asserted, want)
		}
	}
	promtool := os.Getenv("WATCHBILL_PROMTOOL")
	if promtool == "" {
		return
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"rules.yaml": rules, "tests.yaml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(promtool, "test", "rules", "tests.yaml")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
