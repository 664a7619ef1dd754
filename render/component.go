package render

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Names of components beside those that read bundles.
const (
	thanosQuery    = "thanos-query"
	thanosFrontend = "thanos-query-frontend"
	thanosStore    = "thanos-store"
	jobRunners     = "watchbill-jobs"
	jobPods        = "watchbill-job"
)

// roles are the labels app.kubernetes.io/component, as kube-prometheus and
// kube-thanos taught people to expect them.
var roles = map[string]string{
	bundle.Prometheus:   "prometheus",
	bundle.Alertmanager: "alert-router",
	bundle.Grafana:      "grafana",
	thanosQuery:         "query-layer",
	thanosFrontend:      "query-cache",
	thanosStore:         "object-store-gateway",
	jobPods:             "job",
}

// component is one program of the stack with all its pods: what the pods share
// is made of it, and one set of pods of each of its workloads.
type component struct {
	name      string                  // of its objects
	pods      string                  // the label app.kubernetes.io/name of its pods
	address   string                  // what the Service is there for that has one address for all pods; empty for none
	headless  string                  // name of the Service that gives each pod a name of its own; without it, the pods are all alike
	bundle    bool                    // an agent delivers its bundle
	discovers bool                    // it asks the API server what there is to scrape
	store     *repolayout.ObjectStore // it reads or writes the bucket
	workloads []*workload
}

// workload is one set of equal pods.
type workload struct {
	of           *component
	name         string // of the StatefulSet or Deployment
	shard        string // tells it from the component's other workloads; empty where there can be no other
	description  string
	replicas     int32
	programs     []program // the first is what the workload is for
	agent        agentSpec
	storage      *repolayout.Storage // of the volume "data"; nil where there is none
	cache        bool                // what is on it can be had again
	volumes      []corev1.Volume
	graceSeconds int64
}

// program is one upstream program, in a container of its own.
type program struct {
	name           string
	image          string
	command, args  []string
	env            []corev1.EnvVar
	envFrom        []corev1.EnvFromSource
	ports          []port
	ready, healthy string // paths of its first port; empty for a program that ends by itself
	user           int64
	resources      repolayout.Resources
	requests       corev1.ResourceList // where resources say nothing
	mounts         []corev1.VolumeMount
}

// port is where a program listens.
type port struct {
	name     string
	number   int32
	protocol corev1.Protocol
	from     []string // whose pods may come, by the label app.kubernetes.io/name
	anybody  bool     // anybody may come, as the program has a login
	daemon   bool     // the daemon must come, wherever it is
	asked    bool     // the daemon may come too, if it is in the cluster
}

// components are the parts of an environment that run all the time.
func components(repo *repolayout.Repo, env *repolayout.Environment) ([]*component, error) {
	prometheus, err := prometheusComponent(repo, env)
	if err != nil {
		return nil, err
	}
	out := []*component{prometheus, alertmanagerComponent(repo, env)}
	if hasQuery(env) {
		out = append(out, queryComponent(repo, env))
	}
	if hasFrontend(env) {
		frontend, err := frontendComponent(repo, env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", thanosFrontend, err)
		}
		out = append(out, frontend)
	}
	if hasStore(env) {
		store, err := storeComponent(repo, env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", thanosStore, err)
		}
		out = append(out, store)
	}
	if hasGrafana(env) {
		out = append(out, grafanaComponent(repo, env))
	}
	return out, nil
}

func hasQuery(env *repolayout.Environment) bool { return env.Query.Replicas > 0 }
func hasFrontend(env *repolayout.Environment) bool {
	return hasQuery(env) && env.Query.Frontend.Replicas > 0
}
func hasStore(env *repolayout.Environment) bool {
	return env.ObjectStore != nil && env.Store.Shards > 0
}
func hasGrafana(env *repolayout.Environment) bool { return hasQuery(env) && env.Grafana.Replicas > 0 }

// hasSidecar says whether Thanos reads from or ships for each Prometheus.
func hasSidecar(env *repolayout.Environment) bool { return hasQuery(env) || env.ObjectStore != nil }

// asked is the component that answers PromQL for Grafana: the one with the widest view.
func asked(env *repolayout.Environment) string {
	if hasFrontend(env) {
		return thanosFrontend
	}
	return thanosQuery
}

// askers are those whose pods may come to a component's API: Prometheus, who
// scrapes it, and Grafana where it asks this one.
func askers(env *repolayout.Environment, name string) []string {
	if asked(env) == name && hasGrafana(env) {
		return []string{bundle.Prometheus, bundle.Grafana}
	}
	return []string{bundle.Prometheus}
}

// ports are those of every container of the component's pods.
func (c *component) ports() []port {
	var out []port
	if len(c.workloads) == 0 {
		return nil
	}
	for i := range c.workloads[0].programs {
		out = append(out, c.workloads[0].programs[i].ports...)
	}
	if c.bundle {
		out = append(out, agentPorts(c))
	}
	return out
}

func (p port) proto() corev1.Protocol { return cmp.Or(p.protocol, corev1.ProtocolTCP) }

// running is the number of replicas: none where the environment is retired.
func (w *workload) running(env *repolayout.Environment) *int32 {
	if env.Retired {
		return new(int32)
	}
	return &w.replicas
}
