package validate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/parser/posrange"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// What an expression may be. The parser's tree of a chain of operators is as
// deep as the chain is long. Upstream walks it by recursion, and again from each
// of its nodes: some ten thousand operators hold it up for minutes, and millions
// overflow the stack, which no program survives. Prometheus would fare no better.
const (
	maxExpr      = 128 << 10
	maxOperators = 1000 // and parentheses
)

// promQL is the parser as Prometheus runs it: without experimental features.
// Calculated durations are none any more; only their option is still called so.
var promQL = parser.NewParser(parser.Options{ExperimentalDurationExpr: true})

// checkRuleFile is everything about a rule file that needs no other file.
func checkRuleFile(team string, f *repolayout.RuleFile, rules *ruleContext) (found []Finding) {
	defer survive(&found, rulesSyntax, team, f.Path)
	found = structureOf(team, f)
	found = append(found, syntaxOf(team, f.Content, f.Groups, rules)...)
	return firstOf(append(found, otherDocuments(team, f)...))
}

// maxFindings is how many findings one file, or one check of a team, can have:
// a small file can hold a million faults, and after the first few nobody reads on.
const maxFindings = 100

// firstOf sorts findings and leaves out what is too many, warnings before errors, and says so.
func firstOf(found []Finding) []Finding {
	found = Sort(found)
	if len(found) <= maxFindings {
		return found
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.Severity, b.Severity) })
	last := found[maxFindings-1]
	last.Message, last.Hint = "there is more like this; the rest is left out", ""
	return Sort(append(found[:maxFindings-1:maxFindings-1], last))
}

// survive turns a panic of an upstream parser into a finding: one team's file
// must not take the daemon down.
func survive(found *[]Finding, check, owner, path string) {
	if r := recover(); r != nil {
		*found = append(*found, Finding{
			Check: check, Severity: Error, Owner: owner, Pos: repolayout.Pos{File: path},
			Message: fmt.Sprintf("the parser gave up on this file: %v", r),
			Hint:    "this is a fault of the parser; change the file, and please report it",
		})
	}
}

// ruleChecker does what rulefmt.Parse does after it has decoded the file, on
// what the loader decoded already. Upstream's Rule.Validate is the judge.
type ruleChecker struct {
	team    string
	content []byte
	rules   *ruleContext
	parser  *keepingParser
	found   []Finding
	judged  []Finding // by the checks of rules that Prometheus accepts
	said    map[Severity]int
}

// syntaxOf checks the groups of one document of a file.
func syntaxOf(team string, content []byte, groups []repolayout.RuleGroup, rules *ruleContext) []Finding {
	c := &ruleChecker{team: team, content: content, rules: rules, parser: &keepingParser{Parser: promQL}, said: map[Severity]int{}}
	names := map[string]repolayout.Pos{}
	for i := range groups {
		c.group(&groups[i], names)
	}
	return append(c.found, c.judged...)
}

func (c *ruleChecker) add(at repolayout.Pos, hint, format string, args ...any) {
	c.found = append(c.found, Finding{
		Check: rulesSyntax, Severity: Error, Pos: at, Owner: c.team, Hint: hint, Message: fmt.Sprintf(format, args...),
	})
}

// addIn reports something about a part of a value.
func (c *ruleChecker) addIn(where spot, hint, format string, args ...any) {
	c.add(where.at, hint, format, args...)
	if where.at.Line > 0 {
		c.found[len(c.found)-1].Mark(c.content, where.at, where.value, where.from, where.to)
	}
}

// group is RuleGroups.Validate for one group; upstream's takes a type that it does not export.
func (c *ruleChecker) group(g *repolayout.RuleGroup, names map[string]repolayout.Pos) {
	if first, ok := names[g.Name]; ok {
		c.add(g.Pos, "give each group of a file its own name", "group %q stands twice in this file, first at line %d", g.Name, first.Line)
	} else {
		names[g.Name] = g.Pos
	}
	if g.Name == "" {
		c.add(g.Pos, "", "a group has no name")
	}
	for name, value := range g.Labels {
		for _, err := range probe(rulefmt.Rule{Record: "probe", Labels: map[string]string{name: value}}) {
			c.add(placeOr(g.LabelPos.At(name), g.Pos), "", "group %q: %v", g.Name, err)
		}
	}
	for i := range g.Rules {
		var at repolayout.RulePos
		if i < len(g.RulePos) {
			at = g.RulePos[i]
		}
		if at.Rule.Line == 0 {
			at.Rule = g.Pos
		}
		c.rule(g, &g.Rules[i], at)
	}
}

// probe validates a rule that is there for one of its labels or annotations.
func probe(r rulefmt.Rule) []error {
	r.Expr = "1"
	var errs []error
	for _, e := range r.Validate(rulefmt.RuleNode{}, model.UTF8Validation, promQL) {
		errs = append(errs, e.Unwrap())
	}
	return errs
}

func (c *ruleChecker) rule(g *repolayout.RuleGroup, r *rulefmt.Rule, at repolayout.RulePos) {
	if len(c.found) > maxFindings {
		return
	}
	if why := tooMuch(r.Expr); why != "" {
		c.add(at.Expr, "record parts of it with rules of their own", "%s: %s", nameOf(r), why)
		return
	}
	before := len(c.found)
	c.core(r, at)
	for name, value := range r.Labels {
		if !isHarmless(r, name, value) {
			c.text(r, placeOr(at.Labels.At(name), at.Rule), value, rulefmt.Rule{Labels: map[string]string{name: value}})
		}
	}
	for name, value := range r.Annotations {
		if r.Alert != "" && !isHarmless(r, name, value) {
			c.text(r, placeOr(at.Annotations.At(name), at.Rule), value, rulefmt.Rule{Annotations: map[string]string{name: value}})
		}
	}
	if len(c.found) == before && !c.rules.onlySyntax {
		view := ruleView{ruleContext: c.rules, checker: c, group: g, rule: r, at: at, expr: c.parser.expr}
		view.run()
	}
}

// tooMuch says what is too much about an expression, if anything is.
func tooMuch(expr string) string {
	switch {
	case len(expr) > maxExpr:
		return fmt.Sprintf("the expression takes %d KiB; the most is %d KiB", len(expr)>>10, maxExpr>>10)
	case len(expr) <= maxOperators:
		return ""
	}
	operators := 0
	lexer := parser.Lex(expr)
	for item := (parser.Item{}); item.Typ != parser.EOF && item.Typ != parser.ERROR; lexer.NextItem(&item) {
		if item.Typ.IsOperator() || item.Typ == parser.LEFT_PAREN {
			operators++
		}
	}
	if operators > maxOperators {
		return fmt.Sprintf("the expression has %d operators and parentheses; the most is %d", operators, maxOperators)
	}
	return ""
}

// core validates the rule without its labels and annotations. Those go one by
// one, so that each error has its place, and only if something may be wrong
// with them: rulefmt parses each one with a table of template functions made
// for it alone, which is most of the time that it takes.
func (c *ruleChecker) core(r *rulefmt.Rule, at repolayout.RulePos) {
	core := *r
	core.Labels = nil
	if r.Record == "" {
		core.Annotations = nil
	}
	for _, e := range core.Validate(rulefmt.RuleNode{}, model.UTF8Validation, c.parser) {
		var parse parser.ParseErrors
		switch err := e.Unwrap(); {
		case errors.As(err, &parse):
			c.expression(r, at, parse)
		case r.Expr == "" && strings.Contains(err.Error(), "'expr'"):
			c.add(at.Rule, "", "%s: %v", nameOf(r), err)
		default:
			c.add(placeOr(at.Name, at.Rule), "", "%s: %v", nameOf(r), err)
		}
	}
}

func placeOr(at, otherwise repolayout.Pos) repolayout.Pos {
	if at.Line > 0 {
		return at
	}
	return otherwise
}

// expression reports what the PromQL parser said, where in the file it said it:
// the first error only, as those after it come of the first.
func (c *ruleChecker) expression(r *rulefmt.Rule, at repolayout.RulePos, errs parser.ParseErrors) {
	if len(errs) == 0 {
		return
	}
	message := fmt.Sprint(errs[0].Err)
	if at.Expr.Line == 0 {
		c.add(at.Rule, promQLHint(r.Expr, message), "%s: could not parse expression: %s", nameOf(r), message)
		return
	}
	from, to := errorSpan(r.Expr, &errs[0])
	c.addIn(spot{at.Expr, r.Expr, from, to}, promQLHint(r.Expr, message), "%s: could not parse expression: %s", nameOf(r), message)
}

func clamp(p posrange.Pos, most int) int { return max(0, min(int(p), most)) }

// nameOf is how messages call a rule.
func nameOf(r *rulefmt.Rule) string {
	switch {
	case r.Alert != "":
		return fmt.Sprintf("alert %q", r.Alert)
	case r.Record != "":
		return fmt.Sprintf("record %q", r.Record)
	}
	return "rule"
}

// isHarmless says whether upstream can have nothing against a label or annotation.
func isHarmless(r *rulefmt.Rule, name, value string) bool {
	if name == model.MetricNameLabel || !model.UTF8Validation.IsValidLabelName(name) || !utf8.ValidString(value) {
		return false
	}
	return r.Alert == "" || !strings.Contains(value, "{{") || parsesAsTemplate(r.Alert, value)
}
