package routes

import (
	"cmp"
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// classes finds one character for each set of those that nothing tells apart,
// those first that read best.
func (a *automaton) classes() []rune {
	edges := []rune{1, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1, 0xd800, 0xe000}
	edge := func(lo, hi rune) { edges = append(edges, lo, hi+1) }
	distinct := map[string]*syntax.Inst{}
	for _, p := range a.programs {
		for i := range p.Inst {
			in := &p.Inst[i]
			if key := fmt.Sprint(in.Op, in.Arg, in.Rune); in.Op >= syntax.InstRune && distinct[key] == nil {
				distinct[key] = in
				instEdges(in, edge)
			}
		}
	}
	instructions := slices.Collect(maps.Values(distinct))
	named := map[rune]bool{}
	a.words.eachRune(func(r rune) { named[r] = true; edge(r, r) })
	slices.SortFunc(edges, func(x, y rune) int { return cmp.Or(cmp.Compare(looks(x), looks(y)), cmp.Compare(x, y)) })
	var out []rune
	seen := map[string]bool{}
	for _, r := range slices.Compact(edges) {
		if r > unicode.MaxRune || r >= 0xd800 && r < 0xe000 {
			continue
		}
		alike := classOf(r, instructions, named[r])
		if a.work += len(distinct) + 1; a.work > maxAutomatonWork {
			break
		}
		if !seen[alike] {
			seen[alike] = true
			out = append(out, r)
		}
	}
	return out
}

// looks is smaller for characters that people write in labels.
func looks(r rune) int {
	switch {
	case r >= 'a' && r <= 'z':
		return 0
	case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r == '_', r == '-':
		return 1
	case r > ' ' && r != utf8.RuneError && unicode.IsPrint(r):
		return 2
	}
	return 3
}

// classOf is equal for characters that nothing tells apart.
func classOf(r rune, instructions []*syntax.Inst, named bool) string {
	alike := []byte(string(kind(r)))
	if named {
		alike = append(alike, string(r)...)
	}
	for _, in := range instructions {
		alike = strconv.AppendBool(alike, in.MatchRune(r))
	}
	return string(alike)
}

func instEdges(in *syntax.Inst, edge func(lo, hi rune)) {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1:
		if len(in.Rune) == 1 {
			edge(in.Rune[0], in.Rune[0])
			if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
				for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
					edge(r, r)
				}
			}
			return
		}
		for i := 0; i+1 < len(in.Rune); i += 2 {
			edge(in.Rune[i], in.Rune[i+1])
		}
	case syntax.InstRuneAnyNotNL:
		edge('\n', '\n')
	}
}

// trie holds the words, as numbered nodes of which 0 is the root.
type trie struct {
	next []map[rune]int
	end  []bool
}

func newTrie(words []string) *trie {
	t := &trie{next: []map[rune]int{{}}, end: []bool{false}}
	for _, word := range words {
		node := 0
		for _, r := range word {
			to, ok := t.next[node][r]
			if !ok {
				to = len(t.next)
				t.next, t.end = append(t.next, map[rune]int{}), append(t.end, false)
				t.next[node][r] = to
			}
			node = to
		}
		t.end[node] = true
	}
	return t
}

func (t *trie) step(node int, r rune) int {
	if node >= 0 {
		if to, ok := t.next[node][r]; ok {
			return to
		}
	}
	return -1
}

func (t *trie) ends(node int) bool { return node >= 0 && t.end[node] }

func (t *trie) eachRune(f func(rune)) {
	for _, next := range t.next {
		for r := range next {
			f(r)
		}
	}
}
