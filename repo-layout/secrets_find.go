package repolayout

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// secretFinder looks through one file.
type secretFinder struct {
	*Secrets
	keys    func(key string, value *yaml.Node) bool
	lines   [][]byte
	scalars []*yaml.Node // in the order of the text
	found   map[*yaml.Node]bool
}

// document finds the secrets of YAML, and says whether the text is such.
func (f *secretFinder) document(content []byte) bool {
	if otherBreak.Match(content) { // YAML counts lines by them, and nobody else does
		return false
	}
	f.found = map[*yaml.Node]bool{}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		doc, err := nextDocument(decoder)
		if err != nil {
			return false
		}
		if doc == nil {
			break
		}
		f.walk(doc, false, 0)
	}
	for i, n := range f.scalars {
		if !f.found[n] {
			continue
		}
		last, end := len(f.lines), len(f.lines[len(f.lines)-1])
		if i+1 < len(f.scalars) {
			last, end = f.scalars[i+1].Line, f.scalars[i+1].Column-1
		}
		f.word(n.Value)
		f.region(n, last, end)
	}
	return true
}

func (f *secretFinder) walk(n *yaml.Node, secret bool, depth int) {
	if depth > maxDepth {
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		f.scalars = append(f.scalars, n)
		if secret {
			f.mark(n.Alias)
		}
	case yaml.ScalarNode:
		f.scalars = append(f.scalars, n)
		if m := keyed.FindStringSubmatchIndex(n.Value); m != nil && m[0] == 0 && !strings.ContainsAny(n.Value, " \n") {
			secret = secret || f.keys(n.Value[m[2]:m[3]], nil)
		}
		f.found[n] = f.found[n] || secret && n.ShortTag() != "!!null"
	case yaml.MappingNode:
		f.mapping(n, secret, depth)
	default:
		for _, child := range n.Content {
			f.walk(child, secret, depth+1)
		}
	}
}

// mark takes all of what an alias names for secret.
func (f *secretFinder) mark(n *yaml.Node) {
	if f.found[n] || n.ShortTag() == "!!null" {
		return
	}
	f.found[n] = true
	for _, child := range n.Content {
		f.mark(child)
	}
}

// mapping knows too the name and value of a variable, and Kubernetes' Secrets.
func (f *secretFinder) mapping(n *yaml.Node, secret bool, depth int) {
	values := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		values[n.Content[i].Value] = follow(n.Content[i+1]).Value
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f.scalars = append(f.scalars, key)
		inner := secret && !besides.MatchString(key.Value) || f.keys(key.Value, follow(value)) ||
			key.Value == "value" && f.keys(values["name"], nil) ||
			values["kind"] == "Secret" && (key.Value == "data" || key.Value == "stringData")
		f.walk(value, inner, depth+1)
	}
}

// region hides a scalar up to the next thing that is written. Comments of the
// same line go with it, those of lines of their own only where text may look so.
func (f *secretFinder) region(n *yaml.Node, last, end int) {
	if n.Line > len(f.lines) {
		return
	}
	first := f.lines[n.Line-1]
	from := bytesOf(first, n.Column-1)
	if last == n.Line {
		text := bytes.TrimRight(first[:max(from, bytesOf(first, end))], " \t,") // no scalar ends with the comma after it
		f.hide(n.Line, from, len(text))
		return
	}
	f.hide(n.Line, from, len(first))
	block := n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	if quoted && closed(first[from:]) {
		return
	}
	for line := n.Line + 1; line <= min(last, len(f.lines)); line++ {
		text, to := f.lines[line-1], len(f.lines[line-1])
		if line == last {
			to = bytesOf(text, end)
		}
		bare := strings.Trim(string(text[:to]), " \t\r-?[{}],")
		if bare != "" && (block || quoted || bare[0] != '#') {
			f.hide(line, 0, to)
		}
	}
}

var otherBreak = regexp.MustCompile(`\r[^\n]|\r$|\x{85}|\x{2028}|\x{2029}`)

// closed says whether a quoted scalar ends on the line that it begins on.
func closed(text []byte) bool {
	bare := quotedQuote.ReplaceAll(text, nil)
	return bytes.Count(bare, []byte("'")) > 1 || bytes.Count(bare, []byte(`"`)) > 1
}

// quotedQuote is a quote that ends nothing.
var quotedQuote = regexp.MustCompile(`\\.|''`)

// bytesOf is how many bytes the first characters of a line take.
func bytesOf(line []byte, characters int) int {
	at := 0
	for ; characters > 0 && at < len(line); characters-- {
		_, size := utf8.DecodeRune(line[at:])
		at += size
	}
	return at
}

// text looks at lines as they are: at all of them, or at comments.
func (f *secretFinder) text(all bool) {
	inside := -1 // how deep the key stands whose value may go on
	for i, line := range f.lines {
		start := 0
		if !all {
			if start = bytes.IndexByte(line, '#'); start < 0 {
				continue
			}
		}
		indent := len(line) - len(bytes.TrimLeft(line, " \t-"))
		if all && inside >= 0 && (indent > inside || len(bytes.TrimSpace(line)) == 0) {
			f.word(strings.TrimSpace(string(line)))
			f.hide(i+1, indent, len(line))
			continue
		}
		inside = -1
		for _, m := range keyed.FindAllSubmatchIndex(line[start:], -1) {
			if !f.keys(string(line[start+m[2]:start+m[3]]), nil) {
				continue
			}
			if inside = indent; start+m[1] < len(line) {
				f.word(strings.Trim(string(line[start+m[1]:]), " \t\r\"'*&@,[]{}"))
				f.hide(i+1, start+m[1], len(line))
			}
			break
		}
	}
}

func (f *secretFinder) urls() {
	for i, line := range f.lines {
		for _, p := range passwords(string(line)) {
			f.hide(i+1, p.From, p.To)
			for part := range strings.FieldsFuncSeq(string(line[p.From:p.To]), func(r rune) bool { return r == '/' || r == '@' }) {
				f.word(part)
			}
		}
	}
}

func (f *secretFinder) hide(line, from, to int) {
	text := f.lines[line-1]
	for to > from && strings.IndexByte(" \t\r", text[to-1]) >= 0 {
		to--
	}
	for from < to && strings.IndexByte(" \t", text[from]) >= 0 {
		from++
	}
	if from < to {
		f.Secrets.lines[line] = append(f.Secrets.lines[line], Part{from, to})
	}
}

// word notes what messages may repeat, as it is and as it is quoted.
func (f *secretFinder) word(word string) {
	for _, w := range []string{word, strings.Trim(strconv.Quote(word), `"`)} {
		if len(w) >= shortest {
			f.words = append(f.words, w)
		}
	}
}
