package review

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/render/bundle"
	"github.com/watchbill/watchbill/test/upstream"
)

// stateCases are reloads, and the alerts that lose their state by them. Every
// alert is firing or pending before.
var stateCases = []struct {
	name          string
	before, after map[string]string // by file in the bundle
	want          []string          // name and severity, and what is said
}{
	{
		name:   "the same",
		before: map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s", "P warning vector(1) 1h"})},
		after:  map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s", "P warning vector(1) 1h"})},
	},
	{
		name:   "another expression, for, order and neighbors",
		before: map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s", "P warning vector(1) 1h"})},
		after:  map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "New warning vector(1) 0s", "P warning vector(3) 2h", "A warning vector(2) 1h"})},
	},
	{
		name:   "other labels",
		before: map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s", "P warning vector(1) 1h"})},
		after:  map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A critical vector(1) 1m", "P warning vector(1) 1h"})},
		want:   []string{"A warning: its rule gives other labels, so it begins anew, pending for 1m, and is told again if it still holds"},
	},
	{
		name:   "another label of the group",
		before: map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s"}, []string{"h", "B warning vector(1) 0s"})},
		after:  map[string]string{"rules/a/x.yaml": strings.Replace(ruleFile([]string{"g", "A warning vector(1) 0s"}, []string{"h", "B warning vector(1) 0s"}), "tier: one", "tier: two", 1)},
		want:   []string{"A warning: its rule gives other labels, so it begins anew, and is told again if it still holds"},
	},
	{
		name:   "another group",
		before: map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s", "P warning vector(1) 1h"})},
		after:  map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s"}, []string{"h", "P warning vector(1) 1h"})},
		want:   []string{"P warning: its rule is in another group, so it begins anew, pending for 1h, and is told again if it still holds"},
	},
	{
		name:   "another file",
		before: map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s"}), "rules/b/x.yaml": ruleFile([]string{"g", "B warning vector(1) 0s"})},
		after:  map[string]string{"rules/a/y.yaml": ruleFile([]string{"g", "A warning vector(1) 0s"}), "rules/b/x.yaml": ruleFile([]string{"g", "B warning vector(1) 0s"})},
		want:   []string{"A warning: its rule is in another file, so it begins anew, and is told again if it still holds"},
	},
	{
		name:   "gone",
		before: map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s", "B warning vector(1) 0s"})},
		after:  map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "B warning vector(1) 0s"}), "rules/b/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s"})},
		want:   []string{"A warning: its rule is removed, so it is resolved"},
	},
	{
		name:   "one of two that are alike",
		before: map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(1) 0s", "A warning vector(2) 1h"})},
		after:  map[string]string{"rules/a/x.yaml": ruleFile([]string{"g", "A warning vector(2) 1h"})},
		want:   []string{"A warning: there are fewer rules of its name and labels, so it is resolved"},
	},
}

// bundleOf are the files as a revision renders them.
func bundleOf(files map[string]string) map[string]string {
	out := map[string]string{}
	for path, content := range files {
		out[bundle.Prometheus+"/"+path] = content
	}
	return out
}

// TestLost holds what is said to be lost against what a real Prometheus loses.
func TestLost(t *testing.T) {
	p := startPrometheus(t)
	for _, tc := range stateCases {
		t.Run(tc.name, func(t *testing.T) {
			p.load(t, tc.before)
			before := p.awaitAlerts(t, tc.before)
			var got []string
			said := map[string]int{}
			for _, l := range lost("prod", bundleOf(tc.before), bundleOf(tc.after), before) {
				severity := l.alert.Labels["severity"]
				said[key(l.alert)]++
				_, why, _ := strings.Cut(l.line(), "UTC: ")
				got = append(got, fmt.Sprintf("%s %s: %s", l.alert.Name, severity, strings.TrimSpace(why)))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			p.load(t, tc.after)
			after := p.alerts(t)
			for _, a := range before {
				same := func(b LiveAlert) bool { return key(a) == key(b) }
				if had, kept, lost := count(before, same), count(after, same), said[key(a)]; kept != had-lost {
					t.Errorf("%s %s: Prometheus keeps %d of %d, and %d are said to be lost", a.Name, a.State, kept, had, lost)
				}
			}
		})
	}
}

func count(alerts []LiveAlert, is func(LiveAlert) bool) int {
	return len(slices.DeleteFunc(slices.Clone(alerts), func(a LiveAlert) bool { return !is(a) }))
}

// key tells alerts apart; one that begins anew has another time.
func key(a LiveAlert) string {
	return fmt.Sprint(a.File, a.Group, a.Name, a.Labels, a.Since)
}

// realPrometheus is the real program, over a folder of rules.
type realPrometheus struct {
	*upstream.Server
	dir string
}

func startPrometheus(t *testing.T) *realPrometheus {
	t.Helper()
	dir := t.TempDir()
	config := "global: {evaluation_interval: 1s}\nrule_files: [rules/a/*.yaml, rules/b/*.yaml]\n"
	upstream.Write(t, dir, map[string]string{"prometheus.yml": config})
	return &realPrometheus{upstream.Prometheus(t, dir), dir}
}

// load puts these files in place of those before, and has them loaded.
func (p *realPrometheus) load(t *testing.T, files map[string]string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(p.dir, "rules")); err != nil {
		t.Fatal(err)
	}
	upstream.Write(t, p.dir, files)
	if status, body := p.Ask(t, http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
}

func (p *realPrometheus) alerts(t *testing.T) []LiveAlert {
	t.Helper()
	_, body := p.Ask(t, http.MethodGet, "/api/v1/rules")
	alerts, err := ReadAlerts(strings.NewReader(body), p.dir)
	if err != nil {
		t.Fatal(err)
	}
	return alerts
}

// awaitAlerts waits until every rule has its alert.
func (p *realPrometheus) awaitAlerts(t *testing.T, files map[string]string) (alerts []LiveAlert) {
	t.Helper()
	rules := 0
	for _, content := range files {
		rules += strings.Count(content, "- alert:")
	}
	p.Await(t, "at its first evaluation", func() bool {
		alerts = p.alerts(t)
		return len(alerts) == rules
	})
	return alerts
}

func TestReadAlerts(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       []LiveAlert
		fails      string
	}{
		{
			name: "the second of two that are alike, and a file of somebody else's",
			body: `{"status":"success","data":{"groups":[
				{"name":"g","file":"/bundle/rules/a/x.yaml","rules":[
					{"name":"A","labels":{"severity":"x"},"alerts":[]},
					{"name":"A","labels":{"severity":"x"},"alerts":[{"labels":{"alertname":"A"},"state":"firing","activeAt":"2026-11-22T09:30:00Z"}]},
					{"name":"r","type":"recording"}]},
				{"name":"g","file":"/elsewhere/x.yaml","rules":[{"name":"A","alerts":[{"state":"firing"}]}]}]}}`,
			want: []LiveAlert{{
				File: "rules/a/x.yaml", Group: "g", Name: "A", Nth: 1, State: "firing", RuleLabels: map[string]string{"severity": "x"},
				Labels: map[string]string{"alertname": "A"}, Since: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC),
			}},
		},
		{name: "an error", body: `{"status":"error","error":"shutting down"}`, fails: "shutting down"},
		{name: "no JSON", body: `<html>`, fails: "read the rules of Prometheus"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ReadAlerts(strings.NewReader(tc.body), "/bundle/")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tc.fails == "" && err != nil || tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
				t.Errorf("error: %v", err)
			}
		})
	}
}
