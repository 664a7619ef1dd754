package ruletest

import (
	"cmp"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// CoverRule is a rule that tests may cover. Team, File and Line are for the
// caller: who has it, and where it stands.
type CoverRule struct {
	Team   string `json:"team"`
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Group  string `json:"group"`
	Alert  string `json:"alert,omitempty"`
	Record string `json:"record,omitempty"`
}

// CoverTests are the tests of one file, and the rule files that they load.
type CoverTests struct {
	*File
	// Rules are the paths of the rule files, as File.Resolve gives them. Tests
	// cover rules of these files alone.
	Rules []string
}

// TeamCoverage is how many of a team's rules are tested, and which are not.
type TeamCoverage struct {
	Team          string      `json:"team"`
	Alerts        int         `json:"alerts"`
	AlertsTested  int         `json:"alertsTested"`
	Records       int         `json:"records"`
	RecordsTested int         `json:"recordsTested"`
	Untested      []CoverRule `json:"untested,omitempty"` // by file and line
}

// Coverage says which rules have a test. An alert has one if an alert_rule_test
// of a file that loads it expects it to fire; that it does not fire says too
// little. A recording rule has one if a promql_expr_test of such a file names its
// series and expects samples. Teams are sorted by name.
func Coverage(rules []CoverRule, tests []CoverTests) []TeamCoverage {
	tested := newTestedNames(tests)
	teams := map[string]*TeamCoverage{}
	for _, r := range rules {
		team := teams[r.Team]
		if team == nil {
			team = &TeamCoverage{Team: r.Team}
			teams[r.Team] = team
		}
		team.add(r, tested.has(r))
	}
	var all []TeamCoverage
	for _, team := range teams {
		slices.SortFunc(team.Untested, func(a, b CoverRule) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
				cmp.Compare(a.Alert, b.Alert), cmp.Compare(a.Record, b.Record))
		})
		all = append(all, *team)
	}
	slices.SortFunc(all, func(a, b TeamCoverage) int { return cmp.Compare(a.Team, b.Team) })
	return all
}

func (t *TeamCoverage) add(r CoverRule, tested bool) {
	count, countTested := &t.Alerts, &t.AlertsTested
	if r.Alert == "" {
		count, countTested = &t.Records, &t.RecordsTested
	}
	*count++
	if tested {
		*countTested++
	} else {
		t.Untested = append(t.Untested, r)
	}
}

// testedNames are the alerts and series that tests expect, by rule file.
type testedNames map[string]map[string]bool

func newTestedNames(tests []CoverTests) testedNames {
	names := testedNames{}
	for _, file := range tests {
		asserted := file.asserted()
		for _, path := range file.Rules {
			if names[path] == nil {
				names[path] = map[string]bool{}
			}
			for name := range asserted {
				names[path][name] = true
			}
		}
	}
	return names
}

func (n testedNames) has(r CoverRule) bool {
	if r.Alert != "" {
		return n[r.File]["alert "+r.Alert]
	}
	return n[r.File]["series "+r.Record]
}

// asserted is what the tests of a file expect to be there.
func (f *File) asserted() map[string]bool {
	names := map[string]bool{}
	for i := range f.Tests {
		for _, a := range f.Tests[i].AlertTests {
			if len(a.Expected) > 0 {
				names["alert "+a.Alertname] = true
			}
		}
		for _, e := range f.Tests[i].ExprTests {
			if len(e.Expected) > 0 {
				for _, name := range seriesNames(e.Expr) {
					names["series "+name] = true
				}
			}
		}
	}
	return names
}

// seriesNames are the names of the series that an expression selects.
func seriesNames(expr string) []string {
	if weighExpr(expr) != nil {
		return nil
	}
	parsed, err := promQL.ParseExpr(expr)
	if err != nil {
		return nil
	}
	var names []string
	for _, selectors := range parser.ExtractSelectors(parsed) {
		for _, m := range selectors {
			if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
				names = append(names, m.Value)
			}
		}
	}
	return names
}
