package validate

import (
	"fmt"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/routes"
)

// ruleView is a rule that Prometheus accepts, before the checks that ask
// whether it does what its author means.
type ruleView struct {
	*ruleContext
	checker *ruleChecker
	group   *repolayout.RuleGroup
	rule    *rulefmt.Rule
	at      repolayout.RulePos
	expr    parser.Expr

	labels   *routes.Labels // see series
	pairings int            // see vectorMatching
}

// ruleChecks look at a rule as a whole, nodeChecks at each node of its expression.
var (
	ruleChecks = []func(*ruleView){alwaysFires, emptyLabels, requiredParts, namePattern, forLimits, newerRuleKeys}
	nodeChecks = []func(*ruleView, parser.Node){rateOfAggregate, shortRange, fragileRegexp, impossibleSelector, vectorMatching, newerSyntax}
)

func (v *ruleView) run() {
	for _, check := range ruleChecks {
		check(v)
	}
	v.nodes(v.expr)
}

func (v *ruleView) nodes(n parser.Node) {
	for _, check := range nodeChecks {
		check(v, n)
	}
	for child := range parser.ChildrenIter(n) {
		v.nodes(child)
	}
}

// report adds a finding of this rule, as grave as the policies want it, unless
// there are many of its kind in the file already.
func (v *ruleView) report(check string, severity Severity, where spot, hint, format string, args ...any) {
	c := v.checker
	severity, on := severityOf(check, severity, v.severities)
	if !on || c.said[severity] > maxFindings {
		return
	}
	c.said[severity]++
	f := Finding{
		Check: check, Severity: severity, Pos: placeOr(where.at, v.at.Rule), Owner: c.team, Hint: hint,
		Message: nameOf(v.rule) + ": " + fmt.Sprintf(format, args...),
	}
	if where.to > where.from && where.at.Line > 0 {
		f.Mark(c.content, where.at, where.value, where.from, where.to)
	}
	c.judged = append(c.judged, f)
}

// spot is a place in a file, or a part of the value that begins there.
type spot struct {
	at       repolayout.Pos
	value    string
	from, to int
}

// node is where a part of the expression stands.
func (v *ruleView) node(n parser.Node) spot {
	r := n.PositionRange()
	return v.part(clamp(r.Start, len(v.rule.Expr)), clamp(r.End, len(v.rule.Expr)))
}

// part is where some bytes of the expression stand.
func (v *ruleView) part(from, to int) spot { return spot{v.at.Expr, v.rule.Expr, from, to} }

// name is where the rule's name stands.
func (v *ruleView) name() spot { return spot{at: v.at.Name} }

// series is what is known of the labels of what the expression returns.
func (v *ruleView) series() routes.Labels {
	if v.labels == nil {
		l := routes.LabelsOf(v.expr)
		v.labels = &l
	}
	return *v.labels
}

// unwrapped is an expression without the parentheses around it.
func unwrapped(e parser.Expr) parser.Expr {
	for {
		p, ok := e.(*parser.ParenExpr)
		if !ok {
			return e
		}
		e = p.Expr
	}
}

// keepingParser keeps the tree of what was parsed last, so that the checks need
// not parse what upstream's Validate has parsed.
type keepingParser struct {
	parser.Parser
	expr parser.Expr
}

// ParseExpr is the parser's own.
func (k *keepingParser) ParseExpr(input string) (parser.Expr, error) {
	expr, err := k.Parser.ParseExpr(input)
	k.expr = expr
	return expr, err
}
