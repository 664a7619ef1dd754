package routes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	k := NewKnower()
	base := mustLoad(t, rendered(route("a/critical", `team="a"`, `severity="critical"`), route("a/default", `team="a"`)))
	head := mustLoad(t, strings.ReplaceAll(
		rendered(route("a/critical", `team="a"`, `severity="critical"`, `zone!="test"`), route("a/default", `team="a"`)),
		"#a-default", "#elsewhere"))
	before := []Alert{
		alertOf("Same", "sum(up)", "severity", "critical"),
		alertOf("Gone", "up", "severity", "warning"),
		alertOf("Moved", "up", "severity", "warning"),
		alertOf("Two", "sum(up)", "severity", "warning"), alertOf("Two", "sum(up)", "severity", "critical"),
		alertOf("Graver", "sum(up)", "severity", "info"),
		alertOf("Zoned", "up", "severity", "critical"),
	}
	after := []Alert{
		alertOf("Same", "sum(up)", "severity", "critical"),
		alertOf("Moved", "up", "severity", "warning"),
		alertOf("Two", "sum(up)", "severity", "critical"), alertOf("Two", "sum(up)", "severity", "warning"),
		alertOf("Graver", "sum(up)", "severity", "critical"),
		alertOf("Zoned", "up", "severity", "critical"),
		alertOf("New|<b>", "up", "severity", "critical"),
	}
	d := Diff(base.Outcomes(before, testSender(t), k), head.Outcomes(after, testSender(t), k))
	var table, markdown bytes.Buffer
	if err := d.Table(&table); err != nil {
		t.Fatal(err)
	}
	if err := d.Markdown(&markdown); err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "diff.txt", table.Bytes())
	golden(t, "diff.md", markdown.Bytes())
	golden(t, "diff.json", append(data, '\n'))
	if none := Diff(base.Outcomes(before, nil, k), base.Outcomes(before, nil, k)); len(none.Changes) > 0 || none.Unchanged != len(before) {
		t.Errorf("the same is not the same: %+v", none)
	}
}

// TestSecretAddress: an address that is not shown is compared all the same.
func TestSecretAddress(t *testing.T) {
	config := func(path string) string {
		return "route: {receiver: a/x}\nreceivers:\n- name: a/x\n  webhook_configs: [{url: 'https://hooks.example.org/" + path + "'}]\n"
	}
	alerts := []Alert{alertOf("X", "up")}
	d := Diff(
		mustLoad(t, config("secret-1")).Outcomes(alerts, nil, NewKnower()),
		mustLoad(t, config("secret-2")).Outcomes(alerts, nil, NewKnower()),
	)
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Changes) != 1 || bytes.Contains(data, []byte("secret-")) {
		t.Errorf("%s", data)
	}
}

// manyTeams is a configuration of 500 teams with three routes each.
func manyTeams(defaultName string) string {
	var all []string
	for i := range 500 {
		team := fmt.Sprintf(`team="team-%d"`, i)
		name := fmt.Sprintf("team-%d/", i)
		all = append(all, route(name+"critical", team, `severity="critical"`), route(name+"warning", team, `severity=~"warning|info"`), route(name+defaultName, team))
	}
	return rendered(all...)
}

// manyAlerts are 100,000 alerts of 500 teams; one in ten leaves its severity to its expression.
func manyAlerts() []Alert {
	alerts := make([]Alert, 100_000)
	for i := range alerts {
		team := fmt.Sprintf("team-%d", i%500)
		alerts[i] = Alert{
			Environment: "prod", Team: team, Name: fmt.Sprintf("Alert%d", i),
			Expr:   fmt.Sprintf(`sum by (job, severity) (rate(http_requests_total{job="api-%d",code=~"5.."}[5m])) / sum by (job) (rate(http_requests_total[5m])) > %d`, i, i),
			Static: map[string]string{"team": team},
		}
		if i%10 > 0 {
			alerts[i].Static["severity"] = pickOf(i, "critical", "warning", "info")
		}
	}
	return alerts
}

// BenchmarkDiff is both sides of a pull request, from the configurations' texts.
func BenchmarkDiff(b *testing.B) {
	alerts, before, after, sender := manyAlerts(), manyTeams("default"), manyTeams("other"), testSender(b)
	for b.Loop() {
		k := NewKnower()
		base, head := mustLoad(b, before), mustLoad(b, after)
		d := Diff(base.Outcomes(alerts, sender, k), head.Outcomes(alerts, sender, k))
		if len(d.Changes) != 10_000 {
			b.Fatalf("%d changes, %d as before", len(d.Changes), d.Unchanged)
		}
	}
}

func BenchmarkProve(b *testing.B) {
	in := Input{Tree: mustLoad(b, manyTeams("default")), Alerts: manyAlerts(), Sender: testSender(b), Severities: []string{"critical", "warning", "info"}, OnCallReceiver: "on-call-alerts"}
	for b.Loop() {
		in.Knower = NewKnower()
		for _, v := range Prove(in) {
			if v.Result != Proven {
				b.Fatal(v)
			}
		}
	}
}

func BenchmarkFindings(b *testing.B) {
	tree := mustLoad(b, manyTeams("default"))
	for b.Loop() {
		if found := tree.Findings("critical"); len(found) > 0 {
			b.Fatal(found)
		}
	}
}

func pickOf(i int, from ...string) string { return from[i%len(from)] }

func TestMarkdownIsShort(t *testing.T) {
	var d Difference
	for i := range 1000 {
		d.Changes = append(d.Changes, Change{Kind: Added, Team: "a", Alert: fmt.Sprint("Alert", i)})
	}
	var b bytes.Buffer
	if err := d.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	want := "**Who is told:** 0 changed, 1000 added, 0 lost, 0 as before.\n\n" +
		"| | environment | team | alerts | before | after |\n| --- | --- | --- | --- | --- | --- |\n" +
		"| added | - | a | `Alert0`, `Alert1`, `Alert2`, `Alert3`, `Alert4`, and 995 more | - | - |\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}
