package validate

import (
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	texttemplate "text/template"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/rulefmt"
	yamlv2 "go.yaml.in/yaml/v2"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// load reads one file of the team payments.
func load(path, content string) (*repolayout.Repo, []repolayout.Problem) {
	return repolayout.NewLoader().Load(repoOf(map[string]string{path: content}))
}

func blocked(findings []Finding, problems []repolayout.Problem) bool {
	return len(Blocking(append(Problems(problems), findings...))) > 0
}

var ruleSeeds = []string{
	"groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == 0\n    for: 5m\n    labels: {severity: critical}\n    annotations: {a: '{{ $value }}'}\n",
	"groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: |\n      sum(\n        rate(x[5m]))\n    labels: {a: b}\n",
	"groups: [{name: g, interval: 1m, limit: 0x10, query_offset: 1s, labels: {a: b}, rules: [{record: a, expr: 1}]}]",
	"groups:\n- &a {name: g, rules: [{record: a, expr: up}]}\n- {<<: *a, name: h}\n",
	"groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'up{', annotations: {a: '{{ end }}'}}\n---\ngroups: []\n",
	"groups: [{name: g, rules: [{alert: A, expr: up, for: 5 m, lables: {}}]}]",
	"groups: ~", "", "---\n", "groups:\n-", "groups: [{name: g, rules: [~]}]", "groups: [{name: 1, rules: [{record: true, expr: 2006-01-02}]}]",
	"groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: ~, b: !!binary YQ==}}]}]",
}

// FuzzRules holds the verdict over a rule file against upstream's: what is let
// pass rulefmt takes, and what rulefmt takes is refused only for reasons of our own.
func FuzzRules(f *testing.F) {
	for _, seed := range ruleSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		repo, problems := load(ruleFile, content)
		findings := New().Repo(repo)
		_, errs := rulefmt.Parse([]byte(content), false, model.UTF8Validation, promQL, slog.New(slog.DiscardHandler))
		switch {
		case len(errs) > 0 && !blocked(findings, problems):
			t.Errorf("let pass, but rulefmt says %v", errs)
		case len(errs) == 0:
			for _, finding := range findings {
				if finding.Check == rulesSyntax && len(partsOf([]byte(content))) == 1 && !ourOwn(finding) {
					t.Errorf("rulefmt takes it, but: %v", finding)
				}
			}
		}
		if err := PrintJSON(io.Discard, findings); err != nil {
			t.Error(err)
		}
	})
}

// ourOwn says whether a finding of rules/syntax is one that rulefmt does not have.
func ourOwn(f Finding) bool {
	return strings.Contains(f.Message, "the most is") || strings.Contains(f.Message, "otherwise than it was loaded")
}

func FuzzScrape(f *testing.F) {
	for _, seed := range []string{
		"scrape_configs:\n- job_name: a\n- job_name: b\n  scrape_timeout: 5m\n",
		"scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: pod}]}]",
		"scrape_configs:\n- job_name: a\n  x: y\n- job_name: b\n  relabel_configs: [{action: x}]\n",
		"scrape_configs: [{job_name: a}, {job_name: a}]", "scrape_configs:", "a: b", "scrape_configs: [~]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		repo, problems := load("teams/payments/scrape/a.yaml", content)
		findings := New().Repo(repo)
		if blocked(findings, problems) || len(repo.Teams[0].Scrape) == 0 {
			return
		}
		var parsed config.ScrapeConfigs
		if err := yamlv2.UnmarshalStrict([]byte(content), &parsed); err != nil {
			t.Errorf("let pass, but Prometheus says %v", err)
		}
		if _, err := config.Load("global: {scrape_interval: 30s}\n"+content, slog.New(slog.DiscardHandler)); err != nil && !strings.Contains(content, "global") {
			t.Errorf("let pass, but Prometheus says %v", err)
		}
	})
}

func FuzzTemplates(f *testing.F) {
	for _, seed := range []string{
		`{{ define "a" }}{{ range .Alerts }}{{ .Labels.x | toUpper }}{{ end }}{{ end }}`,
		`{{ define "a" }}{{ template "b" . }}{{ end }}{{ define "b" }}{{ template "a" . }}{{ end }}`,
		`{{ range 1000000 }}{{ printf "%*d" 1000000 1 }}{{ end }}`, `{{ with $x := reReplaceAll "a" "b" "c" }}{{ $x }}{{ end }}`,
		`{{ define "slack.default.title" }}{{ .Status }}{{ end }}`, `{{ if eq .Status "x" }}{{ template "nothing" }}{{ end }}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		file := &repolayout.File{Path: "alertmanager/templates/a.tmpl", Content: []byte(content)}
		findings := Templates([]*repolayout.File{file})
		newTemplateSet(nil).receiverText(content, "payments", repolayout.Pos{}, nil)
		s := newTemplateSet(nil)
		_, err := s.text.New("x").Parse(content)
		if err != nil && len(Blocking(findings)) == 0 {
			t.Errorf("let pass, but text/template says %v", err)
		}
	})
}

// FuzzAlertTemplate holds the quick parse of annotations against upstream's.
func FuzzAlertTemplate(f *testing.F) {
	for _, seed := range []string{
		"{{ $value | humanize }}", "{{ $labels.a }}{{ with query `up` }}{{ . | first | value }}{{ end }}", "{{ end }}",
		"{{ define `a` }}{{ end }}{{ define `a` }}x{{ end }}", "{{ break }}", "{{ define `` }}x{{ end }}", "{{ define `__alert_a` }}x{{ end }}", "{{ range 3 }}{{ break }}{{ end }}", "{{- /* a */ -}}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		errs := probe(rulefmt.Rule{Alert: "a", Annotations: map[string]string{"a": text}})
		if quick := parsesAsTemplate("a", text); quick && len(errs) > 0 {
			t.Errorf("%q is let pass, but upstream says %v", text, errs)
		} else if !quick && len(errs) == 0 && len(text) < maxText {
			t.Errorf("%q is taken by upstream, but not by the quick parse", text)
		}
	})
}

// TestTextBuiltins holds the list of text/template's own functions against text/template.
func TestTextBuiltins(t *testing.T) {
	for _, name := range textBuiltins {
		if _, err := texttemplate.New("").Parse("{{ " + name + " }}"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDashboard holds what is said of a dashboard against what it holds, as encoding/json reads it.
func FuzzDashboard(f *testing.F) {
	for _, seed := range []string{
		`{"uid": "a", "title": "A"}`, `{"title": "A", "uid": "\u0061", "uid": null}`, `[]`, `null`, `"a"`, `{}`, `{"dashboard": {}}`,
		`{"__inputs": [{}], "title": 1, "uid": "a b"}`, "\ufeff{}", `{"uid": "a"} {}`, strings.Repeat(`{"a":`, 100), "{\"title\":\n\"\xff\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		repo, problems := load("teams/payments/dashboards/a.json", content)
		findings := New().Repo(repo)
		var board map[string]any
		if blocked(findings, problems) || json.Unmarshal([]byte(content), &board) != nil {
			return
		}
		if len(problems) > 0 { // an empty file is only warned of
			return
		}
		uid, _ := board["uid"].(string)
		if title, _ := board["title"].(string); title == "" || !uidForm.MatchString(uid) {
			t.Errorf("let pass with the title %q and the uid %q", title, uid)
		}
		for _, finding := range findings {
			if finding.Line < 1 || finding.Line > strings.Count(content, "\n")+1 {
				t.Errorf("no such line: %v", finding)
			}
		}
	})
}
