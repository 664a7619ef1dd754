package ruletest

import (
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// What an expression may be: upstream walks its tree by recursion, and again
// from each of its nodes.
const (
	maxExpr      = 128 << 10
	maxOperators = 1000 // and parentheses
)

// weighRule refuses a rule whose evaluation nothing would bound, and counts the
// loops of the template that has most.
func weighRule(r *rulefmt.Rule) (loops int, err error) {
	if err := weighExpr(r.Expr); err != nil || r.Alert == "" {
		return 0, err
	}
	for _, texts := range []map[string]string{r.Labels, r.Annotations} {
		for name, text := range texts {
			n, err := weighTemplate(r.Alert, text)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			loops = max(loops, n)
		}
	}
	return loops, nil
}

// weighExpr refuses an expression that is too much for the engine.
func weighExpr(expr string) error {
	if len(expr) > maxExpr {
		return fmt.Errorf("the expression takes %d KiB; the most is %d KiB", len(expr)>>10, maxExpr>>10)
	}
	if strings.Contains(expr, "label_") {
		if err := weighLabels(expr); err != nil {
			return err
		}
	}
	if len(expr) <= maxOperators {
		return nil
	}
	return weighOperators(expr)
}

func weighOperators(expr string) error {
	operators := 0
	lexer := parser.Lex(expr)
	for item := (parser.Item{}); item.Typ != parser.EOF && item.Typ != parser.ERROR; lexer.NextItem(&item) {
		if item.Typ.IsOperator() || item.Typ == parser.LEFT_PAREN {
			operators++
		}
	}
	if operators > maxOperators {
		return fmt.Errorf("the expression has %d operators and parentheses; the most is %d", operators, maxOperators)
	}
	return nil
}

// maxLabelGrowth is how many times longer one expression may make a label.
const maxLabelGrowth = 64

// weighLabels refuses calls of label_join and label_replace within each other
// that make a label longer and longer: thirty that double it fill the memory.
func weighLabels(expr string) error {
	if err := weighOperators(expr); err != nil {
		return err
	}
	parsed, err := promQL.ParseExpr(expr)
	if err != nil {
		return nil //nolint:nilerr // it is for whoever evaluates it to say so
	}
	most := 1
	parser.Inspect(parsed, func(node parser.Node, path []parser.Node) error {
		growth := labelGrowth(node)
		for _, outer := range path {
			growth = min(growth*labelGrowth(outer), maxLabelGrowth+1)
		}
		most = max(most, growth)
		return nil
	})
	if most > maxLabelGrowth {
		return fmt.Errorf("the expression makes labels longer and longer, more than %d times", maxLabelGrowth)
	}
	return nil
}

// labelGrowth is how many copies of labels one call puts into one label.
func labelGrowth(node parser.Node) int {
	call, ok := node.(*parser.Call)
	if !ok {
		return 1
	}
	switch call.Func.Name {
	case "label_join":
		return max(1, len(call.Args)-3)
	case "label_replace":
		if replacement, ok := call.Args[2].(*parser.StringLiteral); ok {
			return max(1, strings.Count(replacement.Val, "$"))
		}
	}
	return 1
}
