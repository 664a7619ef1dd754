package routes

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/common/model"
)

func mustLoad(t testing.TB, text string) *Tree {
	t.Helper()
	tree, err := Load([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return tree
}

// TestDispatcherAgrees puts 10,000 generated trees beside Alertmanager's own
// dispatcher: with every label known Decide has one outcome, the dispatcher's;
// with some unknown, what it says of a receiver holds for every completion, and
// every outcome that it gives has an example that goes that way.
func TestDispatcherAgrees(t *testing.T) {
	t.Parallel()
	g := &treeGenerator{Rand: rand.New(rand.NewPCG(5, 6)), receivers: 5}
	counts := map[Certainty]int{}
	outcomes := 0
	for range 10_000 {
		text := g.config()
		tree := mustLoad(t, text)
		c, err := config.Load(text)
		if err != nil {
			t.Fatal(err)
		}
		upstream := dispatch.NewRoute(c.Route, nil)
		set := g.labelSet()
		want := upstreamReceivers(upstream, set)
		exact := tree.Decide(Exactly(set))
		if len(exact.Outcomes) != 1 {
			t.Fatalf("%v: %d outcomes\n%s", set, len(exact.Outcomes), text)
		}
		if diff := cmp.Diff(want, hitReceivers(exact.Outcomes[0].Hits)); diff != "" {
			t.Fatalf("%v: %s\n%s", set, diff, text)
		}
		if diff := cmp.Diff(tree.Match(set), exact.Outcomes[0].Hits); diff != "" {
			t.Fatalf("%v: %s\n%s", set, diff, text)
		}
		partly := g.partly(set)
		d := tree.Decide(partly)
		if d.Undecided != "" {
			t.Fatalf("%s: %s\n%s", partly, d.Undecided, text)
		}
		outcomes += len(d.Outcomes)
		for range 10 {
			checkCompletion(t, text, upstream, d, g.complete(partly), counts)
		}
		checkExamples(t, text, upstream, tree, partly, d)
	}
	t.Logf("%v, %d outcomes", counts, outcomes)
	for _, certainty := range []Certainty{Always, Maybe, Never} {
		if counts[certainty] < 20_000 {
			t.Errorf("only %d receivers are told %s", counts[certainty], certainty)
		}
	}
}

func checkCompletion(t *testing.T, text string, upstream *dispatch.Route, d Decision, set map[string]string, counts map[Certainty]int) {
	t.Helper()
	want := upstreamReceivers(upstream, set)
	if !slices.ContainsFunc(d.Outcomes, func(o Outcome) bool { return slices.Equal(hitReceivers(o.Hits), want) }) {
		t.Fatalf("%v goes to %q, which is none of the outcomes\n%s", set, want, text)
	}
	for i := range 5 {
		name := "r" + string(rune('0'+i))
		when := d.When(name)
		counts[when]++
		if told := slices.Contains(want, name); told && when == Never || !told && when == Always {
			t.Fatalf("%v goes to %q, but %s is %s told\n%s", set, want, name, when, text)
		}
	}
}

// checkExamples: every outcome is one that can be, so that maybe means both.
func checkExamples(t *testing.T, text string, upstream *dispatch.Route, tree *Tree, alert Labels, d Decision) {
	t.Helper()
	for _, o := range d.Outcomes {
		set := map[string]string{}
		for _, name := range tree.Labels() {
			if value, ok := o.Example[name]; ok {
				set[name] = value
			}
			if !alert.Of(name).Has(set[name]) {
				t.Fatalf("%v is an example for %s\n%s", set, alert, text)
			}
		}
		if diff := cmp.Diff(hitReceivers(o.Hits), upstreamReceivers(upstream, set)); diff != "" {
			t.Fatalf("the example %v: %s\n%s", set, diff, text)
		}
	}
	for _, told := range d.Told {
		if (told.When == Maybe) != (len(told.Because) > 0) {
			t.Fatalf("%s: %s is %s told because of %v\n%s", alert, told.Receiver, told.When, told.Because, text)
		}
	}
}

func upstreamReceivers(r *dispatch.Route, set map[string]string) []string {
	lset := model.LabelSet{}
	for name, value := range set {
		lset[model.LabelName(name)] = model.LabelValue(value)
	}
	var out []string
	for _, hit := range r.Match(lset) {
		out = append(out, hit.RouteOpts.Receiver)
	}
	return out
}

func hitReceivers(hits []Hit) []string {
	var out []string
	for _, h := range hits {
		out = append(out, h.Receiver)
	}
	return out
}
