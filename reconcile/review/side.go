package review

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/watchbill/watchbill/reconcile/build"
	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/ruletest"
)

// side is one of the two revisions, read and rendered.
type side struct {
	commit       string
	fs           fs.FS
	repo         *repolayout.Repo
	findings     []validate.Finding
	environments map[string]*environment
	coverage     []ruletest.TeamCoverage
}

// environment is what a revision makes in one environment.
type environment struct {
	spec        *repolayout.Environment
	blocked     bool // nothing is rendered
	quarantined []string
	files       map[string]string // by component and path: prometheus/rules/payments/errors.yaml
	objects     map[string]string // YAML by kind and name: StatefulSet prometheus
}

// blocked says whether an environment cannot be rendered.
func (s *side) blocked() bool {
	for _, e := range s.environments {
		if e.blocked {
			return true
		}
	}
	return len(s.environments) == 0
}

// effective is the repo as it would be live: a team that is quarantined anywhere
// is that of the last good revision, or is left out.
func (s *side) effective(lastGood *side) *repolayout.Repo {
	out := map[string]bool{}
	for _, e := range s.environments {
		for _, team := range e.quarantined {
			out[team] = true
		}
	}
	if len(out) == 0 {
		return s.repo
	}
	var teams []*repolayout.Team
	for _, t := range s.repo.Teams {
		if !out[t.Name] {
			teams = append(teams, t)
		}
	}
	if lastGood == nil {
		return s.repo.WithTeams(teams)
	}
	for _, t := range lastGood.effective(nil).Teams {
		if out[t.Name] {
			teams = append(teams, t)
		}
	}
	return s.repo.WithTeams(teams)
}

// before reads the base, where a team that is broken is left out.
func (r *reader) before(ctx context.Context, rev revision) (*side, error) {
	if r.base != nil && r.base.commit == rev.commit {
		return r.base, nil
	}
	never := func(string) (*build.LastGood, error) { return nil, nil }
	s, err := r.read(ctx, rev, never, 0)
	if err != nil {
		return nil, fmt.Errorf("read the branch: %w", err)
	}
	r.base = s
	return s, nil
}

// after reads the merge, where the base's files stand in for a broken team's, as
// they would in the cluster.
func (r *reader) after(ctx context.Context, rev revision, base *side, maxRules int) (*side, error) {
	lastGood := func(team string) (*build.LastGood, error) {
		if base.repo.Team(team) == nil {
			return nil, nil
		}
		return &build.LastGood{Revision: base.commit, FS: base.fs}, nil
	}
	s, err := r.read(ctx, rev, lastGood, maxRules)
	if err != nil {
		return nil, fmt.Errorf("read the merge: %w", err)
	}
	return s, nil
}

func (r *reader) read(ctx context.Context, rev revision, lastGood build.LastGoodFunc, maxRules int) (*side, error) {
	s := &side{commit: rev.commit, fs: rev.fs, environments: map[string]*environment{}}
	s.repo, _ = r.builder.Load(rev.fs)
	if n := countRules(s.repo); maxRules > 0 && n > maxRules {
		return nil, &tooLarge{fmt.Sprintf("the repo would hold %d rules, and %d at most are looked at", n, maxRules)}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.findings = r.builder.Check(rev.fs)
	s.coverage = build.Coverage(rev.fs, s.repo)
	for _, env := range s.repo.Environments {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		result, err := r.builder.Build(rev.fs, env.Name, lastGood)
		if err != nil {
			return nil, err
		}
		if s.environments[env.Name], err = newEnvironment(env, result); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func countRules(repo *repolayout.Repo) int {
	n := 0
	for _, t := range repo.Teams {
		for _, f := range t.Rules {
			for i := range f.Groups {
				n += len(f.Groups[i].Rules)
			}
		}
	}
	return n
}

func newEnvironment(spec *repolayout.Environment, r *build.Result) (*environment, error) {
	e := &environment{spec: spec, blocked: len(r.Blocked) > 0, files: map[string]string{}, objects: map[string]string{}}
	for _, q := range r.Quarantined {
		e.quarantined = append(e.quarantined, q.Team)
	}
	for _, b := range r.Output.Bundles {
		files, err := bundle.Assemble(b.Ref(""), b.Chunks)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			e.files[b.Component+"/"+f.Path] = f.Content
		}
	}
	objects := r.Output.Objects
	for _, j := range r.Output.Jobs {
		job := j.Template.DeepCopy()
		job.Name = "watchbill-" + j.Kind
		objects = append(objects[:len(objects):len(objects)], job)
	}
	return e, e.addObjects(objects)
}

func (e *environment) addObjects(objects []render.Object) error {
	for _, o := range objects {
		text, err := yaml.Marshal(o)
		if err != nil {
			return fmt.Errorf("write %s: %w", o.GetName(), err)
		}
		kind := o.GetObjectKind().GroupVersionKind().Kind
		e.objects[strings.TrimSpace(kind+" "+o.GetName())] = string(text)
	}
	return nil
}
