package routes_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/routes"
)

// environment renders what routes looks at.
func environment(t *testing.T, repo *repolayout.Repo, env *repolayout.Environment) (*routes.Tree, routes.Input) {
	t.Helper()
	r := render.New(render.Options{})
	alertmanager, err := r.AlertmanagerConfig(repo, env)
	if err != nil {
		t.Fatal(err)
	}
	prometheus, err := r.PrometheusConfig(repo, env)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := routes.Load(alertmanager)
	if err != nil {
		t.Fatal(err)
	}
	sender, err := routes.ParseSender(prometheus)
	if err != nil {
		t.Fatal(err)
	}
	return tree, routes.Input{
		Tree: tree, Alerts: routes.Alerts(repo, env), Sender: sender,
		Severities: repo.Stack.Severities, OnCallReceiver: "on-call-alerts",
	}
}

// TestExampleIsProven: every alert of the example repo is proven to reach its
// team and on-call, in every environment, and nothing is found about its tree.
func TestExampleIsProven(t *testing.T) {
	repo, problems := repolayout.NewLoader().Load(repolayout.Example())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, env := range repo.Environments {
		tree, in := environment(t, repo, env)
		verdicts := routes.Prove(in)
		if len(verdicts) < 20 {
			t.Errorf("%s: only %d verdicts", env.Name, len(verdicts))
		}
		for _, v := range verdicts {
			if v.Result != routes.Proven {
				t.Errorf("%s: %s/%s: %s: %s", env.Name, v.Team, v.Alert, v.Result, v.Why)
			}
		}
		for _, f := range tree.Findings("critical") {
			t.Errorf("%s: %s: %s", env.Name, f.Kind, f.Message)
		}
		for _, i := range tree.Inhibited(in.Alerts, in.Sender, routes.NewKnower(), "critical") {
			t.Errorf("%s: %+v", env.Name, i)
		}
	}
}

// TestAlerts: the labels are the group's, the rule's over those, and the
// team's, and only the environment's files count.
func TestAlerts(t *testing.T) {
	files := fstest.MapFS{
		"watchbill.yaml":         {Data: []byte("onCall: {receivers: [{webhook: {url: 'http://example.org'}}]}\n")},
		"environments/prod.yaml": {Data: []byte("namespace: monitoring\nlabels: {environment: prod}\n")},
		"environments/dev.yaml":  {Data: []byte("namespace: monitoring-dev\nlabels: {environment: dev}\n")},
		"teams/a/team.yaml":      {Data: []byte("owner: a@example.org\nroutes: [{receivers: [{webhook: {url: 'http://example.org/a'}}]}]\n")},
		"teams/a/rules/all.yaml": {Data: []byte(`
groups:
- name: g
  labels: {severity: info, area: x}
  rules:
  - {alert: All, expr: 'sum by (job) (up) == 0', labels: {severity: critical, team: other}}
  - {record: a:b, expr: up}
`)},
		"teams/a/rules/dev/dev.yaml": {Data: []byte("groups: [{name: d, rules: [{alert: Dev, expr: vector(1)}]}]\n")},
	}
	repo, problems := repolayout.NewLoader().Load(files)
	if repo == nil {
		t.Fatal(problems)
	}
	var got []string
	for _, env := range repo.Environments {
		_, in := environment(t, repo, env)
		k := routes.NewKnower()
		for i := range in.Alerts {
			a := &in.Alerts[i]
			got = append(got, fmt.Sprintf("%s %s/%s line %d: %s", a.Environment, a.Team, a.Name, a.Pos.Line, k.Of(a, in.Sender)))
		}
	}
	want := []string{
		`dev a/All line 6: __name__: absent; alertname: "All"; area: "x"; environment: "dev"; job: any value or none; replica: absent; severity: "critical"; team: "a"; others: absent`,
		`dev a/Dev line 1: __name__: absent; alertname: "Dev"; environment: "dev"; replica: absent; team: "a"; others: absent`,
		`prod a/All line 6: __name__: absent; alertname: "All"; area: "x"; environment: "prod"; job: any value or none; replica: absent; severity: "critical"; team: "a"; others: absent`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
