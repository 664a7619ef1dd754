package validate

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// checkRouted checks files as a build does: where nothing else is found, by the
// unit tests and the routes too. An alertmanager.yml stands for the one that would be rendered.
func checkRouted(t *testing.T, files map[string]string) []Finding {
	t.Helper()
	files = maps.Clone(files)
	alertmanager, given := files["alertmanager.yml"]
	delete(files, "alertmanager.yml")
	var found []Finding
	if given {
		found = AlertmanagerConfig("alertmanager.yml", "", []byte(alertmanager))
	}
	if found = append(found, check(t, repoOf(files))...); len(found) > 0 {
		return found
	}
	repo, _ := repolayout.NewLoader().Load(repoOf(files))
	if found = new(Tests).Check(repoOf(files), repo); len(found) > 0 {
		return found
	}
	return checkRoutes(t, new(Routing), repo, []byte(alertmanager))
}

// checkRoutes checks where the alerts of each environment go.
func checkRoutes(t *testing.T, r *Routing, repo *repolayout.Repo, alertmanager []byte) []Finding {
	t.Helper()
	var found []Finding
	renderer := render.New(render.Options{})
	for _, env := range repo.Environments {
		prometheus, err := renderer.PrometheusConfig(repo, env)
		if err != nil {
			t.Fatal(err)
		}
		config := alertmanager
		if len(config) == 0 {
			if config, err = renderer.AlertmanagerConfig(repo, env); err != nil {
				t.Fatal(err)
			}
		}
		found = append(found, r.Check(repo, env, prometheus, config)...)
	}
	return Sort(found)
}

const rule = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: "

// TestRouting holds what is found in the routes, and where.
func TestRouting(t *testing.T) {
	team := func(routes string) string { return "owner: payments@example.org\nroutes:\n" + routes }
	const page = "- severities: [critical]\n  receivers: [{webhook: {urlKey: page}}]\n"
	const rest = "- receivers: [{webhook: {urlKey: rest}}]\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"any severity is taken", map[string]string{
			"teams/payments/team.yaml": team(page + rest), "teams/payments/rules/a.yaml": rule + "up == 0\n",
		}, nil},
		{"no route for a severity", map[string]string{
			"teams/payments/team.yaml": team(page), "teams/payments/rules/a.yaml": rule + "up == 0\n    labels: {severity: info}\n",
		}, []string{
			`payments: teams/payments/rules/a.yaml:4:5: error: alert "A" misses whom it is for: with severity="info", team="payments" it does not reach a receiver of the team payments, but on-call-alerts [routing/proof] (give teams/payments/team.yaml a route that takes it, such as a last one without severities, or give the alert a severity that a route takes)`,
		}},
		{"no severity", map[string]string{
			"teams/payments/team.yaml": team(page), "teams/payments/rules/a.yaml": rule + "sum(up) == 0\n",
		}, []string{
			`payments: teams/payments/rules/a.yaml:4:5: error: alert "A" misses whom it is for: with team="payments" it does not reach a receiver of the team payments, but on-call-alerts [routing/proof] (give teams/payments/team.yaml a route that takes it, such as a last one without severities, or give the alert a severity that a route takes)`,
		}},
		{"a severity by a template", map[string]string{
			"teams/payments/team.yaml": team(page), "teams/payments/rules/a.yaml": rule + "up == 0\n    labels: {severity: '{{ if gt $value 1.0 }}critical{{ else }}warning{{ end }}'}\n",
		}, []string{
			`payments: teams/payments/rules/a.yaml:4:5: error: alert "A" misses whom it is for: with severity="warning", team="payments" it does not reach a receiver of the team payments, but on-call-alerts [routing/proof] (give teams/payments/team.yaml a route that takes it, such as a last one without severities, or give the alert a severity that a route takes)`,
		}},
		{"on-call is no team's receiver, and a rule may be one environment's", map[string]string{
			"watchbill.yaml":           "onCall: {receivers: [{webhook: {urlKey: all}}]}\n",
			"teams/payments/team.yaml": team(page), "teams/payments/rules/dev/a.yaml": rule + "up == 0\n    labels: {severity: critical, namespace: x}\n  - {alert: B, expr: up == 1}\n",
		}, []string{
			`payments: teams/payments/rules/dev/a.yaml:7:5: error: alert "B" misses whom it is for: with no severity, team="payments" it does not reach a receiver of the team payments, but on-call-alerts [routing/proof] (give teams/payments/team.yaml a route that takes it, such as a last one without severities, or give the alert a severity that a route takes)`,
		}},
		{"a page in a muted route", map[string]string{
			"teams/payments/team.yaml": team(rest+"  mute: [nights]\n") + "muteTimes: [{name: nights, times: [{times: ['22:00-24:00']}]}]\n",
		}, []string{
			`payments: teams/payments/team.yaml:3:3: warning: the route {team="payments"} takes alerts of the severity critical, and sends nothing at some times: payments/nights [routing/muted-page] (give pages a route of their own without mute times)`,
		}},
		{"the second of two alike", map[string]string{"teams/payments/team.yaml": team(page + page + rest)}, []string{
			`payments: teams/payments/team.yaml:5:3: warning: no alert can reach the route {severity="critical", team="payments"}: what it would take goes to {severity="critical", team="payments"} before [routing/shadowed] (put it before, or set continue: true on the routes that take its alerts if both are to be told)`,
		}},
		{"intervals", map[string]string{
			"environments/prod.yaml":   "namespace: monitoring\nalertmanager: {replicas: 4}\n",
			"watchbill.yaml":           "alertmanager: {groupInterval: 46s}\n",
			"teams/payments/team.yaml": team(rest + "  groupInterval: 45s\n"),
		}, []string{
			`payments: teams/payments/team.yaml:4:18: warning: a groupInterval of 45s may tell people again of alerts that are resolved, with the 4 replicas of Alertmanager in prod [routing/group-interval] (make it longer than 45s: 15s for each replica of Alertmanager after the first)`,
		}},
		{"an interval for several environments", map[string]string{
			"environments/dev.yaml":     "namespace: monitoring-dev\nalertmanager: {replicas: 3}\n",
			"environments/staging.yaml": "namespace: monitoring-staging\nalertmanager: {replicas: 4}\n",
			"environments/test.yaml":    "namespace: monitoring-test\nalertmanager: {replicas: 1}\n",
			"teams/payments/team.yaml":  team(rest + "  groupInterval: 20s\n"),
		}, []string{
			`payments: teams/payments/team.yaml:4:18: warning: a groupInterval of 20s may tell people again of alerts that are resolved, with the 3 replicas of Alertmanager in dev, prod; 4 in staging [routing/group-interval] (make it longer than 45s: 15s for each replica of Alertmanager after the first)`,
		}},
		{"the stack's interval", map[string]string{
			"environments/dev.yaml": "namespace: monitoring\nalertmanager: {replicas: 2}\n",
			"watchbill.yaml":        "alertmanager: {groupInterval: 30s}\n",
		}, []string{
			`watchbill.yaml:1:31: warning: a groupInterval of 30s may tell people again of alerts that are resolved, with the 3 replicas of Alertmanager in prod [routing/group-interval] (make it longer than 30s: 15s for each replica of Alertmanager after the first)`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(checkRouted(t, tt.files))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRoutingExample: nothing is found in the example.
func TestRoutingExample(t *testing.T) {
	repo, problems := repolayout.NewLoader().Load(repolayout.Example())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if found := checkRoutes(t, new(Routing), repo, nil); len(found) > 0 {
		t.Errorf("findings: %v", lines(found))
	}
}

// TestRoutingRemembers: what has not changed is not proven again, and what has is.
func TestRoutingRemembers(t *testing.T) {
	load := repolayout.NewLoader()
	r := new(Routing)
	look := func(files map[string]string) (*routed, []string) {
		t.Helper()
		repo, problems := load.Load(repoOf(files))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		found := lines(checkRoutes(t, r, repo, nil))
		known := r.known["prod"]
		return known[len(known)-1], found
	}
	files := map[string]string{
		"teams/payments/rules/a.yaml": rule + "up == 0\n", "teams/search/rules/a.yaml": rule + "up == 0\n",
	}
	first, _ := look(files)
	if again, _ := look(files); again != first {
		t.Error("an unchanged repo is looked at again")
	}
	if dev := r.known["dev"][0]; dev.tree != first.tree {
		t.Error("two environments with the same routes have two trees")
	}

	files["teams/payments/rules/a.yaml"] = rule + "up == 1\n"
	second, found := look(files)
	payments, search := second.teams[0], second.teams[1]
	if second.tree != first.tree || second.proofs[search] != first.proofs[search] {
		t.Error("a rule of one team has the routes read or the other team proven again")
	}
	if second.proofs[payments] == first.proofs[first.teams[0]] || len(found) > 0 {
		t.Errorf("the changed team is not proven again: %v", found)
	}

	files["teams/payments/team.yaml"] = "owner: a\nroutes: [{severities: [critical], receivers: [{webhook: {urlKey: a}}]}]\n"
	third, found := look(files)
	if third.tree == second.tree || len(found) != 1 {
		t.Errorf("changed routes are not looked at: %v", found)
	}
	if before, found := look(map[string]string{}); before == second || len(found) > 0 {
		t.Errorf("a finding stays: %v", found)
	}
	if n := len(r.known["prod"]); n != keepRouted {
		t.Errorf("%d states are remembered", n)
	}
}

// TestRoutingSilenced: a comment silences for its rule, until its day, and a
// policy makes a check milder.
func TestRoutingSilenced(t *testing.T) {
	const spec = "owner: a\nroutes: [{severities: [critical], receivers: [{webhook: {urlKey: a}}]}]\n"
	const rules = "groups:\n- name: g\n  rules:\n  # watchbill:ignore routing/proof until=2027-01-31 for the board only\n  - {alert: A, expr: up == 0}\n  - {alert: B, expr: up == 0}\n"
	for _, tt := range []struct {
		name, day, stack string
		want             []string
	}{
		{"before its day", "2027-01-31", "", []string{"6 error"}},
		{"after it", "2027-02-01", "", []string{"5 error", "6 error"}},
		{"a policy", "2027-01-31", "policies: {severity: {routing/proof: warning}}\n", []string{"6 warning"}},
		{"off", "2027-02-01", "policies: {severity: {routing/proof: 'off'}}\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			day, err := time.Parse(time.DateOnly, tt.day)
			if err != nil {
				t.Fatal(err)
			}
			repo, problems := repolayout.NewLoader().Load(repoOf(map[string]string{
				"watchbill.yaml": tt.stack + "prometheus: {scrapeInterval: 30s}\n", "teams/payments/team.yaml": spec, "teams/payments/rules/a.yaml": rules,
			}))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			var got []string
			for _, f := range checkRoutes(t, &Routing{Now: func() time.Time { return day }}, repo, nil) {
				got = append(got, fmt.Sprintf("%d %s", f.Line, f.Severity))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
