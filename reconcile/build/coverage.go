package build

import (
	"io/fs"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/ruletest"
)

// Coverage says which rules of a repo have a test. The repo is what was loaded of fsys.
func Coverage(fsys fs.FS, repo *repolayout.Repo) []ruletest.TeamCoverage {
	var rules []ruletest.CoverRule
	var tests []ruletest.CoverTests
	for _, team := range repo.Teams {
		for _, f := range team.Rules {
			for i := range f.Groups {
				rules = append(rules, coverRules(team.Name, f.Path, &f.Groups[i])...)
			}
		}
		for _, f := range team.Tests {
			parsed, _ := ruletest.Parse(f.Path, f.Content) // Check says what is wrong with them
			if parsed == nil {
				continue
			}
			paths, _ := parsed.Resolve(fsys)
			tests = append(tests, ruletest.CoverTests{File: parsed, Rules: paths})
		}
	}
	return ruletest.Coverage(rules, tests)
}

func coverRules(team, path string, g *repolayout.RuleGroup) []ruletest.CoverRule {
	var out []ruletest.CoverRule
	for i := range g.Rules {
		if g.Rules[i].Alert+g.Rules[i].Record == "" {
			continue
		}
		at := g.Pos
		if i < len(g.RulePos) {
			at = g.RulePos[i].Rule
		}
		out = append(out, ruletest.CoverRule{
			Team: team, File: path, Line: at.Line, Column: at.Column,
			Group: g.Name, Alert: g.Rules[i].Alert, Record: g.Rules[i].Record,
		})
	}
	return out
}
