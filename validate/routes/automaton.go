package routes

import (
	"encoding/binary"
	"errors"
	"regexp/syntax"
	"slices"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// maxAutomatonWork bounds the search for the strings that some regular
// expressions tell apart: instructions looked at.
const maxAutomatonWork = 1 << 22

// automaton runs regular expressions beside each other, each as the set of
// instructions that it may be at. A state of all of them together is what they
// can still tell apart; there are finitely many, and walking through them, the
// nearest first, finds a shortest string for every way in which they can answer.
type automaton struct {
	programs []*syntax.Prog
	words    *trie
	runes    []rune // one for each class of characters that all treat alike
	work     int
	visited  sparse
}

// state is where the automaton is after some string. Its parts are never changed.
type state struct {
	at       [][]uint32 // for each program the instructions before which it stands
	accepted []bool     // programs that have matched already, whatever follows
	word     int        // the node of the trie, or -1 off it
	last     rune       // the character before, as far as it matters; -1 at the beginning
	text     string
}

// witnesses calls yield with a string for each way in which the programs can
// answer, at least, and never with one of words. It returns false if it gave up.
func (a *automaton) witnesses(yield func(string)) bool {
	first := &state{at: make([][]uint32, len(a.programs)), accepted: make([]bool, len(a.programs)), last: -1}
	for i, p := range a.programs {
		first.at[i] = []uint32{uint32(p.Start)}
	}
	seen := map[string]bool{first.key(): true}
	answers := map[string]bool{}
	for queue := []*state{first}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		if a.work > maxAutomatonWork {
			return false
		}
		if !a.words.ends(s.word) {
			if answer := a.answer(s); !answers[answer] {
				answers[answer] = true
				yield(s.text)
			}
		}
		for _, r := range a.runes {
			next := a.step(s, r)
			if a.work > maxAutomatonWork {
				return false
			}
			if key := next.key(); !seen[key] {
				seen[key] = true
				queue = append(queue, next)
			}
		}
	}
	return true
}

// answer says which programs match the text of the state as a whole.
func (a *automaton) answer(s *state) string {
	out := make([]byte, len(a.programs))
	for i := range a.programs {
		if s.accepted[i] {
			out[i] = 1
			continue
		}
		if _, matched := a.closure(i, s, -1); matched {
			out[i] = 1
		}
	}
	return string(out)
}

// step is the state after one more character.
func (a *automaton) step(s *state, r rune) *state {
	next := &state{
		at: make([][]uint32, len(a.programs)), accepted: make([]bool, len(a.programs)),
		word: a.words.step(s.word, r), last: kind(r), text: s.text + string(r),
	}
	a.work++
	for i, p := range a.programs {
		if s.accepted[i] {
			next.accepted[i] = true
			continue
		}
		pcs, matched := a.closure(i, s, r)
		if matched {
			next.accepted[i] = true
			continue
		}
		to := []uint32{uint32(p.Start)} // a match may begin anywhere
		for _, pc := range pcs {
			if p.Inst[pc].MatchRune(r) {
				to = append(to, p.Inst[pc].Out)
			}
		}
		slices.Sort(to)
		next.at[i] = slices.Compact(to)
	}
	return next
}

// closure follows what consumes no character, up to the instructions that
// would; r is the next character, -1 at the end.
func (a *automaton) closure(program int, s *state, r rune) (pcs []uint32, matched bool) {
	p := a.programs[program]
	flags := syntax.EmptyOpContext(s.last, r)
	a.visited.reset(len(p.Inst))
	todo := slices.Clone(s.at[program])
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !a.visited.add(pc) {
			continue
		}
		a.work++
		switch in := &p.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^flags == 0 {
				todo = append(todo, in.Out)
			}
		case syntax.InstMatch:
			return nil, true
		case syntax.InstFail:
		default:
			pcs = append(pcs, pc)
		}
	}
	return pcs, false
}

// sparse is a set of small numbers that is emptied at no cost.
type sparse struct {
	mark  []uint32
	round uint32
}

func (s *sparse) reset(n int) {
	if len(s.mark) < n {
		s.mark, s.round = make([]uint32, n), 0
	}
	s.round++
}

func (s *sparse) add(i uint32) bool {
	fresh := s.mark[i] != s.round
	s.mark[i] = s.round
	return fresh
}

// kind is a character that stands for all that \b, ^ and $ treat like r.
func kind(r rune) rune {
	switch {
	case r == '\n':
		return '\n'
	case syntax.IsWordChar(r):
		return 'a'
	}
	return ' '
}

func (s *state) key() string {
	key := binary.AppendVarint(nil, int64(s.word))
	key = utf8.AppendRune(key, max(s.last, 0))
	for i, pcs := range s.at {
		if s.accepted[i] {
			key = append(key, 0)
			continue
		}
		key = binary.AppendUvarint(key, uint64(len(pcs)+1))
		for _, pc := range pcs {
			key = binary.AppendUvarint(key, uint64(pc))
		}
	}
	return string(key)
}

// newAutomaton is for the strings that the regular expressions tell apart,
// besides the words, which are strings that are looked at in any case.
func newAutomaton(patterns []*labels.Matcher, words []string) (*automaton, error) {
	a := &automaton{words: newTrie(nil)}
	instructions, bytes := 0, 0
	for _, m := range patterns {
		re, err := syntax.Parse("^(?:"+m.Value+")$", syntax.Perl)
		if err != nil {
			return nil, err
		}
		p, err := syntax.Compile(re.Simplify())
		if err != nil {
			return nil, err
		}
		a.programs = append(a.programs, p)
		instructions += len(p.Inst)
	}
	for _, word := range words {
		bytes += len(word) + 1
	}
	if instructions*bytes > maxTries {
		return nil, errors.New("the regular expressions are too large, or there are too many of them")
	}
	if len(patterns) > 0 {
		a.words = newTrie(words)
		a.runes = a.classes()
	}
	return a, nil
}
