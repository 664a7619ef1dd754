package validate

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func TestDashboardSources(t *testing.T) {
	const head = `{"title": "A", "uid": "a", `
	const variables = `"templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}, {"name": "job", "type": "query", "datasource": null, "query": ""}]}`
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"fine", head + variables + `, "annotations": {"list": [{"datasource": {"type": "grafana", "uid": "-- Grafana --"}}]}, "panels": [
			{"datasource": null}, {"datasource": "Thanos"}, {"datasource": "-- Mixed --"}, {"datasource": {"type": "datasource", "uid": "-- Dashboard --"}}, {"datasource": "default"},
			{"datasource": {"type": "prometheus", "uid": "thanos"}, "targets": [{"datasource": {"type": "prometheus"}}, {"datasource": {"type": "__expr__", "uid": "__expr__"}}]},
			{"datasource": "$source"}, {"datasource": {"type": "prometheus", "uid": "${source}"}}, {"datasource": {"uid": "${DS_PROMETHEUS}"}}]}`, nil},
		{"an old name", head + `"rows": [{"panels": [{"title": "B", "datasource": "Prometheus", "targets": [{"expr": "up"}]}]}]}`, []string{
			`1:79: warning: panel "B" asks the data source "Prometheus", which Grafana is not given [dashboards/datasource] (write {"type": "prometheus", "uid": "thanos"})`,
		}},
		{"another's uid, often", head + `"panels": [{"title": "B", "datasource": {"type": "prometheus", "uid": "PBFA97CFB590B2093"}, "targets": [{"datasource": {"type": "prometheus", "uid": "PBFA97CFB590B2093"}, "expr": "up «=»"}]}]}`, []string{
			`1:99: warning: panel "B" asks the data source "PBFA97CFB590B2093", which Grafana is not given; so does one place more [dashboards/datasource] (write "uid": "thanos")`,
			`HERE: error: panel "B": could not parse expression: unexpected "=" [dashboards/query] (to compare, write one of ==, !=, >=, <=, >, <)`,
		}},
		{"another kind", head + `"annotations": {"list": [{"name": "Deploys", "datasource": {"type": "loki", "uid": "logs"}, "expr": "{a=\"b\"} | json"}]}}`, []string{
			`1:112: warning: annotation "Deploys" asks the data source "logs", which Grafana is not given [dashboards/datasource] (the only one is the uid "thanos", for PromQL; if this one is added to Grafana by other means, turn dashboards/datasource off under policies.severity)`,
		}},
		{"an old name of another kind", head + `"panels": [{"title": "B", "datasource": "Loki", "targets": [{"expr": "{a=\"b\"} | json"}]}]}`, []string{
			`1:69: warning: panel "B" asks the data source "Loki", which Grafana is not given [dashboards/datasource] (write {"type": "prometheus", "uid": "thanos"})`,
		}},
		{"no such variable", head + variables + `, "panels": [{"title": "B", "datasource": "«${sorce}»"}]}`, []string{
			`HERE: warning: panel "B" asks the data source of the variable "sorce", which the dashboard does not have [dashboards/datasource] (did you mean "source"?)`,
		}},
		{"a variable's", head + `"templating": {"list": [{"name": "job", "type": "query", "datasource": "prod", "query": "label_values(job)"}]}}`, []string{
			`1:100: warning: variable "job" asks the data source "prod", which Grafana is not given [dashboards/datasource] (write {"type": "prometheus", "uid": "thanos"})`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { runDashboardCase(t, tt.text, tt.want) })
	}
}

// TestSourceIsRendered holds the one data source against what Grafana is given.
func TestSourceIsRendered(t *testing.T) {
	files := map[string]string{"environments/prod.yaml": "namespace: a\nquery: {replicas: 1}\ngrafana: {replicas: 1}\n"}
	repo, _ := repolayout.NewLoader().Load(repoOf(files))
	out, err := render.New(render.Options{AgentImage: "watchbill"}).Environment(repo, repo.Environment("prod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range out.Bundles {
		if b.Component != bundle.Grafana {
			continue
		}
		files, err := bundle.Assemble(b.Ref(""), b.Chunks)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.Contains(f.Path, "/datasources/") {
				continue
			}
			var given struct {
				Datasources []struct{ Name, UID, Type string }
			}
			if err := yaml.Unmarshal([]byte(f.Content), &given); err != nil {
				t.Fatal(err)
			}
			if d := given.Datasources; len(d) != 1 || d[0].Name != sourceName || d[0].UID != sourceUID || d[0].Type != "prometheus" {
				t.Errorf("%s gives %+v", f.Path, given)
			}
			return
		}
	}
	t.Error("Grafana is given no data source")
}
