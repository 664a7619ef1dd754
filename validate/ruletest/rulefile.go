package ruletest

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// promQL is the parser that promtool reads rules and expectations with.
var promQL = parser.NewParser(parser.Options{ExperimentalDurationExpr: true})

// nop takes the log lines of upstream's code, which has nowhere to go in a library.
var nop = slog.New(slog.DiscardHandler)

// ruleGroup is a rule group as all tests share it; a test makes a group of it.
type ruleGroup struct {
	file        string
	name        string
	limit       int
	queryOffset time.Duration
	rules       []rule
}

type rule struct {
	alert, record       string
	expr                string
	hold, keepFiring    time.Duration
	labels, annotations labels.Labels

	queries bool // its annotations' templates may query
	loops   int  // of its templates

	sleeps    bool // it can be dormant
	selectors [][]*labels.Matcher
}

// ruleFiles reads each rule file once. It may be used by many at a time.
type ruleFiles struct {
	groups func(path string) ([]rulefmt.RuleGroup, []error)
	files  sync.Map // path to func() ([]*ruleGroup, error)
}

// load is the groups of a rule file, or why there are none.
func (r *ruleFiles) load(path string) ([]*ruleGroup, error) {
	once, _ := r.files.LoadOrStore(path, sync.OnceValues(func() ([]*ruleGroup, error) { return r.read(path) }))
	return once.(func() ([]*ruleGroup, error))()
}

func (r *ruleFiles) read(path string) (groups []*ruleGroup, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: the parser gave up on this file: %v", path, p)
		}
	}()
	parsed, errs := r.groups(path)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for i := range parsed {
		g, err := compile(path, &parsed[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// compile is what rules.Manager.LoadGroups does with a group, short of what differs by test.
func compile(file string, g *rulefmt.RuleGroup) (*ruleGroup, error) {
	out := &ruleGroup{file: file, name: g.Name, limit: g.Limit}
	if g.QueryOffset != nil {
		out.queryOffset = time.Duration(*g.QueryOffset)
	}
	for i := range g.Rules {
		r := &g.Rules[i]
		loops, err := weighRule(r)
		if err != nil {
			return nil, fmt.Errorf("group %q, rule %d, %q: %w", g.Name, i+1, r.Alert+r.Record, err)
		}
		expr, err := promQL.ParseExpr(r.Expr)
		if err != nil {
			return nil, err
		}
		all := maps.Clone(g.Labels)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, r.Labels)
		made := rule{
			alert: r.Alert, record: r.Record, expr: expr.String(),
			hold: time.Duration(r.For), keepFiring: time.Duration(r.KeepFiringFor),
			labels: labels.FromMap(all), annotations: labels.FromMap(r.Annotations), loops: loops,
		}
		made.selectors, made.sleeps = selectorsOf(made.expr)
		for _, text := range r.Annotations {
			made.queries = made.queries || strings.Contains(text, "query")
		}
		out.rules = append(out.rules, made)
	}
	return out, nil
}

// parseRules reads and checks a rule file as Prometheus does.
func parseRules(root fs.FS, path string) ([]rulefmt.RuleGroup, []error) {
	content, err := fs.ReadFile(root, path)
	if err != nil {
		return nil, []error{fmt.Errorf("reading a rule file: %w", err)}
	}
	if len(content) > maxFile {
		return nil, []error{fmt.Errorf("%s: the file takes %d MiB; the most is %d MiB", path, len(content)>>20, maxFile>>20)}
	}
	parsed, errs := rulefmt.Parse(content, false, model.UTF8Validation, promQL, nop)
	if len(errs) == 0 {
		return parsed.Groups, nil
	}
	// A YAML error comes twice.
	errs = slices.CompactFunc(errs, func(a, b error) bool { return a.Error() == b.Error() })
	for i := range errs {
		errs[i] = fmt.Errorf("%s: %w", path, errs[i])
	}
	return nil, errs[:min(len(errs), maxProblems)]
}

// Resolve gives the rule files that a test file names, as paths in root, each
// once, in its order. What matches nothing is a warning, as promtool has it.
func (f *File) Resolve(root fs.FS) (paths []string, problems []Problem) {
	seen := map[string]bool{}
	for _, r := range f.RuleFiles {
		matches, err := f.match(root, r.Pattern)
		switch {
		case err != nil:
			problems = append(problems, Problem{File: f.Path, Position: r.Position, Message: fmt.Sprintf("rule_files: %q: %v", r.Pattern, err)})
		case len(matches) == 0:
			problems = append(problems, Problem{
				File: f.Path, Position: r.Position, Warning: true,
				Message: fmt.Sprintf("rule_files: no file matches %q", r.Pattern),
				Hint:    "paths are relative to the folder of the test file",
			})
		}
		for _, m := range matches {
			if !seen[m] {
				seen[m] = true
				paths = append(paths, m)
			}
		}
	}
	return paths, problems
}

func (f *File) match(root fs.FS, pattern string) ([]string, error) {
	if pattern == "" {
		return nil, nil
	}
	if path.IsAbs(pattern) {
		return nil, errors.New("is an absolute path; only files of the repo can be tested")
	}
	full := path.Join(path.Dir(f.Path), pattern)
	if !fs.ValidPath(full) {
		return nil, errors.New("leads out of the repo")
	}
	return fs.Glob(root, full)
}
