package validate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const paymentsRoutes = "\nroutes:\n- receivers:\n  - slack: {channel: \"#payments\", urlKey: payments-slack}\n"

func TestOwner(t *testing.T) {
	const hint = " [repo/owner] (write the address, list or handle of those who answer for the folder's alerts)"
	for owner, want := range map[string]string{
		"payments@example.org": "", "'@payments'": "", "Payments": "", "'#payments'": "", "team-payments": "", "testing@example.org": "", "todo@example.org": "", "支払い": "",
		"TODO":           `the owner "TODO" is nobody whom one could ask about teams/payments`,
		"'<your-team>'":  `the owner "<your-team>" is nobody whom one could ask about teams/payments`,
		"n/a":            `the owner "n/a" is nobody whom one could ask about teams/payments`,
		"'?'":            `the owner "?" is nobody whom one could ask about teams/payments`,
		"' '":            `the owner of teams/payments is blank`,
		"nobody # yet":   `the owner "nobody" is nobody whom one could ask about teams/payments`,
		"'@@ unknown !'": `the owner "@@ unknown !" is nobody whom one could ask about teams/payments`,
	} {
		var wanted []string
		if want != "" {
			wanted = []string{"payments: teams/payments/team.yaml:1:8: error: " + want + hint}
		}
		got := lines(check(t, repoOf(map[string]string{"teams/payments/team.yaml": "owner: " + owner + paymentsRoutes})))
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("owner %s (-want +got):\n%s", owner, diff)
		}
	}
}

func TestNames(t *testing.T) {
	long := "teams/payments/rules/" + strings.Repeat("é", 124) + "x.yaml"
	longer := "teams/payments/rules/prod/" + strings.Repeat("é", 125) + ".yaml"
	const rules = "groups: [{name: g, rules: [{record: a, expr: up}]}]\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"files", map[string]string{long: rules, longer: strings.Replace(rules, ": a", ": b", 1)}, []string{
			"payments: " + longer + ": error: the name of the file takes 255 bytes; the most is 254 [repo/name] (give it a shorter name; Prometheus knows rule groups by their file, so alerts of it that are pending or firing begin anew)",
		}},
		{"resources", map[string]string{"environments/prod.yaml": `namespace: monitoring
prometheus:
  resources:
    requests: {cpu: 50m, memry: 1Gi, ephemeral-storage: 1Gi}
    limits: {example.org/gpu: "1", kubernetes.io/gpu: "1", disk: 1Gi}
`}, []string{
			`environments/prod.yaml:4:33: error: Kubernetes knows no resource "memry" for a container [repo/name] (did you mean "memory"?)`,
			`environments/prod.yaml:5:55: error: Kubernetes knows no resource "kubernetes.io/gpu" for a container [repo/name] (write cpu, memory, ephemeral-storage, or a device's name such as example.org/gpu)`,
			`environments/prod.yaml:5:66: error: Kubernetes knows no resource "disk" for a container [repo/name] (write cpu, memory, ephemeral-storage, or a device's name such as example.org/gpu)`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(check(t, repoOf(tt.files)))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	filled := func(head string, size int) string {
		return head + strings.Repeat("# "+strings.Repeat("a comment ", 100)+"\n", size/1003+1)
	}
	const rules, again = "groups: [{name: g, rules: [{record: a, expr: up}]}]\n", " [repo/size] (make several files of it)"
	got := lines(check(t, repoOf(map[string]string{
		"teams/payments/rules/a.yaml":      filled(rules, 3_400_000),
		"teams/payments/rules/b.yaml":      filled(strings.Replace(rules, ": a", ": b", 1), 3_200_000),
		"teams/payments/dashboards/a.json": `{"uid": "a", "title": "a", "description": "` + strings.Repeat("x", 3_400_000) + `"}`,
		"alertmanager/templates/a.tmpl":    `{{ define "__subject" }}{{ .Status }}{{ end }}{{/* ` + strings.Repeat("x", 900_000) + ` */}}`,
		"patches/a.yaml":                   filled("kind: StatefulSet\nmetadata: {name: prometheus}\n", 3_400_000),
	})))
	want := []string{
		"alertmanager/templates/a.tmpl: warning: the file takes 0.9 MiB; one of more than 1.0 MiB is refused" + again,
		"patches/a.yaml: warning: the file takes 3.2 MiB; one of more than 4.0 MiB is refused" + again,
		"payments: teams/payments/dashboards/a.json: warning: the file takes 3.2 MiB; one of more than 4.0 MiB is refused" + again,
		"payments: teams/payments/rules/a.yaml: warning: the file takes 3.2 MiB; one of more than 4.0 MiB is refused" + again,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestBundleSizes(t *testing.T) {
	environments := []*repolayout.Environment{{Name: "dev"}, {Name: "prod"}}
	environments[0].Grafana.Replicas = 1
	teams := func(n int, of teamSizes) []teamSizes {
		sizes := make([]teamSizes, n)
		for i := range sizes {
			sizes[i] = of
		}
		return sizes
	}
	const fewer = " [repo/size] (join small teams, or move teams to another environment)"
	const less = " [repo/size] (take out what is not used, or move teams to another environment; etcd's --quota-backend-bytes can be raised)"
	for _, tt := range []struct {
		name  string
		sizes []teamSizes
		want  []string
	}{
		{"usual", teams(500, teamSizes{shared: 1 << 20, dashboards: 10 << 10}), nil},
		{"many teams", teams(5_900, teamSizes{shared: 1000}), nil},
		{"very many teams", teams(6_000, teamSizes{only: map[string]int{"prod": 1000}}), []string{
			"environments/prod.yaml: warning: Prometheus's files make 6000 ConfigMaps or more, and the index that lists them takes 0.8 MiB of the 1.0 MiB that a ConfigMap holds" + fewer,
		}},
		{"dashboards count where there is a Grafana", teams(300, teamSizes{shared: 1 << 20, dashboards: 1 << 20}), []string{
			"environments/dev.yaml: warning: the files of all teams take 600 MiB; with those of the last good revision and of one on its way that comes near the 2048 MiB that etcd holds unless it is told otherwise" + less,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(largeBundles(environments, tt.sizes))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSizesOf(t *testing.T) {
	repo, problems := repolayout.NewLoader().Load(repoOf(map[string]string{
		"teams/payments/rules/a.yaml":      "groups: []\n",
		"teams/payments/rules/prod/a.yaml": "groups: [] #\n",
		"teams/payments/scrape/a.yaml":     "scrape_configs: []\n",
		"teams/payments/dashboards/a.json": "{}",
	}))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := fmt.Sprint(sizesOf(repo.Team("payments"))); got != "{30 map[prod:13] 2}" {
		t.Error(got)
	}
}

func TestUnusedTemplates(t *testing.T) {
	const team = "owner: payments@example.org\nroutes:\n- receivers:\n  - slack: {channel: '#payments', urlKey: a, title: '{{ template \"a.title\" . }}'}\n"
	const own = "{{ define \"a.title\" }}{{ template \"a.status\" . }}{{ end }}\n{{ define \"a.status\" }}{{ .Status }}{{ end }}\n{{ define \"__subject\" }}{{ template \"a.subject\" . }}{{ end }}{{ define \"a.subject\" }}{{ .Status }}{{ end }}\n"
	const unused = "{{ define \"a.old\" }}{{ template \"a.older\" . }}{{ end }}\n{{- define \"a.older\" }}{{ .Status }}{{ end }}\n"
	finding := func(line, column int, name string) string {
		return fmt.Sprintf("alertmanager/templates/a.tmpl:%d:%d: warning: nothing uses the template %q: no receiver names it, and no template that is used [repo/unused] (name it in a receiver's title, text or description as '{{ template %q . }}', or delete it)", line, column, name, name)
	}
	loader, v := repolayout.NewLoader(), New()
	for _, step := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"all used", map[string]string{"alertmanager/templates/a.tmpl": own}, nil},
		{"some not", map[string]string{"alertmanager/templates/a.tmpl": own + unused}, []string{finding(4, 12, "a.old"), finding(5, 13, "a.older")}},
		{"on call uses one", map[string]string{"alertmanager/templates/a.tmpl": own + unused, "watchbill.yaml": "onCall:\n  receivers:\n  - pagerDuty: {integrationKey: a, description: '{{ template \"a.older\" . }}'}\n"}, []string{finding(4, 12, "a.old")}},
		{"the team no longer", map[string]string{"alertmanager/templates/a.tmpl": own, "teams/payments/team.yaml": base["teams/payments/team.yaml"]}, []string{finding(1, 12, "a.title"), finding(2, 12, "a.status")}},
	} {
		files := map[string]string{"teams/payments/team.yaml": team}
		for name, content := range step.files {
			files[name] = content
		}
		repo, problems := loader.Load(repoOf(files))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if diff := cmp.Diff(step.want, lines(v.Repo(repo))); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestForeignTests(t *testing.T) {
	const path = "teams/payments/tests/a.yaml"
	for name, tt := range map[string]struct{ content, want string }{
		"own":               {"rule_files:\n  - ../rules/*.yaml\ntests: []\n", ""},
		"own and another's": {"rule_files: [../rules/a.yaml, ../../search/rules/a.yaml]\ntests: []\n", ""},
		"all teams'":        {"rule_files: [../../*/rules/a.yaml]\ntests: []\n", ""},
		"none":              {"tests: []\n", ""},
		"another's": {"tests:\n- interval: 1m\nrule_files:\n- ../../search/rules/a.yaml # theirs\n- ../../search/rules/b.yaml\nfuzzy_compare: true\n",
			"payments: " + path + ":3:1: warning: these tests are of no rule of the team payments, but of search [repo/unused] (move the file to teams/search/tests/, or name rule files of payments, such as ../rules/*.yaml)"},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if diff := cmp.Diff(want, lines(check(t, repoOf(map[string]string{path: tt.content})))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
