// Package render turns a monitoring repo into what runs: for one environment,
// the bundle of files that each component reads, and the Kubernetes objects
// that hold the components.
//
// It is pure: the same repo and environment give the same bytes, and nothing is
// asked of a cluster, a clock or a network. A [Renderer] only remembers what it
// made before, so that a change of one file costs what that file costs.
//
// A bundle's chunks and index become ConfigMaps by [ChunkObject] and
// [IndexObject]. They are not among the objects of an [Output], because they
// have a life of their own: chunks stay while an index names them, and which
// bundle the index names is for the one to say who sees the proof.
package render

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Options are what the daemon knows and the repo does not.
type Options struct {
	// AgentImage is the image whose entry point is watchbill.
	AgentImage string
	// DaemonNamespace is where the daemon runs that asks the agents for proof,
	// in pods labelled app.kubernetes.io/name=watchbill. Empty means that it runs
	// outside the cluster and comes by way of the API server.
	DaemonNamespace string
}

// Object is any typed Kubernetes object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Output is one environment, rendered.
type Output struct {
	Bundles []bundle.Bundle // Prometheus's, Alertmanager's and, where there is one, Grafana's
	Objects []Object        // in the order to apply them, and by name
	Jobs    []Job           // those that run by a schedule, by kind
}

// Renderer renders environments. It may be used by several goroutines.
type Renderer struct {
	opts Options

	mu     sync.Mutex
	memory map[string]*memory // by environment
}

// New makes a Renderer that remembers nothing yet.
func New(opts Options) *Renderer {
	return &Renderer{opts: opts, memory: map[string]*memory{}}
}

// Environment renders one environment of the repo. Both must not be changed afterwards.
func (r *Renderer) Environment(repo *repolayout.Repo, env *repolayout.Environment) (Output, error) {
	teams, err := r.memoryOf(env.Name).render(repo.Teams, shapeOf(env))
	if err != nil {
		return Output{}, err
	}
	bundles, err := bundles(repo, env, teams)
	if err != nil {
		return Output{}, err
	}
	out := Output{Bundles: bundles}
	if out.Objects, err = r.objects(repo, env); err != nil {
		return Output{}, err
	}
	if out.Jobs, err = r.jobs(repo, env); err != nil {
		return Output{}, err
	}
	err = out.patch(repo, env)
	return out, err
}

func bundles(repo *repolayout.Repo, env *repolayout.Environment, teams []*team) ([]bundle.Bundle, error) {
	prometheus, err := prometheusBundle(repo, env, teams)
	if err != nil {
		return nil, err
	}
	alertmanager, err := alertmanagerBundle(repo, teams)
	if err != nil {
		return nil, err
	}
	if !hasGrafana(env) {
		return []bundle.Bundle{prometheus, alertmanager}, nil
	}
	grafana, err := grafanaBundle(teams)
	return []bundle.Bundle{prometheus, alertmanager, grafana}, err
}

func (r *Renderer) memoryOf(env string) *memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.memory[env]
	if !ok {
		m = &memory{}
		r.memory[env] = m
	}
	return m
}

func prometheusBundle(repo *repolayout.Repo, env *repolayout.Environment, teams []*team) (bundle.Bundle, error) {
	var files []bundle.File
	for shard := range prometheusShards(env) {
		config, err := prometheusConfig(repo, env, shard)
		if err != nil {
			return bundle.Bundle{}, err
		}
		files = append(files, bundle.File{Path: prometheusFile(shard), Content: string(config)})
	}
	chunks, err := bundle.Cut("", files)
	if err != nil {
		return bundle.Bundle{}, err
	}
	for _, t := range teams {
		chunks = append(chunks, t.chunks...)
	}
	return bundle.New(bundle.Prometheus, chunks), nil
}

func alertmanagerBundle(repo *repolayout.Repo, teams []*team) (bundle.Bundle, error) {
	parts := make([]alerting, 0, len(teams))
	for _, t := range teams {
		parts = append(parts, t.alerting)
	}
	config, err := alertmanagerConfig(repo, parts)
	if err != nil {
		return bundle.Bundle{}, err
	}
	files := []bundle.File{{Path: "alertmanager.yml", Content: string(config)}}
	for _, f := range repo.Templates {
		files = append(files, bundle.File{Path: templatePath(f.Path), Content: string(f.Content)})
	}
	chunks, err := bundle.Cut("", files)
	if err != nil {
		return bundle.Bundle{}, err
	}
	return bundle.New(bundle.Alertmanager, chunks), nil
}
