package main

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/routes"
)

// routing is where the alerts of one environment go.
type routing struct {
	environment string
	tree        *routes.Tree
	sender      *routes.Sender
	alerts      []routes.Alert
}

// router reads revisions of a repo, and remembers what they have in common.
type router struct {
	io       streams
	loader   *repolayout.Loader
	renderer *render.Renderer
	trees    map[string]*routes.Tree // by alertmanager.yml
	knower   *routes.Knower
}

func newRouter(io streams) *router {
	return &router{
		io: io, loader: repolayout.NewLoader(), renderer: render.New(render.Options{}),
		trees: map[string]*routes.Tree{}, knower: routes.NewKnower(),
	}
}

// openRouting reads the folder that args name, for one environment or for each.
func openRouting(io streams, args []string, environment string) ([]*routing, error) {
	fsys, err := openFolder(args)
	if err != nil {
		return nil, err
	}
	repo, err := newRouter(io).load(fsys)
	if err != nil {
		return nil, err
	}
	return repo.routing(environment)
}

// routedRepo is a repo of which it can be said where alerts go.
type routedRepo struct {
	*router
	repo *repolayout.Repo
}

// load reads a repo. What the loader could not accept would be missing from the
// answers, so it is printed and there are none.
func (r *router) load(fsys fs.FS) (*routedRepo, error) {
	repo, problems := r.loader.Load(fsys)
	if errors := validate.Blocking(validate.Sort(validate.Problems(problems))); len(errors) > 0 {
		if err := printFindings(streams{r.io.in, r.io.err, r.io.err}, "text", fsys, errors); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the repo has errors, and where its alerts go is not known")
	}
	return &routedRepo{r, repo}, nil
}

// routing is of one environment, or of each if none is named.
func (r *routedRepo) routing(environment string) ([]*routing, error) {
	var out []*routing
	var names []string
	for _, env := range r.repo.Environments {
		names = append(names, env.Name)
		if environment != "" && env.Name != environment {
			continue
		}
		one, err := r.of(env)
		if err != nil {
			return nil, fmt.Errorf("find the routes of environment %s: %w", env.Name, err)
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("environment %q is not in the repo; it has: %s", environment, strings.Join(names, ", "))
	}
	return out, nil
}

func (r *routedRepo) of(env *repolayout.Environment) (*routing, error) {
	alertmanager, err := r.renderer.AlertmanagerConfig(r.repo, env)
	if err != nil {
		return nil, err
	}
	prometheus, err := r.renderer.PrometheusConfig(r.repo, env)
	if err != nil {
		return nil, err
	}
	tree := r.trees[string(alertmanager)]
	if tree == nil {
		if tree, err = routes.Load(alertmanager); err != nil {
			return nil, err
		}
		r.trees[string(alertmanager)] = tree
	}
	sender, err := routes.ParseSender(prometheus)
	if err != nil {
		return nil, err
	}
	return &routing{environment: env.Name, tree: tree, sender: sender, alerts: routes.Alerts(r.repo, env)}, nil
}
