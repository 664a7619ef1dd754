package validate

import (
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

const (
	durationHint = "a duration is made of numbers with ms, s, m, h, d, w or y, such as 30s, 5m or 1h30m"
	rangedHint   = "put it into a function of ranges, such as rate(…) or avg_over_time(…), or take the range in [] out"
	matcherHint  = `a matcher is written name="value", with =, !=, =~ or !~ between`
)

// promQLHints are for what people get wrong most, by a part of the parser's words.
// The first that is in a message holds.
var promQLHints = []struct{ words, hint string }{
	{"is not enabled", "it is experimental, and behind a feature flag that Watchbill does not set: do without"},
	{"experimental", "it is experimental, and behind a feature flag that Watchbill does not set: do without"},
	{"unexpected right parenthesis", "take it out, or add the ( that it should close"},
	{"unclosed left bracket", "close the range with ], as in [5m]"},
	{"in subquery or range, expected", "close the range with ] before it, as in [5m]"},
	{"duration expression: '$'", "variables such as $interval are known only in Grafana: write a duration such as 5m"},
	{"bad number or duration", durationHint},
	{"in duration expression", durationHint},
	{"duration must be greater than 0", durationHint},
	{"unterminated", "add the quote that ends it; it must be of the kind that begins it"},
	{"unknown escape sequence", `in double quotes a backslash is written twice, as in "a\\.b"; in backquotes once`},
	{"error parsing regexp", `characters such as ( [ . + that stand for themselves take a backslash before them, which is written twice in double quotes: "\\("`},
	{"at least one non-empty matcher", "name a metric, or add a matcher that the empty text does not pass, or it would select everything"},
	{"unexpected end of input inside braces", "close the braces with }"},
	{`in label matching, expected "," or "}"`, "put a comma between two matchers, and close the braces with }"},
	{"in label matching, expected string", `put the value in quotes: name="value"; between them stands =, !=, =~ or !~`},
	{"in label matching", matcherHint},
	{"inside braces", matcherHint},
	{`in grouping opts, expected "("`, "put the labels into parentheses, as in sum by (job, instance) (…)"},
	{"expected type range vector", "give it a range, as in rate(metric[5m])"},
	{"got range vector", rangedHint},
	{"in aggregation expression, got scalar", "the number comes first, as in topk(5, metric)"},
	{"in aggregation", "close the parenthesis before it: sum(…) by (…), or write sum by (…) (…)"},
	{"unexpected <by>", "by and without belong to an aggregation, as in sum by (job) (…)"},
	{"unexpected <without>", "by and without belong to an aggregation, as in sum without (instance) (…)"},
	{"not allowed in binary scalar expression", "and, or and unless take series on both sides; vector(1) makes a series of a number"},
	{"must use BOOL modifier", "compare a series; or write bool, as in 1 > bool 2"},
	{"ranges only allowed for vector selectors", "a range stands right behind a metric: rate(metric[5m]); of what is calculated it takes a colon: [5m:]"},
	{"arguments for aggregate expression", "topk, bottomk, quantile and count_values take one more before the series, as in topk(5, metric); sum, avg, min, max and count take none"},
	{"must contain only scalar and instant vector", `texts are compared in braces only, as in up{job="api"}; and what has a range goes into a function such as rate`},
	{"no expression found", "write an expression, such as up == 0"},
	{`unexpected "="`, "to compare, write one of ==, !=, >=, <=, >, <"},
	{"unexpected character: '&'", "write and"},
	{"unexpected character: '|'", "write or"},
	{"unexpected character: '$'", "variables such as $job are known only in Grafana: write the value"},
	{"unexpected character: '≥'", "write >="},
	{"unexpected character: '≤'", "write <="},
	{"unexpected character: '≠'", "write !="},
	{"unexpected character: '.'", `a name holds letters, digits, _ and :; any other is written {"a.name"}`},
	{"unexpected character after '!'", `write != to compare; =~ and !~ stand in braces only, as in up{job!~"a.*"}`},
	{"unexpected end of input", "something is missing at the end, such as a value after an operator; a percentage is written without its sign"},
	{`unexpected "("`, "a range stands behind the metric, as in rate(metric[5m])"},
	{"unexpected <op:", "a value is missing before it, or there is one operator too many"},
	{"unexpected identifier", "between two values stands an operator, such as +, >, and, or, unless"},
}

// promQLHint helps with what the parser has against an expression.
func promQLHint(expr, message string) string {
	if name, ok := quotedAfter(message, "unknown function with name "); ok {
		return functionNamed(name)
	}
	if name, ok := quotedAfter(message, `argument(s) in call to `); ok {
		return takes(name)
	}
	if name, ok := quotedAfter(message, "unexpected identifier "); ok && !strings.Contains(message, ", expected") {
		if hint := operatorNamed(name); hint != "" {
			return hint
		}
	}
	if strings.Contains(message, "unclosed left parenthesis") {
		return fmt.Sprintf("add the ) that closes %q", unclosed(expr))
	}
	for _, h := range promQLHints {
		if strings.Contains(message, h.words) {
			return h.hint
		}
	}
	return ""
}

func functionNamed(name string) string {
	near := didYouMean(name, func(yield func(string) bool) {
		for known, f := range parser.Functions {
			if !f.Experimental && !yield(known) {
				return
			}
		}
	})
	if near == "" {
		return "PromQL has no function of such a name; Prometheus's documentation lists them under Querying, Functions"
	}
	return near
}

// takes says what the arguments of a function are.
func takes(name string) string {
	f, ok := parser.Functions[name]
	if !ok {
		return ""
	}
	var args []string
	for i, t := range f.ArgTypes {
		arg := parser.DocumentedType(t)
		if f.Variadic != 0 && i == len(f.ArgTypes)-1 {
			arg += " (may be left out)"
		}
		args = append(args, arg)
	}
	return fmt.Sprintf("it is written %s(%s)", name, strings.Join(args, ", "))
}

var operatorWords = []string{"and", "atan2", "bool", "by", "group_left", "group_right", "ignoring", "offset", "on", "or", "unless", "without"}

// operatorNamed is for a word that stands where an operator should.
func operatorNamed(word string) string {
	switch strings.ToLower(word) {
	case "for":
		return "how long an alert waits is said by the rule's key for, beside expr"
	case "not":
		return "PromQL has no not: write unless, != or absent(…)"
	case "if", "where", "then":
		return fmt.Sprintf("PromQL has no %s: and keeps the series on its left that have one on its right", strings.ToLower(word))
	}
	for _, known := range operatorWords {
		if len(word) > 1 && editDistance(word, known) == 1 {
			return fmt.Sprintf("did you mean %q?", known)
		}
	}
	return ""
}

// unclosed is the innermost parenthesis that nothing closes, with what stands before it.
func unclosed(expr string) string {
	var open []string
	word, aggregation := "", ""
	lexer := parser.Lex(expr)
	for item := (parser.Item{}); ; {
		lexer.NextItem(&item)
		switch item.Typ {
		case parser.EOF, parser.ERROR:
			if len(open) == 0 {
				return "("
			}
			return open[len(open)-1]
		case parser.LEFT_PAREN:
			open, word = append(open, word+"("), ""
		case parser.RIGHT_PAREN:
			word = ""
			if last := len(open) - 1; last >= 0 {
				if labels := open[last]; strings.HasSuffix(labels, "by (") || strings.HasSuffix(labels, "without (") {
					word = labels + "…) " // the aggregation's own parenthesis follows
				}
				open = open[:last]
			}
		case parser.BY, parser.WITHOUT:
			word = aggregation + " " + item.Val + " "
		default:
			if word = ""; item.Typ.IsAggregator() {
				word, aggregation = item.Val, item.Val
			} else if item.Typ == parser.IDENTIFIER {
				word = item.Val
			}
		}
	}
}
