package validate

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	amconfig "github.com/prometheus/alertmanager/config"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// yamlBombs grow when they are read, or have no end.
var yamlBombs = []string{
	"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nroute: *e\n",
	"route: &a {receiver: r, routes: [*a]}\nreceivers: [{name: r}]\n", "groups: &a [*a]", "<<: {<<: {a: b}}", "%YAML 9.9\n---\n",
	strings.Repeat("[", 5000), strings.Repeat("- ", 5000), strings.Repeat("{a: ", 2000),
}

// fuzzedFiles are the places of a repo, one of which holds what the fuzzer makes.
var fuzzedFiles = []string{
	"watchbill.yaml", "environments/prod.yaml", "teams/payments/team.yaml", ruleFile, scrapePath,
	"teams/payments/tests/a.yaml", "teams/payments/dashboards/a.json", "alertmanager/templates/a.tmpl", "patches/a.yaml",
}

// FuzzRepo puts any content in the place of each kind of file and goes all the
// way: what is found is the same twice and stands in the files that there are,
// and where nothing blocks, what is rendered is what the programs accept.
func FuzzRepo(f *testing.F) {
	for i, path := range fuzzedFiles {
		for _, text := range append([]string{base[path], "{}"}, yamlBombs...) {
			f.Add(uint8(i), text)
		}
	}
	f.Add(uint8(0), "severities: [page]\nonCall: {receivers: [{webhook: {urlKey: a}}]}\npolicies: {severity: {rules/rate: off}, rules: {alertName: '((a{0,9}){0,9}){0,9}'}}\n")
	f.Add(uint8(1), "namespace: a\nlabels: {environment: '$(x)'}\nprometheus: {replicas: 3, shards: 2}\nalertmanager: {replicas: 3}\n")
	f.Add(uint8(2), "owner: a@example.org\nroutes:\n- severities: [critical]\n  receivers: [{slack: {channel: '#a', urlKey: k, title: '{{ .Status }}'}}]\n  mute: [n]\nmuteTimes: [{name: n, times: [{weekdays: [saturday]}], timeZone: Europe/Lisbon}]\n")
	f.Add(uint8(3), ruleSeeds[0])
	f.Add(uint8(6), `{"title": "A", "uid": "a", "panels": [{"title": "P", "targets": [{"expr": "sum("}]}]}`)
	f.Fuzz(func(t *testing.T, kind uint8, content string) {
		path := fuzzedFiles[int(kind)%len(fuzzedFiles)]
		fsys := repoOf(map[string]string{path: content})
		loader, v := repolayout.NewLoader(), New()
		repo, problems := loader.Load(fsys)
		findings := v.Repo(repo)
		if diff := cmp.Diff(lines(findings), lines(v.Repo(repo))); diff != "" {
			t.Errorf("another answer the second time:\n%s", diff)
		}
		checkPlaces(t, fsys, findings)
		if blocked(findings, problems) {
			return
		}
		for _, env := range repo.Environments {
			checkRendered(t, repo, env)
		}
	})
}

// checkPlaces wants a message, and a place that there is.
func checkPlaces(t *testing.T, fsys fstest.MapFS, findings []Finding) {
	t.Helper()
	for _, f := range findings {
		if f.Message == "" || strings.Contains(f.Message+f.Hint, "%!") {
			t.Errorf("no good message: %+v", f)
		}
		file := fsys[f.File]
		if file == nil {
			if f.File != "" && f.Line > 0 {
				t.Errorf("there is no such file: %+v", f)
			}
			continue
		}
		if last := strings.Count(string(file.Data), "\n") + strings.Count(string(file.Data), "\r") + 2; f.Line > last && !strings.ContainsAny(string(file.Data), "\u0085\u2028\u2029") {
			t.Errorf("line %d of %d: %v", f.Line, last, f)
		}
	}
	if err := PrintJSON(io.Discard, findings); err != nil {
		t.Error(err)
	}
}

func checkRendered(t *testing.T, repo *repolayout.Repo, env *repolayout.Environment) {
	t.Helper()
	renderer := render.New(render.Options{})
	prometheus, err := renderer.PrometheusConfig(repo, env)
	if err != nil {
		t.Fatalf("render %s: %v", env.Name, err)
	}
	alertmanager, err := renderer.AlertmanagerConfig(repo, env)
	if err != nil {
		t.Fatalf("render %s: %v", env.Name, err)
	}
	found := append(PrometheusConfig("prometheus.yml", prometheus), AlertmanagerConfig("alertmanager.yml", "", alertmanager)...)
	for _, f := range found {
		t.Errorf("nothing blocks, but of what is rendered: %v\n%s\n%s", f, prometheus, alertmanager)
	}
	new(Routing).Check(repo, env, prometheus, alertmanager)
}

// FuzzAlertmanagerConfig holds the verdict over an alertmanager.yml against the library's.
func FuzzAlertmanagerConfig(f *testing.F) {
	const head = "route: {receiver: a}\nreceivers:\n- name: a\n"
	for _, seed := range append([]string{
		head, head + "  slack_configs:\n  - {api_url_file: /x, channel: '#a', title: '{{ template \"a\" . }}'}\n",
		head + "  webhook_configs:\n  - {url: 'http://x', payload: {a: b}}\n", "route: {receiver: a, labels: {a: b}, matchers: ['a=~\"(\"']}\n",
		head + "time_intervals:\n- {name: n, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}], location: Europe/Lisbon}]}\n",
		head + "inhibit_rules: [{source_matchers: ['a=b'], target_matchers: ['a=~\"(((x{0,9}){0,9}){0,9}){0,9}\"'], equal: [d]}]\n",
		head + "  pagerduty_configs:\n  - {routing_key_file: /x, description: '{{ range 1000000000 }}{{ printf \"%1000d\" 1 }}{{ end }}'}\n",
		"route: |\n  a\n\n  b\nreceivers: [x]\n",
	}, yamlBombs...) {
		f.Add(seed)
	}
	template := &repolayout.File{Path: "alertmanager/templates/a.tmpl", Content: []byte(`{{ define "a" }}{{ .Status }}{{ end }}`)}
	f.Fuzz(func(t *testing.T, content string) {
		findings := AlertmanagerConfig("alertmanager.yml", "", []byte(content), template)
		checkPlaces(t, fstest.MapFS{"alertmanager.yml": {Data: []byte(content)}}, findings)
		_, err := amconfig.Load(content)
		if err != nil && len(Blocking(findings)) == 0 {
			t.Errorf("let pass, but Alertmanager says %v", err)
		}
		for _, finding := range findings {
			if err == nil && finding.Check == routingConfig && !strings.Contains(finding.Message, "is newer than Alertmanager") {
				t.Errorf("Alertmanager takes it, but: %v", finding)
			}
		}
	})
}

// FuzzRemoved takes one rule file for another: nothing is removed where nothing changes.
func FuzzRemoved(f *testing.F) {
	f.Add(recordsRate, readsRate)
	f.Add(recordsRate, "groups: [{name: g, rules: [{record: 'job:a:rate5m', expr: a}, {record: b, expr: 'job:a:rate5m'}]}]\n")
	for _, seed := range ruleSeeds {
		f.Add(recordsRate, seed)
		f.Add(seed, readsRate)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		base, _ := load(ruleFile, before)
		head, _ := load(ruleFile, after)
		if found := Removed(head, head, time.Time{}); len(found) > 0 {
			t.Errorf("nothing changed, but: %v", found)
		}
		found := Removed(base, head, time.Time{})
		checkPlaces(t, repoOf(map[string]string{ruleFile: after}), found)
		for _, finding := range found {
			if finding.Check != rulesRemovedRecord && finding.Check != rulesIgnore {
				t.Errorf("not of this check: %v", finding)
			}
		}
	})
}

// FuzzDashboardQuery puts an expression into a panel and a query into a variable:
// an expression without variables is refused if the parser of PromQL refuses it.
func FuzzDashboardQuery(f *testing.F) {
	for _, seed := range [][2]string{
		{`sum(rate(x{job=~"$job"}[$__rate_interval]))`, "label_values(up{a=\"$b\"}, job)"}, {"sum(up", "query_result(up ==)"},
		{`up{job="${job:regex}"} # $x`, "label_values(,a)"}, {"$a $b[[c]]", "metrics(.+)"}, {strings.Repeat("(", 3000), strings.Repeat("$a+", 1000)},
		{`up{a=~"((((x{0,9}){0,9}){0,9}){0,9}){0,9}"}`, "label_names(up)"}, {"'\\$a' + \"$a", "up["},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, expr, query string) {
		board, err := json.Marshal(map[string]any{
			"title": "A", "uid": "a",
			"panels":     []any{map[string]any{"title": "P", "targets": []any{map[string]any{"expr": expr}}}},
			"templating": map[string]any{"list": []any{map[string]any{"name": "job", "type": "query", "query": query}}},
		})
		if err != nil || strings.Contains(expr, "\ufffd") {
			return
		}
		repo, _ := load("teams/payments/dashboards/a.json", string(board))
		findings := New().Repo(repo)
		checkPlaces(t, repoOf(map[string]string{"teams/payments/dashboards/a.json": string(board)}), findings)
		refused := false
		for _, finding := range findings {
			refused = refused || finding.Check == dashboardsQuery && strings.HasPrefix(finding.Message, `panel "P"`)
		}
		if strings.ContainsAny(expr+query, "$[") || strings.TrimSpace(expr) == "" || len(expr) > maxExpr/2 {
			return
		}
		if _, err := promQL.ParseExpr(expr); (err != nil) != refused && json.Valid([]byte(fmt.Sprintf("%q", expr))) {
			t.Errorf("%q is refused: %v, by the parser: %v", expr, refused, err)
		}
	})
}
