package routes

import (
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// returned is what a function gives. Nearly all of them keep the labels of
// their one vector; what has none to keep returns a scalar, or a vector
// without labels.
func returned(e *parser.Call) Labels {
	switch e.Func.Name {
	case "absent", "absent_over_time":
		return missing(e.Args[0])
	case "vector", "scalar":
		return Labels{}
	case "info":
		return Unknown() // which labels come is known to the series alone
	case "label_replace":
		return replaced(e.Args)
	case "label_join":
		return joined(e.Args)
	}
	l := Labels{}
	for _, arg := range e.Args {
		if t := arg.Type(); t == parser.ValueTypeVector || t == parser.ValueTypeMatrix {
			l = LabelsOf(arg)
			break
		}
	}
	switch e.Func.Name {
	case "histogram_quantile", "histogram_fraction":
		// The buckets' label goes; native histograms keep what has its name.
		return l.With(model.BucketLabel, l.Of(model.BucketLabel).join(Absent()))
	case "histogram_quantiles":
		l = l.With(model.BucketLabel, l.Of(model.BucketLabel).join(Absent()))
		if name, ok := text(e.Args[1]); ok {
			return l.With(name, Anything())
		}
		return Unknown()
	}
	return l
}

// missing is what absent() gives: the labels that its selector asks for by equality.
func missing(arg parser.Expr) Labels {
	for {
		switch e := arg.(type) {
		case *parser.VectorSelector:
			return asked(e.LabelMatchers)
		case *parser.MatrixSelector:
			arg = e.VectorSelector
		case *parser.StepInvariantExpr:
			arg = e.Expr
		default:
			return Labels{}
		}
	}
}

// asked is what absent() takes from matchers. What it makes of a label with
// several of them depends on their order, and so either may be.
func asked(matchers []*labels.Matcher) Labels {
	l := Labels{}
	seen := map[string]bool{}
	for _, m := range matchers {
		v := Absent()
		if m.Type == labels.MatchEqual {
			v = OneOf(m.Value)
		}
		if seen[m.Name] {
			v = v.join(l.Of(m.Name)).join(Absent())
		}
		seen[m.Name] = true
		l = l.With(m.Name, v)
	}
	return l.without(model.MetricNameLabel)
}

// replaced is what label_replace gives: what it writes, or what was there
// before where the expression does not match.
func replaced(args parser.Expressions) Labels {
	l := LabelsOf(args[0])
	var texts [4]string // destination, replacement, source, regular expression
	for i := range texts {
		s, ok := text(args[i+1])
		if !ok {
			return Unknown()
		}
		texts[i] = s
	}
	dst, replacement, src := texts[0], texts[1], texts[2]
	re, err := regexp.Compile("^(?s:" + texts[3] + ")$")
	if err != nil {
		return l // Prometheus returns nothing but an error
	}
	before, from := l.Of(dst), l.Of(src)
	if slices.Contains(reserved, src) {
		from = Anything()
	}
	after := Anything()
	switch {
	case !from.any:
		return l.With(dst, rewritten(before, from, src == dst, re, replacement))
	case !strings.Contains(replacement, "$"):
		after = OneOf(replacement)
	}
	return l.With(dst, before.join(after))
}

func rewritten(before, from Values, same bool, re *regexp.Regexp, replacement string) Values {
	out := Values{}
	for _, value := range from.set {
		at := re.FindStringSubmatchIndex(value)
		switch {
		case at != nil:
			out = out.join(OneOf(string(re.ExpandString(nil, replacement, value, at))))
		case same:
			out = out.join(OneOf(value))
		default:
			out = out.join(before)
		}
	}
	return out
}

// joined is what label_join gives.
func joined(args parser.Expressions) Labels {
	l := LabelsOf(args[0])
	dst, ok := text(args[1])
	sep, sepOK := text(args[2])
	if !ok || !sepOK {
		return Unknown()
	}
	values := make([]string, 0, len(args)-3)
	for _, arg := range args[3:] {
		src, ok := text(arg)
		value, known := l.Of(src).one()
		if !ok || !known || slices.Contains(reserved, src) {
			return l.With(dst, Anything())
		}
		values = append(values, value)
	}
	return l.With(dst, OneOf(strings.Join(values, sep)))
}
