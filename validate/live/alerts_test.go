package live

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func group(head, rules string) string { return "groups:\n- name: g\n" + head + "  rules:\n" + rules }

func TestChanged(t *testing.T) {
	const was = "  - {alert: A, expr: up == 0, for: 5m, labels: {severity: page}}\n  - {alert: B, expr: up == 1}\n"
	for _, tt := range []struct {
		name string
		head string
		want []string
	}{
		{"nothing", group("", was), nil},
		{"layout and order", group("", "  - {alert: B, expr: up  ==  1}\n  - {alert: A, expr: (up == 0), for: 5m, labels: {severity: page}}\n"), []string{"changed A"}},
		{"annotations are no matter", group("", strings.ReplaceAll(was, "for: 5m", "for: 5m, annotations: {a: b}")), nil},
		{"expr", group("", strings.Replace(was, "== 0", "< 1", 1)), []string{"changed A"}},
		{"for", group("", strings.Replace(was, "5m", "6m", 1)), []string{"changed A"}},
		{"keep_firing_for", group("", strings.Replace(was, "up == 1", "up == 1, keep_firing_for: 1m", 1)), []string{"changed B"}},
		{"labels", group("", strings.Replace(was, "page", "ticket", 1)), []string{"changed A"}},
		{"labels of the group", group("  labels: {a: b}\n", was), []string{"changed A", "changed B"}},
		{"interval", group("  interval: 1m\n", was), []string{"changed A", "changed B"}},
		{"the same interval", group("  interval: 30s\n", was), nil},
		{"query_offset", group("  query_offset: 1m\n", was), []string{"changed A", "changed B"}},
		{"limit", group("  limit: 9\n", was), []string{"changed A", "changed B"}},
		{"a new one", group("", was+"  - {alert: C, expr: up}\n"), []string{"new C"}},
		{"another group", strings.Replace(group("", was), "name: g", "name: h", 1), []string{"new A", "new B"}},
		{"twice the name, one as it was", group("", was+"  - {alert: A, expr: up == 0, for: 1h, labels: {severity: ticket}}\n"), []string{"changed A"}},
		{"gone", group("", "  - {alert: B, expr: up == 1}\n"), nil},
		{"goes by a new recording", group("", was+"  - {record: 'r:new', expr: up}\n  - {alert: C, expr: 'r:new > 1'}\n"), []string{"new C [r:new]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := repoWith(t, map[string]string{ruleFile: group("", was)})
			head := repoWith(t, map[string]string{ruleFile: tt.head})
			if diff := cmp.Diff(tt.want, said(Changed(base, head, head.Environment("prod")))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func said(alerts []Alert) []string {
	var out []string
	for _, a := range alerts {
		line := fmt.Sprint(a.Kind, " ", a.Name)
		if len(a.Records) > 0 {
			line += fmt.Sprint(" ", a.Records)
		}
		out = append(out, line)
	}
	return out
}

// TestChangedRecords: an alert changes with the recording rules that it goes by, also by way of others.
func TestChangedRecords(t *testing.T) {
	const was = "  - {record: 'a:sum', expr: sum(up)}\n  - {record: 'b:sum', expr: 'a:sum * 2'}\n  - {record: 'c:sum', expr: sum(up)}\n" +
		"  - {alert: A, expr: 'b:sum > 1'}\n  - {alert: C, expr: 'c:sum > 1'}\n"
	base := repoWith(t, map[string]string{ruleFile: group("", was)})
	for _, tt := range []struct {
		old, new string
		want     []string
	}{
		{"expr: sum(up)}", "expr: 'sum( up )'}", nil},
		{"{record: 'a:sum', expr: sum(up)}", "{record: 'a:sum', expr: count(up)}", []string{"changed A [b:sum]"}},
		{"{record: 'c:sum', expr: sum(up)}", "{record: 'c:sum', expr: sum(up), labels: {x: y}}", []string{"changed C [c:sum]"}},
	} {
		head := repoWith(t, map[string]string{ruleFile: group("", strings.Replace(was, tt.old, tt.new, 1))})
		if diff := cmp.Diff(tt.want, said(Changed(base, head, nil))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.new, diff)
		}
	}
	if got := said(Changed(nil, base, nil)); len(got) != 2 || got[0] != "new A [b:sum]" {
		t.Errorf("without a base: %v", got)
	}
}

// TestChangedEnvironment: only what runs there counts.
func TestChangedEnvironment(t *testing.T) {
	const prod = "teams/payments/rules/prod/b.yaml"
	base := repoWith(t, map[string]string{ruleFile: oneRule("up == 0")})
	head := repoWith(t, map[string]string{ruleFile: oneRule("up == 0"), prod: oneRule("up == 2")})
	if got := said(Changed(base, head, head.Environment("prod"))); fmt.Sprint(got) != "[new A]" {
		t.Errorf("in prod %v", got)
	}
	if got := said(Changed(base, head, nil)); len(got) != 0 {
		t.Errorf("elsewhere %v", got)
	}
}
