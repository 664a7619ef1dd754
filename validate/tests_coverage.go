package validate

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/memory"
	"github.com/watchbill/watchbill/validate/ruletest"
)

// coverage reports alerts that have no test where the policies want one, and
// teams that test too few.
func (t *Tests) coverage(fsys fs.FS, repo *repolayout.Repo) []Finding {
	policies := repo.Stack.Policies.Tests
	if policies.MinCoverage == 0 && len(policies.RequireFor) == 0 {
		return nil
	}
	var tests []ruletest.CoverTests
	for _, team := range repo.Teams {
		for i := range team.Tests {
			f := t.expected(team, i)
			paths, _ := f.Resolve(fsys) // the run says what is wrong with them
			tests = append(tests, ruletest.CoverTests{File: f, Rules: paths})
		}
	}
	var found []Finding
	silences := silencesOfRepo(repo)
	for _, team := range repo.Teams {
		c := t.covered(team)
		untested := c.untested(tests)
		found = append(found, firstOf(c.required(untested, policies.RequireFor))...)
		found = append(found, c.tooFew(untested, int(policies.MinCoverage))...)
		silences = append(silences, c.silences...)
	}
	return quieted(found, silences, t.today())
}

// expected is a test file with the alerts alone that it expects to fire.
func (t *Tests) expected(team *repolayout.Team, i int) *ruletest.File {
	f := team.Tests[i]
	key := memory.KeyOf("expected alerts", f.Path, f.Digest)
	if known, ok := memory.Recall[ruletest.File](t.Memory, key); ok && f.Digest != "" {
		return &known
	}
	kept := ruletest.File{Path: f.Path, Tests: make([]ruletest.Test, 1)}
	if parsed, _ := parseTest(team, i); parsed != nil {
		kept.RuleFiles = parsed.RuleFiles
		for j := range parsed.Tests {
			for _, alert := range parsed.Tests[j].AlertTests {
				if len(alert.Expected) > 0 {
					kept.Tests[0].AlertTests = append(kept.Tests[0].AlertTests, ruletest.AlertTest{
						Alertname: alert.Alertname, Expected: make([]ruletest.ExpectedAlert, 1),
					})
				}
			}
		}
	}
	memory.Keep(t.Memory, key, kept)
	return &kept
}

// coveredTeam is a team's alerts, which tests may cover.
type coveredTeam struct {
	name     string
	at       repolayout.Pos // of its team.yaml
	alerts   []coveredAlert
	silences []silence
}

type coveredAlert struct {
	name, severity string
	at             repolayout.Pos
}

func (t *Tests) covered(team *repolayout.Team) coveredTeam {
	key := memory.KeyOf("alerts", team.Name, team.Digest)
	if known, ok := memory.Recall[coveredTeam](t.Memory, key); ok && team.Digest != "" {
		return known
	}
	team = team.Whole()
	c := coveredTeam{name: team.Name, at: team.Spec.Pos, silences: silencesOf(team)}
	for _, file := range team.Rules {
		for i := range file.Groups {
			for j := range file.Groups[i].Rules {
				use := ruleUse{file, &file.Groups[i], j}
				if name := use.rule().Alert; name != "" {
					c.alerts = append(c.alerts, coveredAlert{name, use.labels()["severity"], use.at()})
				}
			}
		}
	}
	memory.Keep(t.Memory, key, c)
	return c
}

// untested are the alerts that no test expects to fire.
func (c *coveredTeam) untested(tests []ruletest.CoverTests) []coveredAlert {
	rules := make([]ruletest.CoverRule, len(c.alerts))
	for i, a := range c.alerts {
		rules[i] = ruletest.CoverRule{Team: c.name, File: a.at.File, Line: i, Alert: a.name}
	}
	var untested []coveredAlert
	for _, team := range ruletest.Coverage(rules, tests) {
		for _, r := range team.Untested {
			untested = append(untested, c.alerts[r.Line])
		}
	}
	return untested
}

// required reports the untested alerts of severities whose alerts all need a test.
func (c *coveredTeam) required(untested []coveredAlert, severities []string) []Finding {
	if len(severities) == 0 {
		return nil
	}
	var found []Finding
	for _, a := range untested {
		what := "the severity " + a.severity
		if strings.Contains(a.severity, "{{") {
			what = "a severity that a template makes"
		} else if !slices.Contains(severities, a.severity) {
			continue
		}
		found = append(found, Finding{
			Check: testsCoverage, Severity: Error, Owner: c.name, Pos: a.at,
			Message: fmt.Sprintf("alert %q has %s, and no test expects it to fire", a.name, what),
			Hint:    fmt.Sprintf("add an alert_rule_test with exp_alerts to a file in teams/%s/tests/; policies.tests.requireFor in watchbill.yaml asks for one", c.name),
		})
	}
	return found
}

// tooFew reports a team that tests a smaller share of its alerts than it should.
func (c *coveredTeam) tooFew(untested []coveredAlert, least int) []Finding {
	all, tested := len(c.alerts), len(c.alerts)-len(untested)
	if all == 0 || 100*tested >= least*all {
		return nil
	}
	const most = 5
	var names []string
	for _, a := range untested[:min(len(untested), most)] {
		names = append(names, a.name)
	}
	without := strings.Join(names, ", ")
	if len(untested) > most {
		without += fmt.Sprintf(" and %d more", len(untested)-most)
	}
	return []Finding{{
		Check: testsCoverage, Severity: Error, Owner: c.name, Pos: c.at,
		Message: fmt.Sprintf("tests expect %d of the team's %d alerts to fire, which is %d %%; policies.tests.minCoverage is %d", tested, all, 100*tested/all, least),
		Hint:    "without a test: " + without + "; watchbill test --coverage says where they stand",
	}}
}
