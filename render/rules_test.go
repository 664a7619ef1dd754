package render

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func TestRuleFileReadsWell(t *testing.T) {
	offset := model.Duration(0)
	groups := []repolayout.RuleGroup{{RuleGroup: rulefmt.RuleGroup{
		Name: "yes", Interval: model.Duration(90 * time.Second), QueryOffset: &offset, Limit: 5,
		Labels: map[string]string{"team": "other", "tier": "1"},
		Rules: []rulefmt.Rule{
			{Record: "job:up:sum", Expr: "sum by (job) (up)", Labels: map[string]string{"team": "kept"}},
			{
				Alert: "Down", Expr: "up{job=\"api\"} == 0\n  and on ()\nvector(1)\n", For: model.Duration(5 * time.Minute),
				KeepFiringFor: model.Duration(time.Hour),
				Labels:        map[string]string{"severity": "critical", "team": "spoofed"},
				Annotations:   map[string]string{"summary": "{{ $labels.instance }}: it's down", "note": "tab\there"},
			},
		},
	}}, {RuleGroup: rulefmt.RuleGroup{Name: "empty"}}}
	want := `groups:
- name: 'yes'
  interval: 1m30s
  query_offset: 0s
  limit: 5
  labels:
    team: other
    tier: '1'
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels:
      team: kept
  - alert: Down
    expr: |
      up{job="api"} == 0
        and on ()
      vector(1)
    for: 5m
    keep_firing_for: 1h
    labels:
      severity: critical
      team: payments
    annotations:
      note: "tab\there"
      summary: '{{ $labels.instance }}: it''s down'
- name: empty
  rules: []
`
	if diff := cmp.Diff(want, ruleFile("payments", groups)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("groups: []\n", ruleFile("payments", nil)); diff != "" {
		t.Error(diff)
	}
}

// TestRuleFileIsLossless: what Prometheus reads is what the team wrote, but for the label.
func TestRuleFileIsLossless(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		source := randomGroups(random)
		text := ruleFile("payments", source)
		got, errs := rulefmt.Parse([]byte(text), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
		if len(errs) > 0 {
			t.Fatalf("rulefmt refuses it: %v\n%s", errs, text)
		}
		if diff := cmp.Diff(labelled("payments", source), got.Groups, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	}
}

func ruleFile(team string, groups []repolayout.RuleGroup) string {
	w := ruleWriter{team: team}
	return w.file(groups)
}

// labelled is what ruleFile should come to, made the plain way.
func labelled(team string, groups []repolayout.RuleGroup) []rulefmt.RuleGroup {
	var out []rulefmt.RuleGroup
	for _, g := range groups {
		group := g.RuleGroup
		group.Rules = slices.Clone(group.Rules)
		for i, r := range group.Rules {
			if r.Alert == "" {
				continue
			}
			group.Rules[i].Labels = map[string]string{}
			maps.Copy(group.Rules[i].Labels, r.Labels)
			group.Rules[i].Labels["team"] = team
		}
		out = append(out, group)
	}
	return out
}

func randomGroups(r *rand.Rand) []repolayout.RuleGroup {
	exprs := []string{
		"up", "1", "vector(1)", "up == 0\n", "sum(\n  up\n)", "\n\n  up", "up\n\n\n", "up # a comment\n> 1", "{job=\"a: b\"}",
		"up\r\n> 1", "\tup", "up \n> 1", `{"ünicode.name"}`, "-up", "'a'", "up\n\t> 1",
	}
	texts := []string{
		"", " ", "5", "~", "null", "No", "a: b", "a #b", "a#b", "trailing ", "line\nline", "x:", "- x", "{{ $value }}", "%x",
		"\u2028", "\ufeff", "é 世界", "\x00\x7f", "\"quoted\" \\ back", "it's", "2024-01-01", "1e3", "0x1F", "...", "---", "🔥", "\u0085",
		"y", "|", "> x", "!tag", "&a", "*a", "@x", "`x", "# x", "[a]", ", x", "? x", "a\tb", "\na", "a\n\n", "=", "<<", strings.Repeat("long ", 300),
	}
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	textMap := func() map[string]string {
		m := map[string]string{}
		for range r.IntN(4) {
			m["label_"+fmt.Sprint(r.IntN(5))] = pick(texts)
		}
		if r.IntN(4) == 0 {
			m["team"] = pick(texts)
			m[strings.Repeat("k", 1+r.IntN(2000))] = pick(texts)
			m["ключ: "+pick(texts)] = pick(texts)
		}
		return m
	}
	var groups []repolayout.RuleGroup
	for n := range r.IntN(4) {
		g := rulefmt.RuleGroup{Name: fmt.Sprint(n, pick(texts)), Interval: model.Duration(r.IntN(1e6)) * model.Duration(time.Millisecond), Limit: r.IntN(3)}
		if r.IntN(2) == 0 {
			offset := model.Duration(r.IntN(3)) * model.Duration(time.Minute)
			g.QueryOffset = &offset
		}
		g.Labels = textMap()
		for i := range r.IntN(5) {
			rule := rulefmt.Rule{Expr: pick(exprs), Labels: textMap()}
			if r.IntN(2) == 0 {
				rule.Alert = fmt.Sprint("Alert", i, pick(texts))
				rule.Annotations = textMap()
				rule.For = model.Duration(r.IntN(1e9)) * model.Duration(time.Millisecond)
				rule.KeepFiringFor = model.Duration(r.IntN(3)) * model.Duration(time.Hour)
			} else {
				rule.Record = "job:up:sum"
			}
			g.Rules = append(g.Rules, rule)
		}
		groups = append(groups, repolayout.RuleGroup{RuleGroup: g})
	}
	return groups
}

// FuzzYAML holds the writer against a YAML library: any key and value come back.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{"", "a", "up == 0\nand b\n", " x", "\t", "no", "\xff", "a\n b\n\n c", "a: b", "#", "\u2029", "<<", "a\n\tb"} {
		f.Add("key", s)
		f.Add(s, "value")
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		var w yamlWriter
		w.open(0, "list")
		for _, pair := range [][2]string{{key, value}, {value, key}} {
			w.item(2)
			w.pair(4, pair[0], pair[1])
		}
		w.pair(0, "after", key)
		var got struct {
			List  []map[string]string
			After string
		}
		if err := yaml.Unmarshal(w.Bytes(), &got); err != nil {
			t.Fatalf("%v\n%s", err, w.String())
		}
		want := []map[string]string{{key: value}, {value: key}}
		if diff := cmp.Diff(want, got.List); diff != "" || got.After != key {
			t.Fatalf("%s\n%q\n%s", diff, got.After, w.String())
		}
	})
}

func BenchmarkRuleFile(b *testing.B) {
	groups := make([]repolayout.RuleGroup, 1)
	for i := range 20 {
		groups[0].Rules = append(groups[0].Rules, rulefmt.Rule{
			Alert: fmt.Sprintf("RequestErrorsHigh%d", i), For: model.Duration(5 * time.Minute),
			Expr:   fmt.Sprintf("sum by (namespace, service) (rate(http_requests_total{job=\"api-%d\", code=~\"5..\"}[5m]))\n  /\nsum by (namespace, service) (rate(http_requests_total{job=\"api-%d\"}[5m])) > 0.05\n", i, i),
			Labels: map[string]string{"severity": "warning", "service": "api", "tier": "2"},
			Annotations: map[string]string{
				"summary":     "{{ $labels.service }} answers {{ $value | humanizePercentage }} of its requests with errors",
				"description": strings.Repeat("More than five in a hundred requests have failed for five minutes. ", 5),
				"runbook_url": "https://runbooks.example.com/requests/errors-high",
			},
		})
	}
	groups[0].Name = "requests"
	b.SetBytes(int64(len(ruleFile("payments", groups))))
	b.ReportAllocs()
	w := ruleWriter{team: "payments"}
	for b.Loop() {
		w.file(groups)
	}
}
