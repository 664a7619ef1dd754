package routes

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/pkg/labels"
	promlabels "github.com/prometheus/prometheus/model/labels"
)

// What the matchers on one label may take.
const (
	maxTable = 1 << 28     // atoms times matchers, in bits
	maxTries = 200_000_000 // bytes of words times instructions of regular expressions
)

// partition parts the values of one label into atoms: what every matcher of a
// tree treats alike.
type partition struct {
	name      string
	complete  bool                // every string is of some atom; false if there are too many
	witnesses []string            // one value for each atom
	literals  map[string]int      // the atom of each value that stands in a matcher
	others    map[string]int      // the atom of any other value, by what the patterns say of it
	patterns  []*labels.Matcher   // regular expressions that are no lists of words
	lists     map[string][]string // the words of those that are, by expression
}

// newPartition parts the values by the matchers. Of negative matchers, the
// positive ones are meant.
func newPartition(name string, matchers []*labels.Matcher) (*partition, error) {
	p := &partition{name: name, literals: map[string]int{}, others: map[string]int{}, lists: map[string][]string{}}
	words := map[string][]byte{"": nil} // and the numbers of the matchers that they stand in
	for i, m := range matchers {
		set := []string{m.Value}
		if m.Type != labels.MatchEqual {
			if set = enumerate(m.Value); len(set) == 0 {
				p.patterns = append(p.patterns, m)
				continue
			}
			p.lists[m.Value] = set
		}
		for _, word := range set {
			words[word] = binary.AppendUvarint(words[word], uint64(i))
		}
	}
	a, err := newAutomaton(p.patterns, sortedKeys(words))
	if err != nil {
		return nil, fmt.Errorf("read the matchers on the label %s: %w", name, err)
	}
	if len(words)*len(matchers) > maxTable {
		return nil, fmt.Errorf("the matchers on the label %s name %d values: too many to be told apart", name, len(words))
	}
	p.intern(words)
	p.internOthers(a)
	return p, nil
}

// intern gives atoms to the words: those that stand in the same matchers, and
// of which the patterns say the same, are of one.
func (p *partition) intern(words map[string][]byte) {
	numbers := map[string]int{}
	for _, word := range sortedKeys(words) {
		key := string(words[word]) + "/" + answers(p.patterns, word)
		number, ok := numbers[key]
		if !ok {
			number = len(p.witnesses)
			numbers[key], p.witnesses = number, append(p.witnesses, word)
			if len(words[word]) == 0 { // the absent label, where no matcher names it
				p.others[answers(p.patterns, word)] = number
			}
		}
		p.literals[word] = number
	}
}

// internOthers adds the atoms of values that stand in no matcher.
func (p *partition) internOthers(a *automaton) {
	other := func(value string) {
		key := answers(p.patterns, value)
		if _, ok := p.others[key]; !ok {
			p.others[key] = len(p.witnesses)
			p.witnesses = append(p.witnesses, value)
		}
	}
	if len(p.patterns) > 0 {
		p.complete = a.witnesses(other)
		return
	}
	p.complete = true
	value := "other"
	for n := 2; p.isLiteral(value); n++ {
		value = fmt.Sprintf("other-%d", n)
	}
	other(value)
}

func (p *partition) isLiteral(value string) bool {
	_, ok := p.literals[value]
	return ok
}

// enumerate is the set of values that a regular expression takes, if it is a
// list of words.
func enumerate(expression string) []string {
	if !utf8.ValidString(expression) {
		return nil
	}
	m, err := promlabels.NewFastRegexMatcher(expression)
	if err != nil {
		return nil
	}
	set := m.SetMatches()
	slices.Sort(set)
	return slices.Compact(set)
}

// answers is what the matchers say of a value.
func answers(matchers []*labels.Matcher, value string) string {
	out := make([]byte, len(matchers))
	for i, m := range matchers {
		if m.Matches(value) {
			out[i] = 1
		}
	}
	return string(out)
}

// atomOf is the atom of a value; false where it is of one that was not found.
func (p *partition) atomOf(value string) (int, bool) {
	if number, ok := p.literals[value]; ok {
		return number, true
	}
	number, ok := p.others[answers(p.patterns, value)]
	return number, ok
}

// of are the atoms that the values may be of; false if there may be more.
func (p *partition) of(v Values) (atoms, bool) {
	if v.any {
		return allAtoms(len(p.witnesses)), p.complete
	}
	out, known := newAtoms(len(p.witnesses)), true
	for _, value := range v.set {
		if number, ok := p.atomOf(value); ok {
			out.add(number)
		} else {
			known = false
		}
	}
	return out, known
}

// passing are the atoms that a matcher lets through.
func (p *partition) passing(m *labels.Matcher) atoms {
	out := newAtoms(len(p.witnesses))
	switch list, ok := p.lists[m.Value]; {
	case m.Type == labels.MatchEqual || m.Type == labels.MatchNotEqual:
		out.add(p.literals[m.Value])
	case ok:
		for _, word := range list {
			out.add(p.literals[word])
		}
	default:
		for i, value := range p.witnesses {
			if m.Matches(value) {
				out.add(i)
			}
		}
		return out
	}
	if m.Type == labels.MatchNotEqual || m.Type == labels.MatchNotRegexp {
		return allAtoms(len(p.witnesses)).less(out)
	}
	return out
}
