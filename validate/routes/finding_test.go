package routes

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

// rendered is a configuration as it is rendered, with routes after the copy to on-call.
func rendered(routes ...string) string {
	receivers := map[string]bool{}
	for _, r := range routes {
		for line := range strings.Lines(r) {
			if _, name, ok := strings.Cut(strings.TrimSpace(line), "receiver: "); ok {
				receivers[strings.Trim(name, "'\" ,}")] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString("route:\n  receiver: on-call-alerts\n  group_by: [alertname]\n  routes:\n  - receiver: on-call-alerts\n    continue: true\n")
	for _, r := range routes {
		b.WriteString("  - " + strings.ReplaceAll(strings.TrimSpace(r), "\n", "\n    ") + "\n")
	}
	b.WriteString("time_intervals:\n- name: nights\n  time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]}]\n")
	b.WriteString("receivers:\n")
	delete(receivers, "on-call-alerts")
	for _, name := range append([]string{"on-call-alerts"}, sortedKeys(receivers)...) {
		fmt.Fprintf(&b, "- name: %s\n", name)
		if !strings.HasSuffix(name, "silent") {
			fmt.Fprintf(&b, "  slack_configs: [{channel: '#%s', api_url_file: /etc/alertmanager/secrets/slack-url}]\n", strings.ReplaceAll(name, "/", "-"))
		}
	}
	return b.String()
}

func route(receiver string, matchers ...string) string {
	text := "receiver: " + receiver
	if len(matchers) > 0 {
		text += "\nmatchers: ['" + strings.Join(matchers, "', '") + "']"
	}
	return text
}

func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		routes []string
		want   []string
	}{
		"all well": {
			routes: []string{route("a/critical", `team="a"`, `severity="critical"`), route("a/default", `team="a"`)},
		},
		"contradiction": {
			routes: []string{route("a/x", `team="a"`, `team="b"`)},
			want:   []string{`unreachable {team="a", team="b"}`},
		},
		"contradiction with the route around it": {
			routes: []string{route("a/x", `team=~"a|b"`) + "\nroutes:\n- receiver: a/y\n  matchers: ['team=\"c\"']"},
			want:   []string{`unreachable {team="c"}`},
		},
		"shadowed by one": {
			routes: []string{route("a/default", `team="a"`), route("a/critical", `team="a"`, `severity="critical"`)},
			want:   []string{`shadowed {severity="critical", team="a"} by {team="a"}`},
		},
		"shadowed by several together": {
			routes: []string{route("a/x", `team="a"`, `severity="critical"`), route("a/y", `team="a"`, `severity!="critical"`), route("a/default", `team="a"`)},
			want:   []string{`shadowed {team="a"} by {severity="critical", team="a"}, {severity!="critical", team="a"}`},
		},
		"shadowed by a regular expression": {
			routes: []string{route("a/x", `team=~"a.*"`), route("a/y", `team=~"ab+"`)},
			want:   []string{`shadowed {team=~"ab+"} by {team=~"a.*"}`},
		},
		"a regular expression leaves something": {
			routes: []string{route("a/x", `team=~"a.*"`), route("a/y", `team=~"[ab]+"`)},
		},
		"continue lets go on": {
			routes: []string{route("a/x", `team="a"`) + "\ncontinue: true", route("a/y", `team="a"`)},
		},
		"continue is missing": {
			routes: []string{route("all"), route("a/y", `team="a"`)},
			want:   []string{`shadowed {team="a"} by {}`},
		},
		"inside a dead route nothing more is said": {
			routes: []string{route("all"), route("a/y", `team="a"`) + "\nroutes:\n- receiver: a/y\n  matchers: ['severity=\"x\"']"},
			want:   []string{`shadowed {team="a"} by {}`},
		},
		"on-call is told twice": {
			routes: []string{route("on-call-alerts", `team="a"`)},
			want:   []string{`twice {team="a"} by root > {} {"team":"a"}`},
		},
		"nobody is told": {
			routes: []string{route("a/silent", `team="a"`)},
			want:   []string{`empty-receiver`},
		},
		"a page is muted": {
			routes: []string{route("a/x", `team="a"`) + "\nmute_time_intervals: [nights]"},
			want:   []string{`muted-page {team="a"} {"team":"a"}`},
		},
		"nobody is told where nothing ends": {
			routes: []string{route("a/silent", `team="a"`) + "\nroutes:\n- receiver: a/x"},
		},
		"a muted route whose children take every page": {
			routes: []string{route("a/x", `team="a"`) + "\nmute_time_intervals: [nights]\nroutes:\n- receiver: a/y\n  matchers: ['severity=\"critical\"']"},
		},
		"what is no page may be muted": {
			routes: []string{route("a/x", `team="a"`, `severity!="critical"`) + "\nmute_time_intervals: [nights]", route("a/y", `team="a"`)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range mustLoad(t, rendered(c.routes...)).Findings("critical") {
				got = append(got, brief(f))
				if f.Message == "" || f.Hint == "" {
					t.Errorf("it says %q, and hints %q", f.Message, f.Hint)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func brief(f Finding) string {
	words := []string{string(f.Kind)}
	if len(f.Path) > 0 {
		words = append(words, f.Path[len(f.Path)-1])
	}
	if len(f.By) > 0 {
		words = append(words, "by", strings.Join(f.By, ", "))
	}
	if len(f.Example) > 0 {
		var pairs []string
		for _, key := range sortedKeys(f.Example) {
			pairs = append(pairs, fmt.Sprintf("%q:%q", key, f.Example[key]))
		}
		words = append(words, "{"+strings.Join(pairs, ",")+"}")
	}
	return strings.Join(words, " ")
}

// TestUnusedReceiver: a receiver that no route names.
func TestUnusedReceiver(t *testing.T) {
	tree := mustLoad(t, rendered(route("a/x", `team="a"`))+"- name: forgotten\n  webhook_configs: [{url: http://example.org/hook}]\n")
	var got []string
	for _, f := range tree.Findings("critical") {
		got = append(got, string(f.Kind)+" "+f.Receiver)
	}
	if diff := cmp.Diff([]string{"unused-receiver forgotten"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestDeadRoutesAreDead: what is reported is never reached by any generated
// label set, and of what is not reported some label set is known that reaches it.
func TestDeadRoutesAreDead(t *testing.T) {
	t.Parallel()
	g := &treeGenerator{Rand: rand.New(rand.NewPCG(7, 8)), receivers: 5}
	dead, alive := 0, 0
	for range 1000 {
		text := g.config()
		tree := mustLoad(t, text)
		reported := map[*node]bool{}
		for _, n := range tree.nodes[1:] {
			found, ok, _, gaveUp := tree.reachable(n, tree.everything())
			switch {
			case gaveUp:
				t.Fatalf("%s: gave up\n%s", n.name(), text)
			case ok:
				alive++
				set := tree.example(Unknown(), tree.everything(), found)
				if !reaches(tree, set, n) {
					t.Fatalf("%v does not reach %v\n%s", set, n.path(), text)
				}
			default:
				dead++
				reported[n] = true
			}
		}
		for range 20 {
			set := g.labelSet()
			for n := range reported {
				if reaches(tree, set, n) {
					t.Fatalf("%v reaches %v\n%s", set, n.path(), text)
				}
			}
		}
	}
	t.Logf("%d routes are reached, %d are not", alive, dead)
	if dead < 500 || alive < 2000 {
		t.Errorf("only %d dead and %d living routes were looked at", dead, alive)
	}
}

// reaches says whether a label set walks into a route: it ends there or further in.
func reaches(tree *Tree, set map[string]string, n *node) bool {
	_, w := tree.walkOf(Exactly(set))
	for _, hit := range w.leaves[0].hits() {
		for at := hit; at != nil; at = at.parent {
			if at == n {
				return true
			}
		}
	}
	return false
}

func TestShow(t *testing.T) {
	tree := mustLoad(t, rendered(
		route("a/critical", `team="a"`, `severity="critical"`)+"\ngroup_wait: 5s\ngroup_by: ['...']",
		route("a/default", `team="a"`)+"\nmute_time_intervals: [nights]\nroutes:\n- receiver: a/db\n  matchers: ['job=~\"db.*\"']\n- receiver: a/silent",
		route("b/default", `team="b"`),
	))
	var b bytes.Buffer
	if err := tree.Show(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "show.txt", b.Bytes())
}

func TestWriteDecision(t *testing.T) {
	tree := mustLoad(t, rendered(
		route("a/critical", `team="a"`, `severity="critical"`, `environment="prod"`),
		route("a/default", `team="a"`)+"\nmute_time_intervals: [nights]",
	))
	var b bytes.Buffer
	for _, l := range []Labels{
		testSender(t).Sent(Exactly(map[string]string{"team": "a", "severity": "critical", "replica": "x"})),
		Exactly(map[string]string{"team": "b"}),
		Unknown().With("team", OneOf("a")),
	} {
		fmt.Fprintln(&b, l)
		if err := tree.WriteDecision(&b, tree.Decide(l)); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "decision.txt", b.Bytes())
}
