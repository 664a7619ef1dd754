package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// PatchProblem is what is wrong with one document of patches/*.yaml.
type PatchProblem struct {
	repolayout.Pos
	Message string
	Hint    string // what to do about it
}

func (p PatchProblem) Error() string {
	return fmt.Sprintf("%s:%d: %s; %s", p.File, p.Line, p.Message, p.Hint)
}

// CheckPatches finds what is wrong with the repo's patches in any of its
// environments, sorted by place. A patch has to find its object in one of those
// that it is for, and not in each.
func CheckPatches(repo *repolayout.Repo) []PatchProblem {
	patches, problems := readPatches(repo.Patches)
	if len(patches) == 0 {
		return problems
	}
	r, found, known := New(Options{}), map[*patch]bool{}, map[string][]string{}
	for _, env := range repo.Environments {
		targets, err := r.targets(repo, env)
		if err != nil {
			return problems // it is for others to say what else is wrong with the repo
		}
		for _, t := range targets {
			known[kindOf(t)] = append(known[kindOf(t)], t.GetName())
			for _, p := range patches {
				found[p] = found[p] || p.isFor(env.Name) && p.names(t)
			}
		}
		_, more := patchAll(patches, env.Name, targets)
		problems = append(problems, more...)
	}
	for _, p := range patches {
		if !found[p] {
			problems = append(problems, p.lost(repo, known))
		}
	}
	slices.SortFunc(problems, func(a, b PatchProblem) int { return strings.Compare(a.sortKey(), b.sortKey()) })
	return slices.Compact(problems) // what is wrong is so in several environments
}

func (p PatchProblem) sortKey() string {
	return fmt.Sprintf("%s\x00%09d\x00%s", p.File, p.Line, p.Message)
}

// targets are what patches may change: objects, and the templates of jobs under
// the names watchbill-KIND. An environment that is to go has the same ones as before.
func (r *Renderer) targets(repo *repolayout.Repo, env *repolayout.Environment) ([]Object, error) {
	staying := *env
	staying.Retired = false
	objects, err := r.objects(repo, &staying)
	if err != nil {
		return nil, err
	}
	jobs, err := r.jobs(repo, &staying)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		j.Template.Name = jobName(j.Kind)
		objects = append(objects, j.Template)
	}
	return objects, nil
}

func jobName(kind string) string { return "watchbill-" + kind }

// lost is the problem of a patch that finds no object.
func (p *patch) lost(repo *repolayout.Repo, known map[string][]string) PatchProblem {
	for _, name := range p.environments {
		if repo.Environment(name) == nil {
			return p.problem("list names of files in environments/", "%s names the environment %q, which is not there", environmentsAnnotation, name)
		}
	}
	names, ok := known[p.kind]
	if !ok {
		return p.problem("kinds here: "+listed(slices.Collect(maps.Keys(known))), "nothing of the kind %q is rendered that a patch could change", p.kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(known)) {
		if slices.Contains(known[kind], p.name) && !slices.Contains(names, p.name) {
			return p.problem(fmt.Sprintf("did you mean the %s of this name?", kind), "there is no %s %q in any environment", p.kind, p.name)
		}
	}
	return p.problem("of this kind there are: "+listed(names), "there is no %s %q in any environment that the patch is for", p.kind, p.name)
}

func listed(names []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ", ")
}

// patch changes an output's objects and jobs as the repo's patches say.
func (o *Output) patch(repo *repolayout.Repo, env *repolayout.Environment) error {
	patches, problems := readPatches(repo.Patches)
	if len(problems) > 0 {
		return fmt.Errorf("read the patches: %w", problems[0])
	}
	if len(patches) == 0 {
		return nil
	}
	objects, problems := patchAll(patches, env.Name, o.Objects)
	if len(problems) > 0 {
		return fmt.Errorf("patch environment %s: %w", env.Name, problems[0])
	}
	o.Objects = objects
	for i := range o.Jobs {
		if err := o.Jobs[i].patch(patches, env.Name); err != nil {
			return fmt.Errorf("patch environment %s: %w", env.Name, err)
		}
	}
	return nil
}

func (j *Job) patch(patches []*patch, environment string) error {
	template := j.Template.DeepCopy()
	template.Name = jobName(j.Kind)
	patched, problems := patchAll(patches, environment, []Object{template})
	if len(problems) > 0 {
		return problems[0]
	}
	j.Template = patched[0].(*batchv1.Job)
	j.Template.Name = ""
	return nil
}
