package validate

import (
	"errors"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// TestPromQLHints has what people get wrong most, and what they are told to do.
func TestPromQLHints(t *testing.T) {
	const operator = "between two values stands an operator, such as +, >, and, or, unless"
	for _, tt := range []struct{ expr, hint string }{
		{`sum(rate(x[5m])`, `add the ) that closes "sum("`},
		{`sum(max by (a) (x) * (y)`, `add the ) that closes "sum("`},
		{`sum by (queue) (x > 1000`, `add the ) that closes "sum by (…) ("`},
		{`(up`, `add the ) that closes "("`},
		{`up)`, "take it out, or add the ( that it should close"},
		{`sum(rate(x[5m]) by (a)`, "close the parenthesis before it: sum(…) by (…), or write sum by (…) (…)"},
		{`up[5m`, "close the range with ], as in [5m]"},
		{`rate(up[5m)`, "close the range with ] before it, as in [5m]"},
		{`rate(up[5min])`, durationHint},
		{`rate(up[m5])`, durationHint},
		{`rate(up[$interval])`, "variables such as $interval are known only in Grafana: write a duration such as 5m"},
		{`up[0s]`, durationHint},
		{`rate(up)`, "give it a range, as in rate(metric[5m])"},
		{`sum(up[5m])`, rangedHint},
		{`rate(sum(up)[5m])`, "a range stands right behind a metric: rate(metric[5m]); of what is calculated it takes a colon: [5m:]"},
		{`rate[5m](up)`, "a range stands behind the metric, as in rate(metric[5m])"},
		{`up = 0`, "to compare, write one of ==, !=, >=, <=, >, <"},
		{`up => 0`, "to compare, write one of ==, !=, >=, <=, >, <"},
		{`up ≥ 5`, "write >="},
		{`up <> 0`, "a value is missing before it, or there is one operator too many"},
		{`up && down`, "write and"},
		{`up || down`, "write or"},
		{`up an down`, `did you mean "and"?`},
		{`up unles down`, `did you mean "unless"?`},
		{`sum(up) bye (a)`, `did you mean "by"?`},
		{`up down`, operator},
		{`up > 5 for 5m`, "how long an alert waits is said by the rule's key for, beside expr"},
		{`not up`, operator},
		{`up not down`, "PromQL has no not: write unless, != or absent(…)"},
		{`up > 80%`, "something is missing at the end, such as a value after an operator; a percentage is written without its sign"},
		{`{a=""}`, "name a metric, or add a matcher that the empty text does not pass, or it would select everything"},
		{`up{a=b}`, `put the value in quotes: name="value"; between them stands =, !=, =~ or !~`},
		{`up{a=="b"}`, `put the value in quotes: name="value"; between them stands =, !=, =~ or !~`},
		{`up{a:"b"}`, matcherHint},
		{`up{a="b" b="c"}`, "put a comma between two matchers, and close the braces with }"},
		{`up{a="b"`, "close the braces with }"},
		{`up{a="b}`, "add the quote that ends it; it must be of the kind that begins it"},
		{`up{a=~"b\.c"}`, `in double quotes a backslash is written twice, as in "a\\.b"; in backquotes once`},
		{`up{a=~"("}`, `characters such as ( [ . + that stand for themselves take a backslash before them, which is written twice in double quotes: "\\("`},
		{`sum(up) by instance`, "put the labels into parentheses, as in sum by (job, instance) (…)"},
		{`up by (a)`, "by and without belong to an aggregation, as in sum by (job) (…)"},
		{`raet(up[5m])`, `did you mean "rate"?`},
		{`percentiles(up)`, "PromQL has no function of such a name; Prometheus's documentation lists them under Querying, Functions"},
		{`histogram_quantile(up)`, "it is written histogram_quantile(scalar, instant vector)"},
		{`topk(up)`, "topk, bottomk, quantile and count_values take one more before the series, as in topk(5, metric); sum, avg, min, max and count take none"},
		{`topk(up, 5)`, "the number comes first, as in topk(5, metric)"},
		{`1 > 2`, "compare a series; or write bool, as in 1 > bool 2"},
		{`1 and 2`, "and, or and unless take series on both sides; vector(1) makes a series of a number"},
		{`up == "a"`, `texts are compared in braces only, as in up{job="api"}; and what has a range goes into a function such as rate`},
		{`http.requests`, `a name holds letters, digits, _ and :; any other is written {"a.name"}`},
		{`up{job="$job"} == $limit`, "variables such as $job are known only in Grafana: write the value"},
	} {
		_, err := promQL.ParseExpr(tt.expr)
		var faults parser.ParseErrors
		if !errors.As(err, &faults) {
			t.Errorf("%s is no mistake: %v", tt.expr, err)
			continue
		}
		if got := promQLHint(tt.expr, faults[0].Err.Error()); got != tt.hint {
			t.Errorf("%s: %v: the hint is %q, want %q", tt.expr, faults[0].Err, got, tt.hint)
		}
	}
}
