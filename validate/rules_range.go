package validate

import (
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// minScrapes is how many scrape intervals a range should hold at the least, so
// that two samples are in it even when a scrape or two failed.
const minScrapes = 4

// shortRange reports ranges in which a rate may find too few samples. Recorded
// series, whose names have a colon, come at the pace of their group.
func shortRange(v *ruleView, n parser.Node) {
	call, ok := n.(*parser.Call)
	if !ok || len(call.Args) == 0 {
		return
	}
	switch call.Func.Name {
	case "rate", "irate", "increase", "delta", "idelta", "deriv":
	default:
		return
	}
	matrix, ok := call.Args[0].(*parser.MatrixSelector)
	if !ok || matrix.RangeExpr != nil || matrix.Range >= minScrapes*v.interval {
		return
	}
	if s, ok := matrix.VectorSelector.(*parser.VectorSelector); !ok || strings.Contains(s.Name, ":") {
		return
	}
	what := "so one failed scrape may leave it without a result"
	if matrix.Range <= v.interval {
		what = "so it never holds the two samples that it takes"
	}
	least := model.Duration(minScrapes * v.interval)
	v.report(rulesRange, Warning, v.node(matrix), "make it "+least.String()+" or more",
		"the range of %s is shorter than four scrape intervals of %s, %s", model.Duration(matrix.Range), model.Duration(v.interval), what)
}
