package routes

import (
	"errors"
	"maps"
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const (
	teamLabel     = "team"
	severityLabel = "severity"
)

// Alert is an alerting rule as it runs in one environment.
type Alert struct {
	Environment string
	Team        string
	Name        string
	Group       string
	Pos         repolayout.Pos // of the rule
	Expr        string
	// Static are the labels that the rule and its group give, with templates as
	// they are written, and the team's.
	Static map[string]string
}

// Alerts lists the alerting rules of a repo that run in an environment, with
// the labels that rendering gives them: the group's, the rule's over those, and
// the team's over all.
func Alerts(repo *repolayout.Repo, env *repolayout.Environment) []Alert {
	var out []Alert
	for _, team := range repo.Teams {
		for _, file := range team.Rules {
			if file.Environment != "" && file.Environment != env.Name {
				continue
			}
			for i := range file.Groups {
				out = append(out, groupAlerts(env.Name, team.Name, &file.Groups[i])...)
			}
		}
	}
	return out
}

func groupAlerts(env, team string, g *repolayout.RuleGroup) []Alert {
	var out []Alert
	for i := range g.Rules {
		r := &g.Rules[i]
		if r.Alert == "" {
			continue
		}
		static := make(map[string]string, len(g.Labels)+len(r.Labels)+1)
		maps.Copy(static, g.Labels)
		maps.Copy(static, r.Labels)
		static[teamLabel] = team
		pos := g.Pos
		if i < len(g.RulePos) {
			pos = g.RulePos[i].Rule
		}
		out = append(out, Alert{Environment: env, Team: team, Name: r.Alert, Group: g.Name, Pos: pos, Expr: r.Expr, Static: static})
	}
	return out
}

// Knower says what is known of alerts' labels. It reads each expression at most
// once, and only where the rule's own labels leave something open. It is safe
// for concurrent use, and may serve both revisions of a [Diff].
type Knower struct {
	mu    sync.Mutex
	exprs map[string]result
}

// result is what is known of what an expression returns.
type result struct {
	labels Labels
	float  bool // certainly no histograms
}

// NewKnower returns a Knower that has read nothing yet.
func NewKnower() *Knower { return &Knower{exprs: map[string]result{}} }

// Series is what is known of the labels of what an expression returns. Of one
// that cannot be parsed, or never returns anything, nothing is.
func (k *Knower) Series(expr string) Labels { return k.result(expr).labels }

func (k *Knower) result(expr string) result {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.exprs[expr]
	if !ok {
		r.labels = Unknown()
		if e, err := parseExpr(expr); err == nil {
			r.float = compared(e)
			if l := LabelsOf(e); !l.impossible() {
				r.labels = l
			}
		}
		k.exprs[expr] = r
	}
	return r
}

// compared says whether an expression is a comparison with a number, which no
// histogram passes.
func compared(e parser.Expr) bool {
	for {
		p, ok := e.(*parser.ParenExpr)
		if !ok {
			break
		}
		e = p.Expr
	}
	b, ok := e.(*parser.BinaryExpr)
	return ok && b.Op.IsComparisonOperator() &&
		(b.LHS.Type() == parser.ValueTypeScalar || b.RHS.Type() == parser.ValueTypeScalar)
}

var errTooLarge = errors.New("the expression is too large to be looked at")

// maxExprBytes and maxExprNesting bound what the parser is given: it recurses.
const (
	maxExprBytes   = 64 << 10
	maxExprNesting = 10_000
)

func parseExpr(expr string) (parser.Expr, error) {
	if len(expr) > maxExprBytes || strings.Count(expr, "(")+strings.Count(expr, "-")+strings.Count(expr, "+") > maxExprNesting {
		return nil, errTooLarge
	}
	return promQL.ParseExpr(expr)
}

// Of is what is known of the labels with which an alert reaches Alertmanager.
func (k *Knower) Of(a *Alert, s *Sender) Labels {
	series := k.Series(a.Expr)
	out := Labels{named: map[string]Values{}, open: series.open}
	names := append(series.Names(), model.AlertNameLabel, model.MetricNameLabel)
	names = append(append(names, sortedKeys(a.Static)...), s.names()...)
	for _, name := range names {
		out.named[name] = k.label(a, s, name)
	}
	return out
}

// among is Of for the labels that a tree asks for; of others it knows nothing.
func (k *Knower) among(a *Alert, s *Sender, t *Tree) Labels {
	out := Labels{named: make(map[string]Values, len(t.labels)), open: true}
	for _, p := range t.labels {
		out.named[p.name] = k.label(a, s, p.name)
	}
	return out
}

// label is what Prometheus makes of one label: the series', the rule's over it,
// the external one where there is none yet, and what relabelling leaves.
func (k *Knower) label(a *Alert, s *Sender, name string) Values {
	text, static := a.Static[name]
	switch {
	case name == model.AlertNameLabel:
		return s.sent(name, OneOf(a.Name))
	case static:
		return s.sent(name, expanded(text, func() result { return k.result(a.Expr) }))
	case name == model.MetricNameLabel:
		return s.sent(name, Absent())
	case s.drops(name):
		return Absent()
	}
	return s.sent(name, k.Series(a.Expr).Of(name))
}
