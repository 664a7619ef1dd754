package routes

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	const tail = "\nreceivers: [{name: r}]\n"
	many := func(n int, line string) string {
		var b strings.Builder
		b.WriteString("route:\n  receiver: r\n  routes:\n")
		for i := range n {
			fmt.Fprintf(&b, line+"\n", i)
		}
		return b.String() + tail
	}
	deep := "route: {receiver: r, routes: [" + strings.Repeat("{receiver: r, routes: [", 300) + strings.Repeat("]}", 300) + "]}" + tail
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {"", "no route provided in config"},
		"no YAML":           {"route: [", "did not find expected node content"},
		"unknown receiver":  {"route: {receiver: x}" + tail, `undefined receiver "x" used in route`},
		"unknown key":       {"route: {receiver: r, reciever: x}" + tail, "field reciever not found"},
		"an empty route":    {"route: {receiver: r, routes: [null]}" + tail, "look for an item of a list that is empty"},
		"a bad expression":  {"route: {receiver: r, routes: [{matchers: ['a=~\"(\"']}]}" + tail, "missing closing )"},
		"too many routes":   {many(maxRoutes, "  - {receiver: r, group_by: [l%d]}"), "it has more than 50000 routes"},
		"too deep":          {deep, "it has more than 50000 routes, 200 of them in each other"},
		"too many values":   {many(17_000, "  - {matchers: ['a=\"%d\"']}"), "the matchers on the label a name 17001 values: too many to be told apart"},
		"large expressions": {many(1000, "  - {matchers: ['a=\"%[1]d\"', 'a=~\"(x%[1]d.*y){30}\"']}"), "the regular expressions are too large, or there are too many of them"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "read Alertmanager's configuration: ") {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// TestTooManyCombinations: an answer that would take too long is not guessed.
func TestTooManyCombinations(t *testing.T) {
	var routes []string
	for i := range 20 {
		routes = append(routes, route(fmt.Sprintf("a/r%d", i), fmt.Sprintf(`l%d="x"`, i))+"\ncontinue: true")
	}
	tree := mustLoad(t, rendered(routes...))
	if got, want := tree.Decide(Unknown()).Undecided, "too many combinations of its labels matter: more than 4096"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if d := tree.Decide(Exactly(map[string]string{"l3": "x"})); d.When("a/r3") != Always || d.When("a/r4") != Never {
		t.Errorf("%+v", d)
	}
	for i := range 300 {
		routes = append(routes, route(fmt.Sprintf("b/r%d", i))+"\ncontinue: true")
	}
	many := mustLoad(t, rendered(routes[8:]...))
	if got, want := many.Decide(Unknown()).Undecided, "too many routes take it, in too many combinations of its labels"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	v := Prove(Input{Tree: tree, Alerts: []Alert{alertOf("X", "up")}})[0]
	if v.Result != Undecided || v.Why == "" {
		t.Errorf("%+v", v)
	}
}

// TestReasons: what cannot be decided is named, with what is known of it.
func TestReasons(t *testing.T) {
	tree := mustLoad(t, rendered(route("a/critical", `team="a"`, `severity="critical"`), route("a/db", `job=~"db.*"`), route("a/default")))
	d := tree.Decide(Labels{}.With("team", OneOf("a")).With("severity", OneOf("critical", "info")).With("job", Anything()))
	var got []string
	for _, told := range d.Told {
		got = append(got, fmt.Sprint(told.Receiver, " ", told.When, " ", told.Because))
	}
	want := []string{
		`a/critical maybe [severity="critical" cannot be decided: severity may be "critical" or "info"]`,
		`a/db maybe [job=~"db.*" cannot be decided: job may be any value or none]`,
		`a/default maybe [job=~"db.*" cannot be decided: job may be any value or none severity="critical" cannot be decided: severity may be "critical" or "info"]`,
		`on-call-alerts always []`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestHit: what is told about a route that an alert ends at.
func TestHit(t *testing.T) {
	tree := mustLoad(t, rendered(route("a/x", `team="a"`)+"\ncontinue: true\nroutes:\n- receiver: a/y\n  matchers: ['job=\"db\"']\n  group_by: [job, team]\n  mute_time_intervals: [nights]\n  active_time_intervals: [nights]"))
	got := tree.Match(map[string]string{"team": "a", "job": "db"})
	want := []Hit{
		{Receiver: "on-call-alerts", Path: []string{"root", "{}"}, Continue: true, GroupBy: []string{"alertname"}},
		{
			Receiver: "a/y", Path: []string{"root", `{team="a"}`, `{job="db"}`}, GroupBy: []string{"job", "team"},
			MuteTimes: []string{"nights"}, ActiveTimes: []string{"nights"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTogether uses one tree and one knower from many goroutines.
func TestTogether(t *testing.T) {
	tree, k := mustLoad(t, rendered(route("a/x", `team="a"`, `job="db"`))), NewKnower()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 50 {
				alerts := []Alert{alertOf("X", fmt.Sprintf(`up{job="db-%d"}`, i)), alertOf("Y", "up")}
				if got := tree.Outcomes(alerts, nil, k); len(got[0].Told) != 1 || len(got[1].Told) != 2 {
					t.Errorf("%+v", got)
				}
				tree.Match(map[string]string{"team": "a"})
			}
		})
	}
	all.Wait()
}

// FuzzTree: no configuration makes Load or what follows run away or crash, and
// what is decided of a label set that is known in full is what Match says.
func FuzzTree(f *testing.F) {
	f.Add([]byte(rendered(route("a/x", `team="a"`, `severity=~"critical|warning"`), route("a/y", `job!~"(?i)db.*"`))), "team", "a", "severity", "critical")
	f.Add([]byte("route: {receiver: r, routes: [{match: {a: b}, match_re: {c: '.+'}}]}\nreceivers: [{name: r, webhook_configs: [{url: 'http://x'}]}]\ninhibit_rules: [{source_matchers: ['a=b'], target_matchers: ['a=c'], equal: [d]}]"), "a", "b", "c", "d")
	f.Add([]byte("route: {receiver: r, routes: [{matchers: ['a=~\"(?s)(.*x){3}\\\\b\"'], continue: true, routes: [{matchers: [a!=x]}]}]}\nreceivers: [{name: r}]"), "a", "x", "", "")
	f.Fuzz(func(t *testing.T, config []byte, name1, value1, name2, value2 string) {
		tree, err := Load(config)
		if err != nil {
			return
		}
		set := map[string]string{name1: value1, name2: value2}
		if utf8.ValidString(value1) && utf8.ValidString(value2) {
			d := tree.Decide(Exactly(set))
			if d.Undecided == "" {
				if len(d.Outcomes) != 1 {
					t.Fatalf("%d outcomes", len(d.Outcomes))
				}
				if diff := cmp.Diff(tree.Match(set), d.Outcomes[0].Hits); diff != "" {
					t.Fatal(diff)
				}
			}
		}
		unknown := tree.Decide(Unknown())
		for _, hit := range tree.Match(set) {
			if unknown.Undecided == "" && unknown.When(hit.Receiver) == Never {
				t.Fatalf("%s is told, though never told", hit.Receiver)
			}
		}
		tree.Findings("critical")
		alerts := []Alert{{Name: "A", Team: "a", Expr: value1, Static: map[string]string{name2: value2, "severity": value1}}}
		Prove(Input{Tree: tree, Alerts: alerts, Severities: []string{"critical"}, OnCallReceiver: "r"})
		tree.Inhibited(alerts, nil, NewKnower(), "critical")
		if err := tree.Show(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}
