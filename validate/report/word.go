package report

import (
	"regexp"
	"unicode/utf8"
)

var (
	yamlKey    = regexp.MustCompile(`^("[^"]*"|'[^']*'|[\w./-]+)\s*:(\s|$)`)
	beforeNode = regexp.MustCompile(`^\s*(-\s+)*([\w./-]+:\s+)?$`)
	quotedNode = regexp.MustCompile(`^("(\\.|[^"\\])*"|'(''|[^'])*')`)
	plainNode  = regexp.MustCompile(`^[\w./#:$({<-].*?(\s+#.*|\s*)$`)
	anyWord    = regexp.MustCompile(`^[\pL\pN_:.]+`)
)

// mostWord bounds, in bytes, how far a word is looked for: a line may be a whole file.
const mostWord = 1 << 10

// wordAt is how many characters a mark takes where only the beginning of what is
// wrong is known: the key or the value that begins there, or else the word. It is
// for eyes alone; programs get no end that nobody knows.
func wordAt(line string, from int) int {
	at := 0
	for ; from > 0 && at < len(line); from-- {
		_, size := utf8.DecodeRuneInString(line[at:])
		at += size
	}
	before, rest := line[:at], line[at:min(at+mostWord, len(line))]
	if m := yamlKey.FindStringSubmatch(rest); m != nil {
		return utf8.RuneCountInString(m[1])
	}
	if m := quotedNode.FindString(rest); m != "" {
		return utf8.RuneCountInString(m)
	}
	if m := plainNode.FindStringSubmatch(rest); m != nil && beforeNode.MatchString(before) && yamlKey.MatchString(keyOf(before)) {
		return utf8.RuneCountInString(rest[:len(rest)-len(m[1])])
	}
	return max(1, utf8.RuneCountInString(anyWord.FindString(rest)))
}

// keyOf is the key that a line begins with, without what is before it.
func keyOf(before string) string {
	if m := beforeNode.FindStringSubmatch(before); m != nil {
		return m[2]
	}
	return ""
}
