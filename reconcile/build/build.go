// Package build turns one revision of the monitoring repo into what should be
// live: it loads, validates and renders, and lets the last good files of a
// broken team stand in for the broken ones.
//
// Nothing here has a side effect; the same revision and the same last good
// files give the same result. A [Builder] only remembers what it has parsed,
// so that a one-line change costs one file.
package build

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/watchbill/watchbill/reconcile/plan"
	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/memory"
)

// LastGood is where the files of a team were live last.
type LastGood struct {
	Revision string
	FS       fs.FS
}

// Result is one revision, made ready for one environment.
type Result struct {
	Environment *repolayout.Environment // nil when the revision cannot be read that far
	// Findings of the revision as it stands in git, sorted.
	Findings []validate.Finding
	// Blocked are the errors that no quarantine helps against; then there is no output.
	Blocked []validate.Finding
	// Quarantined teams, sorted by name; their last good files are in the output.
	Quarantined []Quarantine
	Output      render.Output
	// Rules of each team in this environment, and what the guard goes by.
	Rules plan.Counts
	Guard repolayout.Guard
}

// Quarantine is one team whose files of this revision are left out.
type Quarantine struct {
	Team string
	// Revision that the files that stand in come from; empty when there are none yet.
	Revision string
	// Findings that are why.
	Findings []validate.Finding
}

// Builder builds revisions. It is not safe for concurrent use.
type Builder struct {
	loader    *repolayout.Loader
	validator *validate.Validator
	renderer  *render.Renderer
	configs   configChecks
	tests     validate.Tests
	memory    *memory.Memory      // for Check alone; see Remember
	only      *validate.Selection // as well; see Only
}

// New makes a builder that renders with these options.
func New(opts render.Options) *Builder {
	return &Builder{
		loader:    repolayout.NewLoader(),
		validator: validate.New(),
		renderer:  render.New(opts),
		configs:   configChecks{},
	}
}

// Check validates a revision for every environment, runs the unit tests of its
// rules, and builds nothing.
func (b *Builder) Check(fsys fs.FS) []validate.Finding {
	repo, problems := b.loadToCheck(fsys)
	if b.only.OnlySyntax() {
		return b.only.Of(validate.Sort(append(validate.Problems(problems), b.validator.Repo(repo)...)))
	}
	findings := b.check(repo, problems, repo.Environments)
	return b.only.Of(validate.Sort(append(findings, b.tests.Check(fsys, repo)...)))
}

// LastGoodFunc answers, for a team, where its files were live last: nil when
// they never were, an error when that cannot be known now.
type LastGoodFunc func(team string) (*LastGood, error)

// Build makes a revision ready for one environment. The error is ours or the
// disk's, never the revision's: what is wrong with that is in Findings and Blocked.
func (b *Builder) Build(fsys fs.FS, environment string, lastGood LastGoodFunc) (*Result, error) {
	repo, problems := b.loader.Load(fsys)
	r := &Result{Guard: repo.Stack.Guard}
	env := repo.Environment(environment)
	if env == nil {
		problems = append(problems, missing(repo, environment))
	}
	only := slices.DeleteFunc([]*repolayout.Environment{env}, func(e *repolayout.Environment) bool { return e == nil })
	q := quarantine{builder: b, repo: repo, problems: problems, environments: only, lastGood: lastGood}
	r.Findings = b.check(repo, problems, only)
	repo, err := q.settle(r.Findings)
	if err != nil {
		return nil, err
	}
	r.Quarantined, r.Blocked = q.list(), q.blocked
	if len(r.Blocked) > 0 {
		return r, nil
	}
	r.Environment = env
	r.Rules = count(repo, environment)
	out, err := b.renderer.Environment(repo, env)
	if err != nil {
		return nil, fmt.Errorf("render environment %s: %w", environment, err)
	}
	r.Output = out
	return r, nil
}

func (b *Builder) check(repo *repolayout.Repo, problems []repolayout.Problem, envs []*repolayout.Environment) []validate.Finding {
	findings := append(validate.Problems(problems), b.validator.Repo(repo)...)
	if len(validate.Blocking(findings)) == 0 {
		findings = append(findings, patchFindings(repo)...)
		for _, env := range envs {
			findings = append(findings, b.configs.check(b.renderer, repo, env)...)
		}
	}
	return validate.Sort(findings)
}

func missing(repo *repolayout.Repo, name string) repolayout.Problem {
	p := repolayout.Problem{
		Pos:     repolayout.Pos{File: "environments/" + name + ".yaml"},
		Check:   "layout/environment",
		Message: fmt.Sprintf("environment %q is not in the repo", name),
	}
	for _, e := range repo.Environments {
		p.Hint += " " + e.Name
	}
	if p.Hint != "" {
		p.Hint = "environments of the repo:" + p.Hint
	}
	return p
}

// count is the number of rules that each team has in an environment.
func count(repo *repolayout.Repo, environment string) plan.Counts {
	counts := plan.Counts{}
	for _, t := range repo.Teams {
		for _, f := range t.Rules {
			if f.Environment != "" && f.Environment != environment {
				continue
			}
			for _, g := range f.Groups {
				counts[t.Name] += len(g.Rules)
			}
		}
	}
	return counts
}
