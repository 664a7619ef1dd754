package build

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
	"github.com/watchbill/watchbill/validate/routes"
)

// Routing is where the alerts of one environment go.
type Routing struct {
	Environment string
	Tree        *routes.Tree
	Sender      *routes.Sender
	Alerts      []routes.Alert
}

// Router says where the alerts of revisions go, and remembers what they have in
// common. It keeps all that it was asked, so it is for a few revisions, not for a
// process's life. It is not safe for concurrent use.
type Router struct {
	loader   *repolayout.Loader
	renderer *render.Renderer
	trees    map[string]*routes.Tree // by alertmanager.yml
	knower   *routes.Knower
}

// NewRouter makes a router that shares with the builder what that has parsed and
// rendered.
func NewRouter(b *Builder) *Router {
	return &Router{
		loader: b.loader, renderer: b.renderer,
		trees: map[string]*routes.Tree{}, knower: routes.NewKnower(),
	}
}

// Load reads a repo. What the loader could not accept would be missing from the
// answers, so where it found errors there is no repo.
func (r *Router) Load(fsys fs.FS) (*repolayout.Repo, []validate.Finding) {
	repo, problems := r.loader.Load(fsys)
	if errors := validate.Blocking(validate.Sort(validate.Problems(problems))); len(errors) > 0 {
		return nil, errors
	}
	return repo, nil
}

// Routing is of one environment of a repo, or of each if none is named.
func (r *Router) Routing(repo *repolayout.Repo, environment string) ([]*Routing, error) {
	var out []*Routing
	var names []string
	for _, env := range repo.Environments {
		names = append(names, env.Name)
		if environment != "" && env.Name != environment {
			continue
		}
		one, err := r.of(repo, env)
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

func (r *Router) of(repo *repolayout.Repo, env *repolayout.Environment) (*Routing, error) {
	alertmanager, err := r.renderer.AlertmanagerConfig(repo, env)
	if err != nil {
		return nil, err
	}
	prometheus, err := r.renderer.PrometheusConfig(repo, env)
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
	return &Routing{Environment: env.Name, Tree: tree, Sender: sender, Alerts: routes.Alerts(repo, env)}, nil
}

// Outcomes says of each alert who is told.
func (r *Router) Outcomes(all ...*Routing) []routes.AlertOutcome {
	var out []routes.AlertOutcome
	for _, one := range all {
		out = append(out, one.Tree.Outcomes(one.Alerts, one.Sender, r.knower)...)
	}
	return out
}
