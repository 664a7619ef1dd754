package routes

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/prometheus/alertmanager/pkg/labels"
)

func mustMatcher(t testing.TB, kind labels.MatchType, name, value string) *labels.Matcher {
	t.Helper()
	m, err := labels.NewMatcher(kind, name, value)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPartition(t *testing.T) {
	for _, c := range []struct {
		equal, regexps []string
		want           []string
	}{
		{equal: []string{"a", "b"}, want: []string{"", "a", "b", "other"}},
		{equal: []string{"other"}, want: []string{"", "other", "other-2"}},
		{regexps: []string{"warning|info"}, want: []string{"", "info", "other"}},
		{equal: []string{"info"}, regexps: []string{"warning|info"}, want: []string{"", "info", "warning", "other"}},
		{regexps: []string{".*"}, want: []string{"", "\n"}},
		{regexps: []string{"(?s).*"}, want: []string{""}},
		{regexps: []string{".+"}, want: []string{"", "a"}},
		{regexps: []string{"a.*", ".*b"}, want: []string{"", "a", "b", "ab"}},
		{regexps: []string{"a.*", "ab.*"}, want: []string{"", "a", "ab"}},
		{regexps: []string{"(?i)prod"}, equal: []string{"prod", "PROD"}, want: []string{"", "PROD", "prod", "a", "pROD"}},
		{regexps: []string{`x\b.`}, want: []string{"", "x\x01"}},
		{regexps: []string{"[^a]"}, want: []string{"", "b"}},
		{regexps: []string{"a)|(b"}, want: []string{"", "a", "b"}},
		{regexps: []string{"a)|(b", "x.*"}, want: []string{"", "xb", "ab", "xa"}}, // the brackets around it are upstream's
	} {
		var matchers []*labels.Matcher
		for _, value := range c.equal {
			matchers = append(matchers, mustMatcher(t, labels.MatchEqual, "l", value))
		}
		for _, value := range c.regexps {
			matchers = append(matchers, mustMatcher(t, labels.MatchRegexp, "l", value))
		}
		p, err := newPartition("l", matchers)
		if err != nil {
			t.Fatal(err)
		}
		if !p.complete {
			t.Errorf("%q %q: not complete", c.equal, c.regexps)
		}
		for _, want := range c.want {
			if n, ok := p.atomOf(want); !ok || answers(matchers, p.witnesses[n]) != answers(matchers, want) {
				t.Errorf("%q %q: the like of %q was not found, only %q", c.equal, c.regexps, want, p.witnesses)
			}
		}
	}
}

// TestPartitionIsComplete looks for strings of which generated matchers say
// what they say of none of the witnesses.
func TestPartitionIsComplete(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	tried, split := 0, 0
	for range 1200 {
		var matchers []*labels.Matcher
		for range 1 + random.IntN(4) {
			expression := generateRegexp(random, 3)
			if _, err := regexp.Compile("^(?:" + expression + ")$"); err == nil {
				matchers = append(matchers, mustMatcher(t, labels.MatchRegexp, "l", expression))
			}
		}
		for range random.IntN(3) {
			matchers = append(matchers, mustMatcher(t, labels.MatchEqual, "l", generateValue(random)))
		}
		p, err := newPartition("l", matchers)
		if err != nil {
			t.Fatal(err)
		}
		if !p.complete {
			continue
		}
		split += len(p.witnesses)
		for range 100 {
			value := generateValue(random)
			got, ok := p.atomOf(value)
			if !ok || answers(matchers, value) != answers(matchers, p.witnesses[got]) {
				t.Fatalf("%v: %q is like none of %q", matchers, value, p.witnesses)
			}
			tried++
		}
		distinct := map[string]bool{}
		for i, w := range p.witnesses {
			distinct[answers(matchers, w)] = true
			for _, m := range matchers {
				if p.passing(m).has(i) != m.Matches(w) {
					t.Fatalf("%s: of %q it says %v", m, w, p.passing(m).has(i))
				}
			}
			if got, _ := p.atomOf(w); got != i {
				t.Fatalf("%v: %q is of the atom %d, not %d", matchers, w, got, i)
			}
		}
		if len(distinct) != len(p.witnesses) {
			t.Fatalf("%v: two witnesses are alike: %q", matchers, p.witnesses)
		}
	}
	t.Logf("%d values, %d atoms", tried, split)
	if tried < 100_000 || split < 4_000 {
		t.Errorf("only %d values and %d atoms were looked at", tried, split)
	}
}

const alphabet = "abAB1_ -\né"

func generateValue(r *rand.Rand) string {
	runes := []rune(alphabet)
	value := make([]rune, r.IntN(5))
	for i := range value {
		value[i] = runes[r.IntN(len(runes))]
	}
	return string(value)
}

func generateRegexp(r *rand.Rand, depth int) string {
	if depth == 0 {
		return pick(r, "a", "b", "A", "é", "1", ".", "[ab]", "[^a]", `\w`, `\d`, `\b`, `\B`, "^", "$", "(?s).", "(?m)^", "(?m)$", "", "-", `\pL`, "[[:upper:]]")
	}
	sub := func() string { return generateRegexp(r, depth-1) }
	switch r.IntN(5) {
	case 0, 1:
		return sub() + sub()
	case 2:
		return "(?:" + sub() + "|" + sub() + ")"
	case 3:
		return "(?:" + sub() + ")" + pick(r, "*", "+", "?", "{2}", "*?")
	}
	return pick(r, "(?i:", "(", "(?s:") + sub() + ")"
}

// TestPartitionIsBounded: what has too many states ends, and says so.
func TestPartitionIsBounded(t *testing.T) {
	var matchers []*labels.Matcher
	for i := range 24 {
		matchers = append(matchers, mustMatcher(t, labels.MatchRegexp, "l", fmt.Sprintf(".*%c.{12}", 'a'+rune(i))))
	}
	p, err := newPartition("l", matchers)
	if err != nil {
		t.Fatal(err)
	}
	if p.complete {
		t.Error("the strings that these tell apart were all found")
	}
	if _, complete := p.of(Anything()); complete {
		t.Error("it claims to know every atom")
	}
	if got, ok := p.of(OneOf("")); !ok || !slices.Equal(got, p.passingEmpty()) {
		t.Error("the atom of the absent label is not known")
	}
}

func (p *partition) passingEmpty() atoms {
	a := newAtoms(len(p.witnesses))
	a.add(p.literals[""])
	return a
}
