package repolayout

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// Secrets are the parts of one file that may be secret: passwords, tokens and the
// like stand there in clear text by mistake. Whoever shows a line of the file, or
// repeats a value of it, leaves them out. Where it is not certain it is rather
// taken for a secret: of a line that is hidden, the file, line and column are told
// all the same.
type Secrets struct {
	lines map[int][]Part
	words []string
}

// Part is some bytes of a line or text.
type Part struct{ From, To int }

// Hidden stands in a text where a secret was, as in what Prometheus shows.
const Hidden = "<secret>"

// SecretsOf finds them by the keys that they stand under, also in comments and in
// files that are no YAML, and by the URLs that hold a password.
func SecretsOf(file string, content []byte) *Secrets {
	s := &Secrets{lines: map[int][]Part{}}
	if !maySecret.Match(content) {
		return s
	}
	f := &secretFinder{Secrets: s, keys: secretKeysOf(file), lines: bytes.Split(content, []byte("\n"))}
	whole := f.document(content)
	f.text(!whole)
	f.urls()
	for line, parts := range s.lines {
		s.lines[line] = merged(parts)
	}
	slices.SortFunc(s.words, func(a, b string) int { return len(b) - len(a) })
	s.words = slices.Compact(s.words)
	return s
}

// Line is what a line, from 1 on, hides: in order and apart from each other.
func (s *Secrets) Line(line int) []Part { return s.lines[line] }

// hideIn takes them out of problems. A hint repeats nothing but in quotes.
func (s *Secrets) hideIn(found []Problem) {
	for i := range found {
		p := &found[i]
		p.Message = s.Hide(p.Message)
		for _, word := range s.words {
			p.Hint = strings.ReplaceAll(p.Hint, `"`+word+`"`, `"`+Hidden+`"`)
		}
	}
}

const (
	shortest = 3 // of a secret that is looked for in texts
	telling  = 7 // bytes of one: messages cut what they quote
)

// Hide takes the secrets out of a text that may repeat them, or how they begin.
func (s *Secrets) Hide(text string) string {
	for _, p := range slices.Backward(passwords(text)) {
		text = text[:p.From] + Hidden + text[p.To:]
	}
	for _, word := range s.words {
		text = without(text, word)
	}
	return text
}

func without(text, word string) string {
	var out strings.Builder
	head := word[:min(len(word), telling)]
	for done := 0; ; {
		at := strings.Index(text[done:], head)
		if at < 0 {
			return out.String() + text
		}
		at += done
		end := at + len(head)
		for end < len(text) && end-at < len(word) && text[end] == word[end-at] {
			end++
		}
		if within(text, at) || !cut.MatchString(text[end:]) && (end-at < len(word) || within(text, end)) {
			done = end
			continue
		}
		out.WriteString(text[:at] + Hidden)
		text, done = text[end:], 0
	}
}

// cut is what follows on the beginning of a longer text.
var cut = regexp.MustCompile(`^(\.\.|…|\\)`)

// within says whether a place is inside of a word: "pass" is not in "password".
func within(text string, at int) bool {
	isWord := func(c byte) bool { return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }
	return at > 0 && at < len(text) && isWord(text[at-1]) && isWord(text[at])
}

// merged puts parts in order and makes one of those with no more than a blank between.
func merged(parts []Part) []Part {
	slices.SortFunc(parts, func(a, b Part) int { return a.From - b.From })
	out := parts[:1]
	for _, p := range parts[1:] {
		if last := &out[len(out)-1]; p.From <= last.To+1 {
			last.To = max(last.To, p.To)
		} else {
			out = append(out, p)
		}
	}
	return out
}
