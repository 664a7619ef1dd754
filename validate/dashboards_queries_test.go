package validate

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const dashboardFile = "teams/payments/dashboards/a.json"

// board is a dashboard with one panel that has one target, whose expression is
// given as it stands in the file, and some variables.
func board(expr string) string {
	return `{"title": "A", "uid": "a", "schemaVersion": 41, "templating": {"list": [
  {"name": "job", "type": "query", "query": "label_values(up, job)"},
  {"name": "unit", "type": "custom", "query": "s,m"}, {"name": "q", "type": "custom", "query": "0.5,0.9"},
  {"name": "metric", "type": "custom", "query": "a,b"}, {"name": "step", "type": "interval", "query": "1m,5m"}]},
 "panels": [{"title": "P", "targets": [{"refId": "A", "expr": "` + expr + `"}]}]}`
}

// TestDashboardExpressions wants nothing of what Grafana could make PromQL of,
// and of the rest the first fault at its place, which is marked.
func TestDashboardExpressions(t *testing.T) {
	for _, tt := range []struct{ name, expr, message string }{
		{"none", ` `, ""},
		{"plain", `sum(rate(up[5m]))`, ""},
		{"in a string", `up{job=~\"$job|${job:regex}|[[job]]\"}`, ""},
		{"in a raw string", "up{job=~`$job`}", ""},
		{"ranges", `rate(up[$__rate_interval]) + increase(up[${__range_s}s]) + rate(up[$__range]) + rate(up[$step]) + max_over_time(up[$__range:$__interval])`, ""},
		{"half of a range", `rate(up[5$unit]) + rate(up[${q}m])`, ""},
		{"offset", `up offset $step`, ""},
		{"number", `up > $q and topk($q, up) and histogram_quantile($q, up)`, ""},
		{"name of a series", `sum($metric) / sum(rate($metric{job=\"x\"}[5m])) + ${metric}_total + a_[[metric]]_b`, ""},
		{"label", `sum by ($job) (up{$job=\"x\"})`, ""},
		{"function and aggregation", `${metric}_over_time(up[5m]) + $unit(up)`, ""},
		{"matchers", `up{job=\"x\", $job} + up{job=\"x\" $unit}`, ""},
		{"all of it", `$metric`, ""},
		{"operator", `up $unit down`, ""},
		{"not quoted", `up{job=$job}`, ""},
		{"as a word of PromQL", `up > $__from + ${__to:date:seconds}`, ""},
		{"in a comment", `up # $nothing [[x]]\n + down`, ""},
		{"a dollar that is none", `label_replace(up, \"a\", \"$1\", \"b\", \"(.*)$\")`, ""},
		{"of a row that was folded", `sum(up)`, ""},

		{"not closed", `sum(up«`, "unclosed left parenthesis"},
		{"with a variable", `sum(rate(up{job=~\"$job\"}[$__rate_interval])«`, "unclosed left parenthesis"},
		{"no range", `rate(«up{job=\"$job\"}»)`, "expected type range vector"},
		{"no function", `«reat»(up[$__rate_interval])`, `unknown function with name "reat"`},
		{"after an escape", `up{a=\"\\\\\", b=\"\u00e9\/\"} +\n\t«)» + 1`, "unexpected right parenthesis"},
		{"characters of several bytes", `up{a=\"é日😀\ud83d\ude00\"} + rate(«up»)`, "expected type range vector"},
		{"the variable itself", `sum by (job) (up) «${__from}»`, `unexpected number "1"`},
		{"two variables", `$metric + $q + rate(«up»)`, "expected type range vector"},
		{"no variable", `rate(up[«$steps»])`, `the dashboard has no variable "steps"`},
		{"no variable, in braces", `up > «${thresold:raw}»`, `the dashboard has no variable "thresold"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plain, want := board(tt.expr), "none"
			if strings.Contains(tt.expr, "«") {
				plain, want = marked(board(tt.expr))
			}
			got := "none"
			for _, f := range readDashboard("payments", &repolayout.File{Path: dashboardFile, Content: []byte(plain)}, looksRecorded).found {
				if got = spanOf(f); tt.message == "" || !strings.Contains(f.Message, tt.message) || f.Check != dashboardsQuery {
					t.Errorf("found %v", f)
				}
			}
			if got != want {
				t.Errorf("%s\nstands at %s, want %s", plain, got, want)
			}
		})
	}
}

// TestDashboardQueries holds where expressions are looked for.
func TestDashboardQueries(t *testing.T) {
	const head, bad = `{"title": "A", "uid": "a", `, `"expr": "up «=»"`
	at := func(by string) string {
		return fmt.Sprintf("HERE: error: %s: could not parse expression: unexpected \"=\" [dashboards/query] (to compare, write one of ==, !=, >=, <=, >, <)", by)
	}
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a folded row", head + `"panels": [{"type": "row", "panels": [{"title": "B", "targets": [{"expr": "up"}, {` + bad + `}]}]}]}`, []string{at(`panel "B"`)}},
		{"an old row", head + `"rows": [{"panels": [{"title": "B", "targets": [{` + bad + `}]}]}]}`, []string{at(`panel "B"`)}},
		{"hidden", head + `"panels": [{"title": "B", "targets": [{"hide": true, ` + bad + `}]}]}`, []string{at(`panel "B"`)}},
		{"a panel of the library", head + `"panels": [{"title": "B", "libraryPanel": {"uid": "x", "name": "B"}}]}`, nil},
		{"an annotation", head + `"annotations": {"list": [{"builtIn": 1, "datasource": "-- Grafana --", "name": "a"}, {"name": "B", "datasource": "thanos", ` + bad + `}]}}`, []string{at(`annotation "B"`)}},
		{"an annotation's target", head + `"annotations": {"list": [{"name": "B", "target": {` + bad + `}}]}}`, []string{at(`annotation "B"`)}},
		{"values of labels", head + `"templating": {"list": [{"name": "B", "type": "query", "query": "label_values(up «=», job)"}]}}`, []string{at(`variable "B"`)}},
		{"values, in an object", head + `"templating": {"list": [{"name": "B", "type": "query", "query": {"qryType": 1, "query": "query_result( up «=» )"}}]}}`, []string{at(`variable "B"`)}},
		{"values of all kinds", head + `"templating": {"list": [{"name": "a", "type": "query", "query": "label_values(job)"}, {"name": "b", "type": "query", "query": "label_values(up{job=~\"$a\", b=\"(,)\"},  job)"},
			{"name": "c", "type": "query", "query": "metrics(node_.*[)"}, {"name": "d", "type": "query", "query": "label_names()"}, {"name": "e", "type": "query", "query": "query_result(topk(5, up))"},
			{"name": "f", "type": "query", "query": "up{job=\"x\"}"}, {"name": "g", "type": "custom", "query": "up ="}, {"name": "h", "type": "query", "query": ""}, {"name": "i", "type": "textbox", "query": "="}]}}`, nil},
		{"values by a function that Grafana does not read", head + `"templating": {"list": [{"name": "B", "type": "query", "query": "«label_values (up, job)»"}]}}`, []string{
			`HERE: error: variable "B": Grafana does not read this query [dashboards/query] (write label_values(SELECTOR, LABEL), label_values(LABEL), label_names(), metrics(REGEXP) or query_result(EXPRESSION))`,
		}},
		{"another language", head + `"templating": {"list": [{"name": "logs", "type": "datasource", "query": "loki"}]},
"panels": [{"title": "B", "datasource": {"uid": "$logs"}, "targets": [{"expr": "up ="}, {"datasource": {"type": "prometheus", "uid": "thanos"}, ` + bad + `}]}]}`,
			[]string{at(`panel "B"`)}},
		{"several in one", head + `"panels": [{"title": "B", "datasource": "-- Mixed --", "targets": [{"datasource": {"type": "loki", "uid": "$logs"}, "expr": "up ="}, {"datasource": {"type": "__expr__", "uid": "__expr__"}, "expression": "$A ="}]}],
"templating": {"list": [{"name": "logs", "type": "datasource", "query": "loki"}]}}`, nil},
		{"too deep", head + `"panels": ` + strings.Repeat(`[`, 200) + strings.Repeat(`]`, 200) + `}`, []string{
			"1:1: warning: the queries of the dashboard are not looked at: objects and lists stand in each other more than 100 deep [dashboards/query] (make several dashboards of it)",
		}},
		{"too long", head + `"panels": [{"title": "B", "targets": [{"expr": "«1` + strings.Repeat("+1", 1001) + `»"}]}]}`, []string{
			`HERE: error: panel "B": the expression has 1001 operators and parentheses; the most is 1000 [dashboards/query] (record parts of it with rules)`,
		}},
		{"too many", head + `"panels": [{"title": "B", "targets": [` + strings.Repeat(`{"expr":"up"},`, maxQueries-1) + `{"expr":"«up»"},{"expr":"up ="}]}]}`, []string{
			"HERE: warning: the dashboard has 2000 expressions or more; this one and those after it are not looked at [dashboards/query] (make several dashboards of it)",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			runDashboardCase(t, tt.text, tt.want)
		})
	}
}

// runDashboardCase takes the place that is marked in the text for HERE.
func runDashboardCase(t *testing.T, text string, want []string) {
	t.Helper()
	place := ""
	if strings.Contains(text, "«") {
		text, place = marked(text)
		place, _, _ = strings.Cut(place, " ")
	}
	if !json.Valid([]byte(text)) {
		t.Fatalf("not JSON: %s", text)
	}
	var got []string
	for _, line := range lines(check(t, repoOf(map[string]string{dashboardFile: text}))) {
		line = strings.TrimPrefix(line, "payments: "+dashboardFile+":")
		if rest, ok := strings.CutPrefix(line, place+":"); ok && place != "" {
			line = "HERE:" + rest
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestTextOrigins wants of each byte of a JSON string that it comes from what reads as it.
func TestTextOrigins(t *testing.T) {
	for _, raw := range []string{
		`""`, `"up"`, `"a\"b\\\/\b\f\n\r\t"`, `"\u0061\u00e9\u65e5\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ude00\ud83d\ude00"`, `"\ud83d\ud83d"`, "\"a\xffb\xf0\x9f\"", "\"é日😀\"",
	} {
		var value string
		if err := json.Unmarshal([]byte(raw), &value); err != nil {
			t.Fatal(err)
		}
		origins := textOrigins([]byte(raw), value)
		if len(origins) != len(value) {
			t.Errorf("%s: %d origins of %d bytes", raw, len(origins), len(value))
			continue
		}
		for i, r := range value {
			var read string
			part := raw[origins[i].from:origins[i].to]
			if err := json.Unmarshal([]byte(`"`+part+`"`), &read); err != nil || !strings.HasPrefix(read, string(r)) {
				t.Errorf("%s: byte %d is %q and comes from %q", raw, i, r, part)
			}
		}
	}
}

// TestUpstreamDashboards wants no fault in the dashboards that come with the modules we have.
func TestUpstreamDashboards(t *testing.T) {
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		home, _ := os.UserHomeDir()
		cache = filepath.Join(home, "go/pkg/mod")
	}
	files, err := filepath.Glob(filepath.Join(cache, "github.com/*/*/*/dashboards/*.json"))
	more, _ := filepath.Glob(filepath.Join(cache, "github.com/*/*/dashboards/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if files = append(files, more...); len(files) == 0 {
		t.Skip("no module with dashboards is here")
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := readDashboard("a", &repolayout.File{Path: filepath.Base(path), Content: content}, looksRecorded)
		t.Logf("%s: %d expressions", path, r.queries)
		for _, f := range r.found {
			t.Error(f)
		}
	}
}
