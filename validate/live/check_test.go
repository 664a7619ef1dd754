package live

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// someSeries are scraped each minute for an hour.
const someSeries = `load 1m
  http_requests_total{job="api", instance="a", code="200", path="/pay"} 0+60x60
  http_requests_total{job="api", instance="b", code="200", path="/pay"} 0+60x60
  http_requests_total{job="web", instance="c", code="404", path="/"} 0+1x60
  up{job="api", instance="a"} 1x60
  up{job="api", instance="b"} 1x60
  up{job="web", instance="c"} 1x60
  build_info{job="api", instance="a", version="1.2"} 1x60
  old_requests{job="api"} 1x60
`

func oneRule(expr string) string {
	return "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: " + expr + "\n"
}

func oneAlert(annotations string) string {
	return oneRule("http_requests_total > 1") + "    annotations:\n      summary: '" + annotations + "'\n"
}

func TestCheck(t *testing.T) {
	ask := load(t, someSeries).ask()
	for _, tt := range []struct {
		name, rules string
		want        []string
	}{
		{"all is there", oneRule(`sum by (job, code) (rate(http_requests_total{job="api", code!~"5.."}[5m])) > 1`), nil},
		{"no such metric", oneRule("rate(http_request_total[5m]) > 1"), []string{
			`5:16: warning: alert "A": there is no metric "http_request_total" now nor in the last 7 days [live/no-series] (did you mean "http_requests_total"?)`,
		}},
		{"a value that is none", oneRule(`up{job="apj"} == 0`), []string{
			`5:11: warning: alert "A": no series of up matches job="apj", now nor in the last 7 days [live/no-series] (did you mean "api"?)`,
		}},
		{"a regexp", oneRule(`http_requests_total{job="api",code=~"5.."} > 0`), []string{
			`5:11: warning: alert "A": no series of http_requests_total{job="api"} matches code=~"5..", now nor in the last 7 days [live/no-series] (code is "200")`,
		}},
		{"values that do not go together", oneRule(`http_requests_total{job="web",code="200",path="/pay"} > 0`), []string{
			`5:11: warning: alert "A": no series of http_requests_total{code="200",path="/pay"} matches job="web", now nor in the last 7 days [live/no-series] (job is "api")`,
		}},
		{"two at fault", oneRule(`up{job="x",instance="y"} == 0`), []string{
			`5:11: warning: alert "A": no series matches up{instance="y",job="x"}, now nor in the last 7 days [live/no-series] (job="x" and instance="y" match none even by themselves)`,
		}},
		{"a label that is none", oneRule(`up{jobs="api"} == 0`), []string{
			`5:11: warning: alert "A": no series of up has the label "jobs", and so nothing matches jobs="api" [live/label] (did you mean "job"?)`,
		}},
		{"a matcher without effect", oneRule(`up{jobs!="api"} == 0`), []string{
			`5:11: warning: alert "A": no series of up has the label "jobs": jobs!="api" leaves nothing out [live/label] (did you mean "job"?)`,
		}},
		{"a label that should be absent", oneRule(`up{jobs=""} == 0`), nil},
		{"no name", oneRule(`'{job="api"} == 0'`), nil},
		{"no name, no series", oneRule(`'{job="nobody"} == 0'`), []string{
			`5:12: warning: alert "A": no series matches {job="nobody"}, now nor in the last 7 days [live/no-series] (job="nobody" matches none even by itself)`,
		}},
		{"absent is meant so", oneRule(`absent(nothing{job="api"}) or absent_over_time(nothing[5m])`), nil},
		{"the other side of or", oneRule(`sum(nothing) or vector(0)`), nil},
		{"a new name or the old one", oneRule(`new_requests or old_requests`), nil},
		{"neither name", oneRule(`new_requests or other_requests`), []string{
			`5:11: warning: alert "A": there is no metric "new_requests" now nor in the last 7 days [live/no-series] (did you mean "old_requests"?)`,
			`5:27: warning: alert "A": there is no metric "other_requests" now nor in the last 7 days [live/no-series] (did you mean "old_requests"?)`,
		}},
		{"recorded by the repo", "groups:\n- name: g\n  rules:\n  - {record: 'job:x:sum', expr: sum by (job) (up)}\n  - {alert: A, expr: 'job:x:sum{zone=\"a\"} > 1'}\n  - {alert: B, expr: '{__name__=~\"job:.*\"} > 1'}\n", nil},
		{"Prometheus's own", oneRule(`count by (foo) (ALERTS{alertname="X"}) > 1`), nil},
		{"by", oneRule("sum by (job, intsance) (up) > 1"), []string{
			`5:24: warning: alert "A": by (intsance): no series that is aggregated has the label "intsance" [live/label] (did you mean "instance"?)`,
		}},
		{"without", oneRule("sum without (pod) (up) > 1"), []string{
			`5:24: warning: alert "A": without (pod): no series that is aggregated has the label "pod" [live/label] (did you mean "job"?)`,
		}},
		{"a label that is made", oneRule(`sum by (made) (label_replace(up, "made", "$1", "job", "(.*)")) > 1`), nil},
		{"on", oneRule("up * on (instance, code) http_requests_total"), []string{
			`5:30: warning: alert "A": on (code): no series of the left side has the label "code" [live/label] (the labels are instance, job)`,
		}},
		{"group_left", oneRule("up * on (job, instance) group_left (versoin) build_info"), []string{
			`5:47: warning: alert "A": group_left (versoin): no series that it is taken from has the label "versoin" [live/label] (did you mean "version"?)`,
		}},
		{"an annotation", oneAlert("{{ $labels.path }} {{ $labels.pod }}"), []string{
			`7:47: warning: alert "A": the annotation "summary" prints the label "pod", which no series has [live/label] (did you mean "job"?)`,
		}},
		{"an annotation that asks first", oneAlert("{{ if $labels.pod }}{{ $labels.pod }}{{ end }}"), nil},
		{"an annotation of what is dropped is another check's", oneRule("sum by (job) (up) > 1") + "    annotations: {a: '{{ $labels.pod }}'}\n", nil},
		{"it fails", oneRule("up * on (job) http_requests_total"), []string{
			`5:11: warning: alert "A": Prometheus could not evaluate it just now: found duplicate series for the match group {job="api"} on the right hand-side of the operation: [{__name__="http_requests_total", code="200", instance="b", job="api", path="/pay"}, {__name__="http_requests_total", code="200", instance="a", job="api", path="/pay"}];many-to-many matching not allowed: matching labels must be unique on one side [live/fails] (a rule that fails records nothing and never fires; its labels decide which series are matched)`,
		}},
		{"too much", oneRule("sum(rate(http_requests_total[50m])) > 1"), []string{
			`5:11: warning: alert "A": one evaluation reads 150 samples; the limit is 100 [live/cost] (narrow what is selected, shorten the range, or record a part of it that changes slowly; most comes from http_requests_total[50m])`,
		}},
		{"silenced", "groups:\n- name: g\n  rules:\n  # watchbill:ignore live/no-series its exporter comes next week\n  - alert: A\n    expr: nothing > 1\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, most := range []int{1_000, 1} { // fetched as a whole, and asked one by one
				repo := repoWith(t, map[string]string{ruleFile: tt.rules})
				got := lines(Check(t.Context(), ask, repo, Options{Now: after(time.Hour), MaxSamples: 100, MaxSeries: most, Environment: repo.Environment("prod")}))
				if diff := cmp.Diff(tt.want, got, cmp.Transformer("settled", settled)); diff != "" {
					t.Errorf("with %d series at once (-want +got):\n%s", most, diff)
				}
			}
		})
	}
}

// settled takes out what the engine says in no set order.
func settled(line string) string {
	if before, rest, ok := strings.Cut(line, "operation: ["); ok {
		_, end, _ := strings.Cut(rest, "];")
		return before + end
	}
	return line
}

func TestPolicies(t *testing.T) {
	repo := repoWith(t, map[string]string{
		"watchbill.yaml": "policies: {severity: {live/no-series: error, live/label: \"off\"}}\n",
		ruleFile:         oneRule(`nothing + sum by (pod) (up)`),
	})
	got := lines(Check(t.Context(), load(t, someSeries).ask(), repo, Options{Now: after(time.Hour)}))
	want := []string{`5:11: error: alert "A": there is no metric "nothing" now nor in the last 7 days [live/no-series] (see that its exporter runs and is scraped; if the metric is new, this ends with the first scrape)`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPast: a series that has gone is there for seven days.
func TestPast(t *testing.T) {
	ask := load(t, someSeries).ask()
	repo := repoWith(t, map[string]string{ruleFile: oneRule("up == 0")})
	for days, want := range map[int]int{1: 0, 7: 0, 9: 1} {
		got := Check(t.Context(), ask, repo, Options{Now: after(time.Duration(days)*day + time.Minute)})
		if len(got) != want {
			t.Errorf("%d days later: %v, want %d findings", days, lines(got), want)
		}
	}
}

func TestWhichRules(t *testing.T) {
	repo := repoWith(t, map[string]string{
		"environments/dev.yaml":            "namespace: dev\n",
		ruleFile:                           oneRule("for_all"),
		"teams/payments/rules/prod/b.yaml": oneRule("for_prod"),
		"teams/payments/rules/dev/c.yaml":  oneRule("for_dev"),
		"teams/payments/rules/d.yaml":      oneRule("for_all_too"),
	})
	ask := load(t, someSeries).ask()
	for _, tt := range []struct {
		environment string
		files       map[string]bool
		want        string
	}{
		{"", nil, "[a.yaml d.yaml]"},
		{"prod", nil, "[a.yaml d.yaml prod/b.yaml]"},
		{"dev", map[string]bool{ruleFile: true, "teams/payments/rules/prod/b.yaml": true}, "[a.yaml]"},
		{"dev", map[string]bool{}, "[]"},
	} {
		var got []string
		for _, f := range Check(t.Context(), ask, repo, Options{Now: after(time.Hour), Environment: repo.Environment(tt.environment), Files: tt.files}) {
			got = append(got, strings.TrimPrefix(f.File, "teams/payments/rules/"))
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%q %v: %v, want %s", tt.environment, tt.files, got, tt.want)
		}
	}
}
