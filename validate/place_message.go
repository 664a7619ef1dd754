package validate

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// errorSpan is the part of an expression that the parser's error speaks of; to
// is from where only its beginning is known. The lexer says of its own errors
// that they go on to the end of the expression, and of a closing parenthesis
// too many where it ends.
func errorSpan(query string, err *parser.ParseErr) (from, to int) {
	from, to = clamp(err.PositionRange.Start, len(query)), clamp(err.PositionRange.End, len(query))
	switch message, ok := lexerError(query); {
	case !ok || message != err.Err.Error():
		return from, max(from, to)
	case from > 0 && strings.HasPrefix(message, "unexpected right parenthesis"):
		return from - 1, from
	}
	return from, from
}

// lexerError is what the lexer has against an expression.
func lexerError(query string) (message string, ok bool) {
	lexer := parser.Lex(query)
	for {
		var item parser.Item
		switch lexer.NextItem(&item); item.Typ {
		case parser.ERROR:
			return item.Val, true
		case parser.EOF:
			return "", false
		}
	}
}

// wordAt is where a word stands that begins at an offset of a text or lies over
// it: text/template says of .A.B where its last dot is. Without it, to is from.
func wordAt(text, word string, at int) (from, to int) {
	at = max(0, min(at, len(text)))
	for from = at; from >= 0 && from > at-len(word); from-- {
		if strings.HasPrefix(text[from:], word) {
			return from, from + len(word)
		}
	}
	return at, at
}

// action is one of a template, on one line, and maybe not closed.
var action = regexp.MustCompile(`\{\{.*?(?:\}\}|$)`)

// templateSpan is the part of a line of a template that a parser's message
// speaks of: the word that it quotes last, or the line's only action, or else
// all of the line. Lines count from 1; one that there is not is the text's end.
func templateSpan(text string, line int, message string) (from, to int) {
	start, rest := lineOf(text, line)
	for ; rest == "" && line > 1; line-- { // what is not closed is missed below it
		start, rest = lineOf(text, line-1)
	}
	if words := quoted.FindAllString(message, -1); len(words) > 0 {
		word, err := strconv.Unquote(words[len(words)-1])
		if err == nil && word != "" && strings.Count(rest, word) == 1 {
			at := strings.Index(rest, word)
			return start + at, start + at + len(word)
		}
	}
	if actions := action.FindAllStringIndex(rest, 2); len(actions) == 1 {
		return start + actions[0][0], start + actions[0][1]
	}
	return start, start + len(rest)
}

// lineOf is what can be seen of a line, and where that begins.
func lineOf(text string, line int) (start int, rest string) {
	start = lineOffset(text, line)
	rest, _, _ = strings.Cut(text[start:], "\n")
	return start, strings.TrimRight(rest, " \t\r")
}
