package live

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/routes"
)

// labels reports labels that are named, but that no series has.
func (v *ruleView) labels(ctx context.Context) {
	for _, u := range v.selected {
		v.matchers(ctx, u)
	}
	v.nodes(ctx, v.expr)
	v.annotations(ctx)
}

// matchers reports those that take nothing away, because no series has their label.
func (v *ruleView) matchers(ctx context.Context, u *use) {
	if u.untold || u.impossible() || u.absent {
		return
	}
	s := v.selects(ctx, u.LabelMatchers)
	if s.err != nil || len(s.series) == 0 {
		return
	}
	for _, m := range u.LabelMatchers {
		excludes := m.Type == labels.MatchNotEqual || m.Type == labels.MatchNotRegexp
		if !excludes || m.Name == model.MetricNameLabel || m.Type == labels.MatchNotRegexp && m.Value == ".+" {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(u.LabelMatchers), func(o *labels.Matcher) bool { return o == m })
		if has, err := v.has(ctx, rest, m.Name); err == nil && !has {
			v.report(ctx, v.node(u.VectorSelector), m.Name, []*use{u}, "no series of %s has the label %q: %s leaves nothing out", shown(u, rest), m.Name, m)
		}
	}
}

func (v *ruleView) nodes(ctx context.Context, n parser.Node) {
	switch n := n.(type) {
	case *parser.AggregateExpr:
		word := "by"
		if n.Without {
			word = "without"
		}
		for _, label := range n.Grouping {
			if v.lacks(ctx, label, n.Expr) {
				v.report(ctx, v.word(n, word, label), label, v.selectors(n.Expr), "%s (%s): no series that is aggregated has the label %q", word, label, label)
			}
		}
	case *parser.BinaryExpr:
		v.matching(ctx, n)
	}
	for child := range parser.ChildrenIter(n) {
		v.nodes(ctx, child)
	}
}

// matching looks at the labels that two sides are matched on.
func (v *ruleView) matching(ctx context.Context, b *parser.BinaryExpr) {
	m := b.VectorMatching
	if m == nil {
		return
	}
	word := "ignoring"
	if m.On {
		word = "on"
	}
	for _, label := range m.MatchingLabels {
		left, right := v.lacks(ctx, label, b.LHS), v.lacks(ctx, label, b.RHS)
		side, of := "either", parser.Expr(b)
		switch {
		case left && right:
		case m.On && left:
			side, of = "the left", b.LHS
		case m.On && right:
			side, of = "the right", b.RHS
		default:
			continue
		}
		v.report(ctx, v.word(b, word, label), label, v.selectors(of), "%s (%s): no series of %s side has the label %q", word, label, side, label)
	}
	one, word := b.RHS, "group_left"
	if m.Card == parser.CardOneToMany {
		one, word = b.LHS, "group_right"
	}
	for _, label := range m.Include {
		if v.lacks(ctx, label, one) {
			v.report(ctx, v.word(b, word, label), label, v.selectors(one), "%s (%s): no series that it is taken from has the label %q", word, label, label)
		}
	}
}

// annotations looks at the labels that the texts of an alert print.
func (v *ruleView) annotations(ctx context.Context) {
	if v.Alert == "" {
		return
	}
	returned := routes.LabelsOf(v.expr)
	for _, name := range slices.Sorted(maps.Keys(v.Annotations)) {
		text := v.Annotations[name]
		if !strings.Contains(text, "{{") {
			continue
		}
		for _, use := range validate.PrintedLabels(text) {
			if !returned.Of(use.Label).Any() || !v.lacks(ctx, use.Label, v.expr) {
				continue // what the expression itself drops is found offline
			}
			f := v.finding(labelID, v.whole(), v.similarLabel(ctx, use.Label, v.selected),
				fmt.Sprintf("the annotation %q prints the label %q, which no series has", name, use.Label))
			f.Mark(v.file.Content, v.at.Annotations.At(name), text, use.From, use.To)
			v.found = append(v.found, f)
		}
	}
}

// lacks says whether it is certain that nothing in an expression has a label.
func (v *ruleView) lacks(ctx context.Context, label string, expr parser.Expr) bool {
	if strings.HasPrefix(label, "__") || makes(expr, label) {
		return false
	}
	uses := v.selectors(expr)
	for _, u := range uses {
		if u.untold || u.absent || u.impossible() {
			return false
		}
		if s := v.selects(ctx, u.LabelMatchers); s.err != nil || len(s.series) == 0 {
			return false
		}
		if has, err := v.has(ctx, u.LabelMatchers, label); err != nil || has {
			return false
		}
	}
	return len(uses) > 0
}

// makes says whether an expression may add a label that no series has.
func makes(n parser.Node, label string) bool {
	switch n := n.(type) {
	case *parser.Call:
		switch n.Func.Name {
		case "label_replace", "label_join":
			if name, ok := n.Args[1].(*parser.StringLiteral); !ok || name.Val == label {
				return true
			}
		case "info", "absent", "absent_over_time", "histogram_quantiles":
			return true
		}
	case *parser.AggregateExpr:
		if name, ok := n.Param.(*parser.StringLiteral); n.Op == parser.COUNT_VALUES && (!ok || name.Val == label) {
			return true
		}
	}
	for child := range parser.ChildrenIter(n) {
		if makes(child, label) {
			return true
		}
	}
	return false
}

func (v *ruleView) report(ctx context.Context, at posrange, label string, uses []*use, format string, args ...any) {
	v.found = append(v.found, v.finding(labelID, at, v.similarLabel(ctx, label, uses), fmt.Sprintf(format, args...)))
}

// similarLabel names a label that is there and may be meant, or all if they are few.
func (v *ruleView) similarLabel(ctx context.Context, label string, uses []*use) string {
	names := map[string]bool{}
	for _, u := range uses {
		if !u.untold && !u.impossible() {
			for _, name := range v.selects(ctx, u.LabelMatchers).labelNames() {
				names[name] = true
			}
		}
	}
	if hint := validate.DidYouMean(label, maps.Keys(names)); hint != "" {
		return hint
	}
	if len(names) == 0 {
		return "the series have no labels"
	}
	sorted := slices.Sorted(maps.Keys(names))
	if len(sorted) > 2*maxNamed {
		sorted = append(sorted[:2*maxNamed], "…")
	}
	return "the labels are " + strings.Join(sorted, ", ")
}

// word is where a label stands after a word such as "by" in a node's text; else it is the node.
func (v *ruleView) word(n parser.Node, word, label string) posrange {
	at := v.node(n)
	// Of several, as of nested aggregations, the place is not told apart.
	found := regexp.MustCompile(`\b`+word+`\s*\([^()]*?\b(`+regexp.QuoteMeta(label)+`)\b`).FindAllStringSubmatchIndex(v.Expr[at.from:at.to], 2)
	if len(found) != 1 {
		return at
	}
	return posrange{at.from + found[0][2], at.from + found[0][3]}
}
