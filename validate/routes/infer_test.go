package routes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
)

func TestLabelsOf(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{`up`, `others: any value or none`},
		{`up{job="api"}`, `job: "api"; others: any value or none`},
		{`up{job=~"a|b"} == 0`, `job: "a" or "b"; others: any value or none`},
		{`up{job=~"a|b", job!="a"}`, `job: "b"; others: any value or none`},
		{`up{job=""}`, `job: absent; others: any value or none`},
		{`up{job!~".+"}`, `job: absent; others: any value or none`},
		{`sum(up)`, `others: absent`},
		{`sum by (job) (up)`, `job: any value or none; others: absent`},
		{`sum by (job, team) (up{team="x"}) > 1`, `job: any value or none; team: "x"; others: absent`},
		{`sum without (job) (up{job="a", zone="z"})`, `job: absent; zone: "z"; others: any value or none`},
		{`topk by (job) (3, up{zone="z"})`, `zone: "z"; others: any value or none`},
		{`count_values by (job) ("version", up)`, `job: any value or none; version: any value or none; others: absent`},
		{`absent(up{job="a", zone=~"b"})`, `__name__: absent; job: "a"; zone: absent; others: absent`},
		{`absent(up{job="a", job="b", zone="z"})`, `__name__: absent; job: absent or "a" or "b"; zone: "z"; others: absent`},
		{`absent(sum(up{job="a"}))`, `others: absent`},
		{`absent_over_time(up{job="a"}[5m])`, `__name__: absent; job: "a"; others: absent`},
		{`vector(1)`, `others: absent`},
		{`time() > bool 3`, `others: absent`},
		{`up{job="a"} or absent(up)`, `__name__: any value or none; job: absent or "a"; others: any value or none`},
		{`sum by (job) (up) * up`, `job: any value or none; others: absent`},
		{`up * on (job) up{job="a"}`, `job: "a"; others: absent`},
		{`up * on (job) group_left (zone) up{job="a", zone="z"}`, `job: "a"; zone: "z"; others: any value or none`},
		{`up{a="1"} * on (job) group_right (a) up{a="2"}`, `a: "1"; job: any value or none; others: any value or none`},
		{`up unless on (job) up{job="a"}`, `others: any value or none`},
		{`up and on (job) up{job="a"}`, `job: "a"; others: any value or none`},
		{`label_replace(up, "severity", "critical", "job", "db.*")`, `severity: any value or none; others: any value or none`},
		{`label_replace(sum(up), "severity", "critical", "", "")`, `severity: "critical"; others: absent`},
		{`label_replace(up{job="a-b"}, "team", "$2$1", "job", "(.)-(.)")`, `job: "a-b"; team: "ba"; others: any value or none`},
		{`label_join(up{a="1",b="2"}, "c", "-", "a", "b")`, `a: "1"; b: "2"; c: "1-2"; others: any value or none`},
		{`histogram_quantile(0.9, sum by (le, job) (rate(x_bucket[5m])))`, `job: any value or none; le: any value or none; others: absent`},
		{`rate(up{job="a"}[5m:1m] offset 1h)`, `job: "a"; others: any value or none`},
		{`max_over_time(sum by (job) (up)[1h:5m])`, `job: any value or none; others: absent`},
		{`info(sum by (job) (up))`, `others: any value or none`},
		{`predict_linear(up{job="a"}[1h], 3600) < 0`, `job: "a"; others: any value or none`},
	} {
		expr, err := promQL.ParseExpr(c.expr)
		if err != nil {
			t.Fatalf("%s: %v", c.expr, err)
		}
		if diff := cmp.Diff(c.want, LabelsOf(expr).String()); diff != "" {
			t.Errorf("%s: %s", c.expr, diff)
		}
	}
}

// TestLabelsOfIsSound evaluates generated expressions with Prometheus's own
// engine over generated series: no result may have labels that were ruled out.
func TestLabelsOfIsSound(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	engine := promqltest.NewTestEngineWithOpts(t, promql.EngineOpts{
		MaxSamples: 1e6, Timeout: time.Minute, Parser: promQL,
	})
	evaluated, series := 0, 0
	for range 40 {
		storage := promqltest.LoadedStorage(t, generateSeries(random))
		for range 400 {
			expr := generateExpr(random, 1+random.IntN(4))
			n, ok := checkSound(t, engine, storage, expr)
			if ok {
				evaluated++
				series += n
			}
		}
		storage.Close()
	}
	t.Logf("%d expressions evaluated, %d series returned", evaluated, series)
	if evaluated < 5_000 || series < 10_000 {
		t.Errorf("only %d expressions and %d series were looked at", evaluated, series)
	}
}

// checkSound returns how many series there were, and whether Prometheus evaluates the expression at all.
func checkSound(t *testing.T, engine *promql.Engine, q storage.Queryable, text string) (int, bool) {
	expr, err := promQL.ParseExpr(text)
	if err != nil {
		return 0, false
	}
	query, err := engine.NewInstantQuery(context.Background(), q, nil, text, time.Unix(600, 0))
	if err != nil {
		return 0, false
	}
	defer query.Close()
	result := query.Exec(context.Background())
	if result.Err != nil {
		return 0, false
	}
	vector, err := result.Vector()
	if err != nil {
		return 0, false
	}
	known := LabelsOf(expr)
	for _, sample := range vector {
		if !known.Allows(sample.Metric.Map()) {
			t.Fatalf("%s returned %s, which is not among: %s", text, sample.Metric, known)
		}
	}
	return len(vector), true
}

var labelNames, labelValues = []string{"a", "b", "c", "le"}, []string{"1", "2", "x"}

func generateSeries(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("load 1m\n")
	seen := map[string]bool{}
	for range 12 {
		set := map[string]string{model.MetricNameLabel: pick(r, "m", "n", "h_bucket")}
		for _, name := range labelNames {
			if r.IntN(2) == 0 {
				set[name] = pick(r, labelValues...)
			}
		}
		if line := labels.FromMap(set).String(); !seen[line] {
			seen[line] = true
			fmt.Fprintf(&b, "  %s %d+%dx20\n", line, r.IntN(3), r.IntN(3))
		}
	}
	b.WriteString("  target_info{instance=\"i\", job=\"j\", data=\"d\"} 1x20\n")
	b.WriteString("  m{instance=\"i\", job=\"j\", a=\"1\"} 1x20\n")
	b.WriteString("  native{a=\"1\"} {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x20\n")
	return b.String()
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func generateSelector(r *rand.Rand) string {
	matchers := []string{}
	for range r.IntN(3) {
		value := pick(r, "1", "2", "x", "", "1|2", "1|x", ".*", ".+", "[12]")
		matchers = append(matchers, fmt.Sprintf("%s%s%q", pick(r, labelNames...), pick(r, "=", "=", "!=", "=~", "=~", "!~"), value))
	}
	return pick(r, "m", "n", "h_bucket", "native") + "{" + strings.Join(matchers, ",") + "}"
}

func someLabels(r *rand.Rand) string {
	var out []string
	for _, name := range labelNames {
		if r.IntN(3) == 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ",")
}

func generateExpr(r *rand.Rand, depth int) string {
	if depth == 0 {
		return generateSelector(r)
	}
	sub := func() string { return generateExpr(r, depth-1) }
	switch r.IntN(14) {
	case 0, 1:
		return fmt.Sprintf("%s %s (%s) (%s)", pick(r, "sum", "max", "count", "group"), pick(r, "by", "by", "without"), someLabels(r), sub())
	case 2:
		return fmt.Sprintf("%s %s (%s) (2, %s)", pick(r, "topk", "bottomk", "limitk"), pick(r, "by", "without"), someLabels(r), sub())
	case 3:
		return fmt.Sprintf("count_values %s (%s) (%q, %s)", pick(r, "by", "without"), someLabels(r), pick(r, "a", "v"), sub())
	case 4:
		return fmt.Sprintf("label_replace(%s, %q, %q, %q, %q)", sub(), pick(r, "a", "b", "d"), pick(r, "x", "", "$1", "y$1"), pick(r, "a", "b", "", "none"), pick(r, "", "(.*)", "1|2", "(1)"))
	case 5:
		return fmt.Sprintf("label_join(%s, %q, %q, %q, %q)", sub(), pick(r, "a", "d"), pick(r, "", "-"), pick(r, labelNames...), pick(r, labelNames...))
	case 6:
		return fmt.Sprintf("%s(%s)", pick(r, "absent", "sort", "abs", "scalar", "vector", "timestamp", "-", "hour", "ceil", "histogram_count", "histogram_avg", "clamp_max"), sub())
	case 7:
		return fmt.Sprintf("%s(%s[5m%s])", pick(r, "rate", "max_over_time", "absent_over_time", "last_over_time", "changes", "count_over_time"), sub(), pick(r, "", ":1m"))
	case 8:
		return fmt.Sprintf("histogram_quantile(0.5, %s)", sub())
	case 9:
		return fmt.Sprintf("(%s) %s %s", sub(), pick(r, "> ", "==", "+", "> bool"), pick(r, "1", "0", "vector(1)", "scalar("+generateSelector(r)+")"))
	case 10:
		return fmt.Sprintf("info(%s)", sub())
	}
	return generateBinary(r, sub(), sub())
}

func generateBinary(r *rand.Rand, left, right string) string {
	op := pick(r, "+", "/", "> ", "==", "== bool", "and", "or", "unless")
	matching := pick(r, "", "on ("+someLabels(r)+")", "ignoring ("+someLabels(r)+")")
	if matching != "" && op != "and" && op != "or" && op != "unless" {
		switch r.IntN(4) {
		case 0:
			matching += pick(r, " group_left (c)", " group_left ()")
			right = fmt.Sprintf("max by (%s) (%s)", pick(r, "a, c", "b, c", "c"), right)
		case 1:
			matching += pick(r, " group_right (b)", " group_right ()")
			left = fmt.Sprintf("max by (%s) (%s)", pick(r, "a, b", "b, c", "b"), left)
		}
		matching += pick(r, "", "", "", " fill (1)", " fill_left (1)", " fill_right (0)")
	}
	return fmt.Sprintf("(%s) %s %s (%s)", left, op, matching, right)
}
