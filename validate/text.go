package validate

import (
	"bytes"
	"iter"
	"regexp"
	"strconv"
	"strings"
)

// quotedAfter is the quoted word that follows a phrase in an upstream message.
func quotedAfter(message, phrase string) (string, bool) {
	_, rest, ok := strings.Cut(message, phrase)
	if !ok {
		return "", false
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", false
	}
	word, err := strconv.Unquote(quoted)
	return word, err == nil
}

var undefinedFunction = regexp.MustCompile(`^function ("[^"]*") not defined$`)

// functionHint suggests a template function for one that is not there.
func functionHint(message string, known iter.Seq[string]) string {
	if m := undefinedFunction.FindStringSubmatch(message); m != nil {
		name, _ := strconv.Unquote(m[1])
		return didYouMean(name, known)
	}
	return ""
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)+"`)

// quotedPlace is the offset of what a message quotes last, if it stands exactly
// once in the text, and -1 otherwise.
func quotedPlace(text []byte, message string) int {
	words := quoted.FindAllString(message, -1)
	if len(words) == 0 {
		return -1
	}
	word, err := strconv.Unquote(words[len(words)-1])
	if err != nil || bytes.Count(text, []byte(word)) != 1 {
		return -1
	}
	return bytes.Index(text, []byte(word))
}
