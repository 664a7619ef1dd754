package routes

import (
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// promQL reads everything that any Prometheus may be told to read: what the one
// that runs does not know is for another check to refuse.
var promQL = parser.NewParser(parser.Options{
	EnableExperimentalFunctions: true, ExperimentalDurationExpr: true,
	EnableExtendedRangeSelectors: true, EnableBinopFillModifiers: true,
})

// LabelsOf is what is known of the labels of every series that the expression
// can return, whatever is scraped. The metric's name is left out of account:
// no alert keeps it.
func LabelsOf(expr parser.Expr) Labels {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		return selected(e.LabelMatchers)
	case *parser.MatrixSelector:
		return LabelsOf(e.VectorSelector)
	case *parser.SubqueryExpr:
		return LabelsOf(e.Expr)
	case *parser.ParenExpr:
		return LabelsOf(e.Expr)
	case *parser.UnaryExpr:
		return LabelsOf(e.Expr)
	case *parser.StepInvariantExpr:
		return LabelsOf(e.Expr)
	case *parser.NumberLiteral, *parser.StringLiteral:
		return Labels{}
	case *parser.AggregateExpr:
		return aggregated(e)
	case *parser.BinaryExpr:
		return matched(e)
	case *parser.Call:
		return returned(e)
	}
	return Unknown()
}

// reserved are labels that come and go with the metric's name.
var reserved = []string{model.MetricNameLabel, model.MetricTypeLabel, model.MetricUnitLabel}

// selected is what a selector's matchers leave.
func selected(matchers []*labels.Matcher) Labels {
	l := Unknown()
	for _, m := range matchers {
		if slices.Contains(reserved, m.Name) {
			continue
		}
		l = l.With(m.Name, l.Of(m.Name).meet(selectedValues(m)))
	}
	for _, m := range matchers { // what one matcher enumerates, the others still have to let through
		if v := l.Of(m.Name); !v.any && !slices.Contains(reserved, m.Name) {
			l = l.With(m.Name, v.filter(m.Matches))
		}
	}
	return l
}

func selectedValues(m *labels.Matcher) Values {
	switch m.Type {
	case labels.MatchEqual:
		return OneOf(m.Value)
	case labels.MatchRegexp:
		if set := m.SetMatches(); len(set) > 0 {
			return OneOf(set...)
		}
	case labels.MatchNotRegexp:
		if m.Value == ".+" {
			return Absent()
		}
	}
	return Anything()
}

func aggregated(e *parser.AggregateExpr) Labels {
	l := LabelsOf(e.Expr)
	switch e.Op {
	case parser.TOPK, parser.BOTTOMK, parser.LIMITK, parser.LIMIT_RATIO:
		return l // these pick series and leave them as they are
	}
	if e.Without {
		l = l.without(e.Grouping...)
	} else {
		l = l.only(e.Grouping)
	}
	if e.Op == parser.COUNT_VALUES {
		if name, ok := text(e.Param); ok {
			return l.With(name, Anything())
		}
		return Unknown()
	}
	return l
}

// text is the value of a string literal.
func text(e parser.Expr) (string, bool) {
	for {
		switch s := e.(type) {
		case *parser.ParenExpr:
			e = s.Expr
		case *parser.StepInvariantExpr:
			e = s.Expr
		case *parser.StringLiteral:
			return s.Val, true
		default:
			return "", false
		}
	}
}

// matched is what a binary operation gives.
func matched(e *parser.BinaryExpr) Labels {
	left, right := e.LHS.Type() == parser.ValueTypeVector, e.RHS.Type() == parser.ValueTypeVector
	switch {
	case !left && !right:
		return Labels{}
	case !right:
		return LabelsOf(e.LHS)
	case !left:
		return LabelsOf(e.RHS)
	}
	l, r, m := LabelsOf(e.LHS), LabelsOf(e.RHS), e.VectorMatching
	if m == nil {
		return Unknown()
	}
	switch e.Op {
	case parser.LUNLESS:
		return l
	case parser.LOR:
		return combine(l, r, Values.join)
	case parser.LAND:
		return possible(agreeing(l, r, m), l)
	}
	if m.Card == parser.CardOneToMany {
		l, r = r, l
	}
	return arithmetic(l, r, m)
}

// arithmetic is what an operation gives that pairs series: the many side's
// labels, or those that one to one is matched on, and what is asked of the one side.
func arithmetic(many, one Labels, m *parser.VectorMatching) Labels {
	filled := m.FillValues.LHS != nil || m.FillValues.RHS != nil
	var l Labels
	if filled { // a series without a partner stays, as far as the matching knows it
		l = combine(combine(many, one, Values.join), Labels{}, Values.join)
	} else {
		l = possible(agreeing(many, one, m), many)
	}
	if m.Card == parser.CardOneToOne {
		if m.On {
			l = l.only(m.MatchingLabels)
		} else {
			l = l.without(m.MatchingLabels...)
		}
	}
	for _, name := range m.Include {
		if !filled {
			l = l.With(name, one.Of(name))
		}
	}
	return l
}

// agreeing are the labels of l's series that have a partner in r.
func agreeing(l, r Labels, m *parser.VectorMatching) Labels {
	if m.On {
		for _, name := range m.MatchingLabels {
			l = l.With(name, l.Of(name).meet(r.Of(name)))
		}
		return l
	}
	both := combine(l, r, Values.meet)
	for _, name := range m.MatchingLabels {
		both = both.With(name, l.Of(name))
	}
	return both
}

// possible is l, unless it describes nothing at all: then what it was made
// from. That two sides never meet is another check's to say.
func possible(l, or Labels) Labels {
	if l.impossible() {
		return or
	}
	return l
}
