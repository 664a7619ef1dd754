package validate

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// fragileRegexp reports regexp matchers that match otherwise than they look.
func fragileRegexp(v *ruleView, n parser.Node) {
	s, ok := n.(*parser.VectorSelector)
	if !ok || len(s.LabelMatchers) > maxMatchers {
		return
	}
	for _, m := range s.LabelMatchers {
		if m.Type != labels.MatchRegexp && m.Type != labels.MatchNotRegexp || m.Value == "" {
			continue
		}
		plain := labels.MatchEqual
		if m.Type == labels.MatchNotRegexp {
			plain = labels.MatchNotEqual
		}
		switch set := m.SetMatches(); {
		case m.Type == labels.MatchRegexp && m.Value == ".*":
			v.report(rulesRegexp, Warning, v.matcher(s, m), "take it out, or write .+ for series that have the label",
				"the matcher %s leaves nothing out", m)
		case len(set) == 1:
			v.report(rulesRegexp, Warning, v.matcher(s, m), "write "+labels.MustNewMatcher(plain, m.Name, set[0]).String(),
				"the matcher %s is no pattern: it matches one value alone", m)
		case wildDot(m.Value) >= 0:
			at := wildDot(m.Value)
			v.report(rulesRegexp, Warning, v.matcher(s, m), `write \\. for a dot`,
				"in the matcher %s, the dot after %q stands for any character", m, m.Value[wordBefore(m.Value, at):at])
		}
	}
}

// wildDot finds a dot between two words, as in a host's name, that is not
// escaped and so no dot. It is -1 where there is none.
func wildDot(pattern string) int {
	class := false
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '[':
			class = true
		case ']':
			class = false
		case '.':
			if !class && i-wordBefore(pattern, i) >= 2 && wordAfter(pattern, i) >= 2 {
				return i
			}
		}
	}
	return -1
}

// wordBefore is where the letters before an offset begin.
func wordBefore(s string, at int) int {
	for at > 0 && isLetter(s[at-1]) {
		at--
	}
	return at
}

// wordAfter is how many letters follow the byte at an offset, the last of which nothing repeats.
func wordAfter(s string, at int) int {
	n := 0
	for at+1+n < len(s) && isLetter(s[at+1+n]) {
		n++
	}
	return n
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// matcher is where a selector's matcher stands, or the selector.
func (v *ruleView) matcher(s *parser.VectorSelector, m *labels.Matcher) spot {
	start := clamp(s.PosRange.Start, len(v.rule.Expr))
	end := clamp(s.PosRange.End, len(v.rule.Expr))
	lexer := parser.Lex(v.rule.Expr[start:end])
	var last [3]parser.Item // label, operator, value
	for {
		last[0], last[1] = last[1], last[2]
		lexer.NextItem(&last[2])
		if last[2].Typ == parser.EOF || last[2].Typ == parser.ERROR {
			return v.part(start, end)
		}
		if last[2].Typ == parser.STRING && last[1].Val == m.Type.String() && unquoted(last[0].Val) == m.Name && unquoted(last[2].Val) == m.Value {
			return v.part(start+int(last[0].Pos), start+int(last[2].Pos)+len(last[2].Val))
		}
	}
}
