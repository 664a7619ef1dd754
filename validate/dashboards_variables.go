package validate

import (
	"errors"
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// Grafana puts the values of a dashboard's variables into an expression before
// it asks, and only it knows them. An expression is right if there is something
// that each variable could stand for with which it is: of what cannot be decided,
// nothing is said.

// variablePattern is Grafana's own: $name, [[name]] and ${name}, with a field and a format.
var variablePattern = regexp.MustCompile(`\$(\w+)|\[\[(\w+?)(?::\w+)?\]\]|\$\{(\w+)(?:\.[^:^}]+)?(?::[^}]+)?\}`)

// variableUse is one use of a variable in an expression.
type variableUse struct {
	name     string
	from, to int
	within   byte // a quote in a string, '[' in a range, '{' among matchers, else another
}

// variablesIn lists the uses of variables in an expression, but for those in comments.
func variablesIn(expr string) []variableUse {
	matches := variablePattern.FindAllStringSubmatchIndex(expr, -1)
	var uses []variableUse
	var open []byte // brackets, braces and parentheses
	quote := byte(0)
	for at := 0; at < len(expr) && len(matches) > 0; at++ {
		m := matches[0]
		switch c := expr[at]; {
		case m[0] < at: // in a comment
			matches = matches[1:]
			at--
		case m[0] == at:
			use := variableUse{from: m[0], to: m[1], within: quote}
			if quote == 0 && len(open) > 0 {
				use.within = open[len(open)-1]
			}
			for group := 2; group < len(m); group += 2 {
				if m[group] >= 0 {
					use.name = expr[m[group]:m[group+1]]
				}
			}
			uses, matches, at = append(uses, use), matches[1:], m[1]-1
		case quote != 0:
			if c == '\\' && quote != '`' && m[0] > at+1 {
				at++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '#':
			for at+1 < len(expr) && expr[at] != '\n' {
				at++
			}
		case c == '[' || c == '{' || c == '(':
			open = append(open, c)
		case (c == ']' || c == '}' || c == ')') && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	return uses
}

func (v variableUse) inString() bool { return v.within == '"' || v.within == '\'' || v.within == '`' }

// standIns are what a variable may be, the likeliest first.
func (v variableUse) standIns() []string {
	word := v.name
	if expr, _ := promQL.ParseExpr(word); !isName(expr, word) { // a number, or a word of PromQL
		word = "_" + word
	}
	switch v.name {
	case "__rate_interval", "__interval", "__range", "__auto":
		return []string{"5m", "1"}
	case "__interval_ms", "__range_s", "__range_ms", "__from", "__to":
		return []string{"1"}
	}
	switch {
	case v.inString():
		return []string{word}
	case v.within == '[':
		return []string{"5m", "1", "m"}
	case v.within == '{':
		return []string{word, word + `="x"`, `"x"`, `,` + word + `="x"`, ""}
	}
	return []string{word, "1", "5m", "avg", "rate", word + "[5m]", `"x"`, "", "==", "offset 5m", "(" + word + ")", "by (" + word + ")"}
}

func isName(expr parser.Expr, word string) bool {
	s, ok := expr.(*parser.VectorSelector)
	return ok && s.Name == word
}

// How much is tried of one expression, and parsed in all of one dashboard.
const (
	maxTries       = 256
	maxParsedBytes = 8 << 20
)

// resolved is an expression with something in place of its variables.
type resolved struct {
	text    string
	origins []origin    // of each byte of the text, in the expression as it was
	expr    parser.Expr // nil if it is wrong, or nobody knows
	fault   *parser.ParseErr
}

// resolve parses an expression of a dashboard. Of one that is wrong whatever its
// variables are, the fault is that of the try that got furthest.
func resolve(expr string, left *int) resolved {
	uses := variablesIn(expr)
	choices := choicesOf(uses)
	var best resolved
	for range maxTries {
		if *left -= len(expr); *left < 0 {
			return resolved{}
		}
		try := substitute(expr, uses, choices)
		if try.fault == nil {
			return try
		}
		if best.fault == nil || try.reached() > best.reached() {
			best = try
		}
		if !choices.next() {
			return best
		}
	}
	return resolved{}
}

// choice is what one variable is taken for, the same wherever it stands alike.
type choice struct {
	standIns []string
	taken    int
}

type choices struct {
	of  []*choice // of each use
	all []*choice
}

func choicesOf(uses []variableUse) *choices {
	type key struct {
		name   string
		within byte
	}
	known := map[key]*choice{}
	c := &choices{}
	for _, use := range uses {
		k := key{use.name, use.within}
		if known[k] == nil {
			known[k] = &choice{standIns: use.standIns()}
			c.all = append(c.all, known[k])
		}
		c.of = append(c.of, known[k])
	}
	return c
}

// next goes on to the next combination, if there is one.
func (c *choices) next() bool {
	for _, one := range c.all {
		if one.taken++; one.taken < len(one.standIns) {
			return true
		}
		one.taken = 0
	}
	return false
}

// substitute puts what is chosen in place of the variables, and parses it.
func substitute(expr string, uses []variableUse, c *choices) resolved {
	var r resolved
	var text strings.Builder
	at := 0
	keep := func(to int) {
		for ; at < to; at++ {
			text.WriteByte(expr[at])
			r.origins = append(r.origins, origin{at, at + 1})
		}
	}
	for i, use := range uses {
		keep(use.from)
		standIn := c.of[i].standIns[c.of[i].taken]
		text.WriteString(standIn)
		for range len(standIn) {
			r.origins = append(r.origins, origin{use.from, use.to})
		}
		at = use.to
	}
	keep(len(expr))
	r.text = text.String()
	parsed, err := promQL.ParseExpr(r.text)
	var errs parser.ParseErrors
	switch {
	case err == nil:
		r.expr = parsed
	case errors.As(err, &errs) && len(errs) > 0:
		r.fault = &errs[0]
	default:
		r.fault = &parser.ParseErr{Err: err, Query: r.text}
	}
	return r
}

func (r *resolved) reached() int {
	from, _ := errorSpan(r.text, r.fault)
	from, _ = rawSpan(r.origins, r.text, from)
	return from
}
