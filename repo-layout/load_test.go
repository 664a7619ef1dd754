package repolayout

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// line is a problem on one line, with everything that it says.
func line(p Problem) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s", p.File, p.Line, p.Column, p.Check)
	if p.Warning {
		b.WriteString(" (warning)")
	}
	if p.Owner != "" {
		b.WriteString(" @" + p.Owner)
	}
	b.WriteString(": " + p.Message)
	if p.Hint != "" {
		b.WriteString(" | " + p.Hint)
	}
	return b.String()
}

func lines(problems []Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, line(p))
	}
	return out
}

// goodRepo is a small repo without a problem, with some files put in its place.
// A file whose new content is empty is taken out.
func goodRepo(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{
		"README.md":              {Data: []byte("# Read me")},
		"watchbill.yaml":         {Data: []byte("components: {}\n")},
		"environments/prod.yaml": {Data: []byte("namespace: monitoring\n")},
		"teams/payments/team.yaml": {Data: []byte(
			"owner: payments\nroutes:\n- receivers:\n  - webhook: {urlKey: hook}\n")},
		"teams/payments/rules/a.yaml": {Data: []byte("groups: [{name: a, rules: []}]\n")},
	}
	for name, content := range files {
		if content == "" {
			delete(fsys, name)
		} else {
			fsys[name] = &fstest.MapFile{Data: []byte(content)}
		}
	}
	return fsys
}

func TestLoadExample(t *testing.T) {
	repo, problems := NewLoader().Load(Example())
	if diff := cmp.Diff([]string(nil), lines(problems)); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, e := range repo.Environments {
		got = append(got, fmt.Sprintf("%s: %s, %d, %d", e.Name, e.Namespace, e.Prometheus.Replicas, e.Alertmanager.Replicas))
	}
	for _, team := range repo.Teams {
		rules := 0
		for _, f := range team.Rules {
			for _, g := range f.Groups {
				rules += len(g.Rules)
			}
		}
		got = append(got, fmt.Sprintf("%s: %d rules, %d scrape files, %d tests, %d routes, %d dashboards",
			team.Name, rules, len(team.Scrape), len(team.Tests), len(team.Spec.Routes), len(team.Dashboards)))
	}
	want := []string{
		"dev: monitoring, 1, 1",
		"prod: monitoring, 2, 3",
		"delivery: 11 rules, 1 scrape files, 2 tests, 2 routes, 0 dashboards",
		"on-call: 5 rules, 1 scrape files, 1 tests, 2 routes, 0 dashboards",
		"payments: 5 rules, 1 scrape files, 1 tests, 2 routes, 1 dashboards",
		"platform: 18 rules, 2 scrape files, 2 tests, 3 routes, 1 dashboards",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadKeepsPlaces(t *testing.T) {
	repo, problems := NewLoader().Load(goodRepo(map[string]string{
		"teams/payments/rules/prod/b.yaml": `groups:
- name: b
  interval: 1m
  labels: {tier: "1"}
  rules:
  - alert: Down
    expr: |
      up == 0
    for: 5m
    labels:
      severity: critical
    annotations: {summary: it is down}
  - record: a:b
    expr: 1
---
groups: [{name: second}]
`,
		"teams/payments/scrape/c.yaml": "scrape_configs:\r\n- job_name: web\r\n- static_configs: []\r\n",
		"teams/payments/team.yaml": `owner: payments
routes:
  - severities: [critical]
    receivers: &pager
      - pagerDuty:
          integrationKey: key
  - receivers: *pager
`,
	}))
	if diff := cmp.Diff([]string(nil), lines(problems)); diff != "" {
		t.Fatal(diff)
	}
	team := repo.Team("payments")
	g := team.Rules[1].Groups[0]
	at := func(p Pos) string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }
	got := []string{
		fmt.Sprint(len(team.Rules[1].Groups), " ", team.Rules[1].Environment, " ", g.Name, " ", g.Interval, " ", g.Labels),
		at(g.Pos), at(g.LabelPos.At("tier")), at(g.RulePos[0].Rule), at(g.RulePos[0].Name), at(g.RulePos[0].Expr),
		at(g.RulePos[0].Labels.At("severity")), at(g.RulePos[0].Annotations.At("summary")), at(g.RulePos[0].Labels.At("no")),
		fmt.Sprintf("%+v", g.Rules[0]), fmt.Sprintf("%+v", g.Rules[1]),
		fmt.Sprintf("%s %+v", team.Scrape[0].Environment, team.Scrape[0].Jobs),
		at(team.Spec.Places.At("routes[0].receivers[0].pagerDuty.integrationKey")),
		at(team.Spec.Places.At("routes[1].receivers[0].pagerDuty.integrationKey")),
		at(team.Spec.Places.At("routes[1].groupWait")), at(team.Spec.Routes[1].Pos),
		team.Spec.Routes[1].Receivers[0].PagerDuty.IntegrationKey,
	}
	const rules, spec = "teams/payments/rules/prod/b.yaml", "teams/payments/team.yaml"
	want := []string{
		"1 prod b 1m map[tier:1]",
		rules + ":2:3", rules + ":4:18", rules + ":6:5", rules + ":6:12", rules + ":7:11",
		rules + ":11:17", rules + ":12:28", ":0:0",
		"{Record: Alert:Down Expr:up == 0\n For:5m KeepFiringFor:0s Labels:map[severity:critical] Annotations:map[summary:it is down]}",
		"{Record:a:b Alert: Expr:1 For:0s KeepFiringFor:0s Labels:map[] Annotations:map[]}",
		" [{Name:web Pos:{File:teams/payments/scrape/c.yaml Line:2 Column:13}} {Name: Pos:{File:teams/payments/scrape/c.yaml Line:3 Column:3}}]",
		spec + ":6:27", spec + ":6:27", spec + ":7:5", spec + ":7:5", "key",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadFillsInDefaults(t *testing.T) {
	repo, problems := NewLoader().Load(goodRepo(map[string]string{
		"watchbill.yaml":         "prometheus: {scrapeInterval: 5s}\n",
		"environments/prod.yaml": "namespace: m\nprometheus: {replicas: 4}\n",
	}))
	if diff := cmp.Diff([]string(nil), lines(problems)); diff != "" {
		t.Fatal(diff)
	}
	stack, env := DefaultStack(), DefaultEnvironment()
	stack.Prometheus.ScrapeInterval, stack.Prometheus.ScrapeTimeout = "5s", "5s" // never longer than the interval
	env.Name, env.Namespace, env.Prometheus.Replicas = "prod", "m", 4
	ignore := cmp.FilterPath(func(p cmp.Path) bool {
		last := p.Last().String()
		return last == ".Pos" || last == ".Places" || last == ".Digest"
	}, cmp.Ignore())
	if diff := cmp.Diff(stack, repo.Stack, ignore); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(env, *repo.Environments[0], ignore); diff != "" {
		t.Error(diff)
	}
}

func TestLoadFindsProblems(t *testing.T) {
	const teamYAML = "teams/payments/team.yaml"
	link := &fstest.MapFile{Data: []byte("../../etc/passwd"), Mode: fs.ModeSymlink}
	tests := []struct {
		name  string
		files map[string]string
		odd   map[string]*fstest.MapFile
		want  []string
	}{{
		name:  "no watchbill.yaml",
		files: map[string]string{"watchbill.yaml": ""},
		want:  []string{"watchbill.yaml:0:0: layout/missing-file: the file is missing | put watchbill.yaml there; it may say as little as: components: {}"},
	}, {
		name:  "no environment, and no folder either",
		files: map[string]string{"environments/prod.yaml": ""},
		want:  []string{"environments:0:0: layout/no-environments: there is no environment | put a file there, such as environments/prod.yaml with the key namespace"},
	}, {
		name:  "no team",
		files: map[string]string{teamYAML: "", "teams/payments/rules/a.yaml": ""},
		want:  []string{"teams:0:0: layout/no-teams (warning): there is no team | put a folder there, such as teams/payments with a team.yaml"},
	}, {
		name:  "no team.yaml",
		files: map[string]string{teamYAML: ""},
		want:  []string{"teams/payments/team.yaml:0:0: layout/missing-file @payments: the file is missing | put a team.yaml there that says owner and routes"},
	}, {
		name: "names out of place",
		files: map[string]string{
			"team/payments/team.yaml": "x", "Makefile": "x", "enviroments/prod.yaml": "x", "teams/stray.yaml": "x",
			"docs/x.txt": "x", "teams/payments/docs/x": "x", ".github/x": "x", "LICENSE": "x", "CODEOWNERS": "x",
			"teams/payments/rule/a.yaml": "x", "teams/payments/rules/a.json": "x", "teams/payments/rules/prod/x/a.yaml": "x",
			"teams/payments/rules/.gitkeep": "x", "teams/payments/runbook.md": "x", "alertmanager/templates/a.tpl": "x",
		},
		want: []string{
			"Makefile:0:0: layout/unexpected-file (warning): Watchbill does not read this file | known here: watchbill.yaml",
			`alertmanager/templates/a.tpl:0:0: layout/unexpected-file: the layout has no place for this file | did you mean "*.tmpl"?`,
			`enviroments:0:0: layout/unexpected-file: the layout has no place for this folder | did you mean "environments/"?`,
			`team:0:0: layout/unexpected-file: the layout has no place for this folder | did you mean "teams/"?`,
			`teams/payments/rule:0:0: layout/unexpected-file @payments: the layout has no place for this folder | did you mean "rules/"?`,
			`teams/payments/rules/a.json:0:0: layout/unexpected-file @payments: the layout has no place for this file | known here: *.yaml`,
			"teams/payments/rules/prod/x:0:0: layout/unexpected-file @payments: the layout has no place for this folder",
			"teams/stray.yaml:0:0: layout/unexpected-file (warning): Watchbill does not read this file",
		},
	}, {
		name: "an environment that is not there, once for a folder",
		files: map[string]string{
			"teams/payments/rules/prd/a.yaml": "groups: []", "teams/payments/rules/prd/b.yaml": "groups: []",
			"teams/payments/scrape/staging/a.yaml": "scrape_configs: []",
		},
		want: []string{
			`teams/payments/rules/prd:0:0: layout/unknown-environment @payments: there is no environment "prd" | did you mean "prod"?`,
			`teams/payments/scrape/staging:0:0: layout/unknown-environment @payments: there is no environment "staging" | known here: prod`,
		},
	}, {
		name:  "an environment that cannot be read is there all the same",
		files: map[string]string{"environments/prod.yaml": "\xff", "teams/payments/rules/prod/a.yaml": "groups: []"},
		want:  []string{"environments/prod.yaml:1:1: layout/encoding: the byte 0xff is not UTF-8 | save it as UTF-8"},
	}, {
		name:  "a severity that is not listed",
		files: map[string]string{teamYAML: "owner: p\nroutes:\n- severities: [critcal]\n  receivers: [{webhook: {urlKey: a}}]\n"},
		want:  []string{`teams/payments/team.yaml:3:16: layout/unknown-severity @payments: watchbill.yaml lists no severity "critcal" | did you mean "critical"?`},
	}, {
		name: "links and submodules",
		odd: map[string]*fstest.MapFile{
			"teams/payments/rules/link.yaml": link,
			"teams/linked":                   link,
			"patches":                        link,
			"shortcut":                       link,
			"teams/payments/tests":           {Mode: fs.ModeIrregular},
			"vendor":                         {Mode: fs.ModeIrregular},
		},
		want: []string{
			"patches:0:0: layout/symlink: symlinks are not followed | put the file itself here",
			"shortcut:0:0: layout/unexpected-file (warning): Watchbill does not read this",
			"teams/linked:0:0: layout/symlink: symlinks are not followed | put the file itself here",
			"teams/payments/rules/link.yaml:0:0: layout/symlink @payments: symlinks are not followed | put the file itself here",
			"teams/payments/tests:0:0: layout/irregular-file @payments: this is no file and no folder (a submodule, for example) | put plain files here",
			"vendor:0:0: layout/unexpected-file (warning): Watchbill does not read this",
		},
	}, {
		name:  "names that Kubernetes does not take",
		files: map[string]string{"teams/Big_Team/team.yaml": "owner: x\nroutes: [{receivers: [{webhook: {urlKey: a}}]}]", "environments/-x.yml": "namespace: a"},
		want: []string{
			`environments/-x.yml:0:0: layout/bad-name: "-x" cannot be the name of the environment | rename it; write at most 63 lower-case letters, digits and dashes, with no dash at either end`,
			`teams/Big_Team:0:0: layout/bad-name @Big_Team: "Big_Team" cannot be the name of the team | rename it; write at most 63 lower-case letters, digits and dashes, with no dash at either end`,
		},
	}, {
		name: "names that are one to somebody",
		files: map[string]string{
			"watchbill.yml": "components: {}", "teams/payments/rules/A.yaml": "groups: []", "teams/payments/rules/a.yml": "groups: []",
			"teams/payments/rules/c\td.yaml": "groups: []",
		},
		want: []string{
			`teams/payments/rules/a.yaml:0:0: layout/case-clash @payments: a.yaml and A.yaml differ only in upper and lower case | rename one of them`,
			`teams/payments/rules/a.yml:0:0: layout/two-spellings @payments: a.yml stands beside A.yaml | keep one of them`,
			"teams/payments/rules/c\td.yaml:0:0: layout/bad-name @payments: the name \"c\\td.yaml\" holds characters that are not for names | rename it",
			"watchbill.yml:0:0: layout/two-spellings: watchbill.yml stands beside watchbill.yaml | keep one of them",
		},
	}, {
		name: "files that are not what they should be",
		files: map[string]string{
			"teams/payments/rules/bom.yaml":    "\uFEFFgroups: []\n",
			"teams/payments/rules/crlf.yaml":   "groups: []\r\n",
			"teams/payments/rules/nul.yaml":    "groups:\n- \x00\n",
			"teams/payments/rules/big.yaml":    "groups: []\n" + strings.Repeat("#", maxFile),
			"teams/payments/rules/none.yaml":   "# nothing\n",
			"teams/payments/rules/tab.yaml":    "groups:\n\t- name: a\n",
			"teams/payments/rules/deep.yaml":   strings.Repeat("[", 200) + strings.Repeat("]", 200),
			"teams/payments/rules/bomb.yaml":   bomb,
			"teams/payments/rules/self.yaml":   "groups: &a [*a]\n",
			"teams/payments/rules/anchor.yaml": "groups:\n  - *nowhere\n",
			"teams/payments/rules/utf8.yaml":   "groups:\n- name: \xe4\n",
			"teams/payments/scrape/two.yaml":   "scrape_configs: []\n---\nscrape_configs: []\n",
			"teams/payments/scrape/key.yaml":   "scrape_config: []\n",
			"teams/payments/scrape/list.yaml":  "- job_name: a\n",
			"teams/payments/tests/a.yaml":      "a: b: c\n",
			"teams/payments/dashboards/a.json": "{\n  \"a\": }\n",
			"teams/payments/dashboards/b.json": " \n",
			"environments/dev.yaml":            "---\n",
		},
		want: []string{
			"environments/dev.yaml:1:1: layout/empty-file: the file is empty",
			"teams/payments/dashboards/a.json:2:8: layout/json-syntax @payments: invalid character '}' looking for beginning of value",
			"teams/payments/dashboards/b.json:1:1: layout/empty-file (warning) @payments: the file is empty | delete it",
			"teams/payments/rules/anchor.yaml:2:5: layout/yaml-syntax @payments: unknown anchor 'nowhere' referenced",
			"teams/payments/rules/big.yaml:0:0: layout/too-large @payments: the file is larger than 4 MiB and is not read | make several files of it",
			"teams/payments/rules/bom.yaml:1:1: layout/encoding @payments: the file begins with a byte order mark | save it as UTF-8 without a byte order mark",
			"teams/payments/rules/bomb.yaml:6:8: layout/too-complex @payments: aliases make it more than 200000 values larger than it is | write it out, or make several files of it",
			"teams/payments/rules/deep.yaml:1:102: layout/too-complex @payments: nested more than 100 deep | write it out, or make several files of it",
			"teams/payments/rules/none.yaml:1:1: layout/empty-file (warning) @payments: the file is empty | delete it",
			"teams/payments/rules/nul.yaml:2:3: layout/encoding @payments: the file holds a NUL byte | save it as plain UTF-8 text",
			"teams/payments/rules/self.yaml:1:13: layout/too-complex @payments: the alias *a holds itself | write it out, or make several files of it",
			"teams/payments/rules/tab.yaml:2:1: layout/yaml-syntax @payments: found character that cannot start any token | YAML indents with spaces, not tabs; a value that begins with @, ` or % needs quotes",
			"teams/payments/rules/utf8.yaml:2:9: layout/encoding @payments: the byte 0xe4 is not UTF-8 | save it as UTF-8",
			`teams/payments/scrape/key.yaml:1:1: layout/missing-key @payments: the key "scrape_configs" is missing`,
			`teams/payments/scrape/key.yaml:1:1: layout/unknown-key @payments: unknown key "scrape_config" | did you mean "scrape_configs"?`,
			"teams/payments/scrape/list.yaml:1:1: layout/wrong-type @payments: the file should be a mapping, but is a list | begin the file with scrape_configs:",
			"teams/payments/scrape/two.yaml:1:1: layout/several-documents @payments: the file holds several YAML documents, of which only the first would be read | make it one file for each document",
			"teams/payments/tests/a.yaml:1:1: layout/yaml-syntax @payments: mapping values are not allowed in this context | a value that holds a colon and a space needs quotes",
		},
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := goodRepo(tt.files)
			for name, f := range tt.odd {
				fsys[name] = f
			}
			_, problems := NewLoader().Load(fsys)
			if diff := cmp.Diff(tt.want, lines(problems)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]
e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]
f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]
groups: [*f]
`

func TestLoadBoundsWhatItSays(t *testing.T) {
	_, problems := NewLoader().Load(goodRepo(map[string]string{
		"environments/prod.yaml":      "namespace: a\n" + strings.Repeat("x: y\n", 1000),
		"watchbill.yaml":              strings.Repeat("k", 1<<20) + ": a\n? " + strings.Repeat("k", 1<<16) + "\n: a\n",
		"teams/payments/rules/b.yaml": "groups: [" + strings.Repeat("a,", maxParts+1) + "]",
	}))
	count := map[string]int{}
	for _, p := range problems {
		count[p.File+" "+p.Check]++
		if len(line(p)) > 1000 {
			t.Errorf("a problem of %d characters", len(line(p)))
		}
	}
	want := map[string]int{
		"environments/prod.yaml layout/duplicate-key":    maxProblems - 1,
		"environments/prod.yaml layout/unknown-key":      1,
		"environments/prod.yaml layout/more-problems":    1,
		"watchbill.yaml layout/yaml-syntax":              1,
		"teams/payments/rules/b.yaml layout/too-complex": 1,
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Error(diff)
	}
}

func TestLoadOfNothing(t *testing.T) {
	for name, fsys := range map[string]fs.FS{"empty": fstest.MapFS{}, "only a readme": fstest.MapFS{"README": {}}} {
		repo, problems := NewLoader().Load(fsys)
		want := []string{":0:0: layout/empty-repo: the repo holds nothing that Watchbill reads | watchbill init writes an example to begin with"}
		if diff := cmp.Diff(want, lines(problems)); diff != "" || repo == nil {
			t.Error(name, diff)
		}
	}
}
