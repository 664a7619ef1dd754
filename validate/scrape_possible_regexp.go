package validate

import (
	"regexp/syntax"
	"strings"

	"github.com/prometheus/prometheus/model/relabel"
)

// joined is the text that a relabelling rule looks at: the values of its source
// labels with the separator between them.
type joined struct {
	parts  []possible
	sep    string
	values []string // all that there can be, if finite
	finite bool
}

func join(parts []possible, sep string) joined {
	j := joined{parts: parts, sep: sep, values: []string{""}, finite: true}
	for i, p := range parts {
		if p.any || len(j.values)*len(p.values) > maxPossible {
			j.values, j.finite = nil, false
			return j
		}
		var longer []string
		for _, before := range j.values {
			if i > 0 {
				before += sep
			}
			for _, v := range p.values {
				longer = append(longer, before+v)
			}
		}
		j.values = longer
	}
	return j
}

// mayMatch says whether the regexp can match the text. It is right where it says no.
func (j joined) mayMatch(regex relabel.Regexp) bool {
	if j.finite {
		for _, v := range j.values {
			if regex.MatchString(v) {
				return true
			}
		}
		return false
	}
	if len(j.parts) == 1 {
		if match, known := j.parts[0].decided(regex); known {
			return match
		}
	}
	return reaches(regex, j)
}

// mustMatch says whether the regexp matches whatever the text is. It is right where it says yes.
func (j joined) mustMatch(regex relabel.Regexp) bool {
	if j.finite {
		for _, v := range j.values {
			if !regex.MatchString(v) {
				return false
			}
		}
		return true
	}
	if len(j.parts) != 1 {
		nonEmpty := j.sep != "" && len(j.parts) > 1
		for _, p := range j.parts {
			nonEmpty = nonEmpty || !p.mayBeEmpty()
		}
		return matchesAllBut(regex, nonEmpty)
	}
	match, known := j.parts[0].decided(regex)
	return known && match || matchesAllBut(regex, !j.parts[0].mayBeEmpty())
}

// matchesAllBut says whether a regexp plainly matches every text, or where
// nonEmpty is set every one but "".
func matchesAllBut(regex relabel.Regexp, nonEmpty bool) bool {
	parsed, err := syntax.Parse("(?s:"+regex.String()+")", syntax.Perl)
	return err == nil && takesAll(parsed.Simplify(), nonEmpty)
}

func takesAll(re *syntax.Regexp, nonEmpty bool) bool {
	switch re.Op {
	case syntax.OpCapture:
		return takesAll(re.Sub[0], nonEmpty)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if takesAll(sub, nonEmpty) {
				return true
			}
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub { // ".+.+" does not take one character
			if !takesAll(sub, false) {
				return false
			}
		}
		return true
	case syntax.OpQuest:
		return takesAll(re.Sub[0], true)
	case syntax.OpStar:
		return re.Sub[0].Op == syntax.OpAnyChar
	case syntax.OpPlus:
		return nonEmpty && re.Sub[0].Op == syntax.OpAnyChar
	}
	return false
}

// maxProgram bounds the regexps that are followed step by step.
const maxProgram = 4000

// pcs is a set of places in a regexp's program.
type pcs map[uint32]bool

// reaches says whether some text of the form reaches the regexp's end. What
// stands between characters, such as \b, is taken to hold.
func reaches(regex relabel.Regexp, j joined) bool {
	parsed, err := syntax.Parse(regex.Regexp.String(), syntax.Perl)
	if err != nil {
		return true
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return true
	}
	at := pcs{}
	at.enter(program, uint32(program.Start))
	for i, p := range j.parts {
		if i > 0 {
			at = at.text(program, j.sep)
		}
		at = at.value(program, p)
	}
	for pc := range at {
		if program.Inst[pc].Op == syntax.InstMatch {
			return true
		}
	}
	return false
}

// enter adds a place and all that are reached from it without a character.
func (s pcs) enter(program *syntax.Prog, pc uint32) {
	if s[pc] {
		return
	}
	s[pc] = true
	switch in := &program.Inst[pc]; in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		s.enter(program, in.Out)
		s.enter(program, in.Arg)
	case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
		s.enter(program, in.Out)
	}
}

// step is where a character leads that is taken by those instructions.
func (s pcs) step(program *syntax.Prog, takes func(*syntax.Inst) bool) pcs {
	next := pcs{}
	for pc := range s {
		switch in := &program.Inst[pc]; in.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if takes(in) {
				next.enter(program, in.Out)
			}
		}
	}
	return next
}

func (s pcs) text(program *syntax.Prog, text string) pcs {
	for _, r := range text {
		s = s.step(program, func(in *syntax.Inst) bool { return in.MatchRune(r) })
	}
	return s
}

// value is where any of the values leads.
func (s pcs) value(program *syntax.Prog, p possible) pcs {
	all := pcs{}
	if !p.any {
		for _, v := range p.values {
			for pc := range s.text(program, strings.ToValidUTF8(v, "\uFFFD")) {
				all[pc] = true
			}
		}
		return all
	}
	anything := func(*syntax.Inst) bool { return true }
	if !p.nonEmpty {
		for pc := range s {
			all[pc] = true
		}
	}
	for next := s.step(program, anything); len(next) > 0; next = next.step(program, anything) {
		grown := false
		for pc := range next {
			grown = grown || !all[pc]
			all[pc] = true
		}
		if !grown {
			break
		}
	}
	return all
}
