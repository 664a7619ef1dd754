package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// descriptionAnnotation is Kubernetes's well-known one for what an object is
// there for; kubectl describe shows it, and docs/reference/objects.md is made of it.
const descriptionAnnotation = "kubernetes.io/description"

// applyOrder: what a pod refers to comes before the pod.
var applyOrder = []string{"ServiceAccount", "RoleBinding", "Service", "NetworkPolicy", "PodDisruptionBudget", "StatefulSet", "Deployment"}

// objects are the Kubernetes objects of one environment as they are before any
// patch, ConfigMaps left out.
func (r *Renderer) objects(repo *repolayout.Repo, env *repolayout.Environment) ([]Object, error) {
	all, err := components(repo, env)
	if err != nil {
		return nil, fmt.Errorf("render environment %s: %w", env.Name, err)
	}
	if env.ObjectStore != nil {
		all = append(all, jobComponent(env))
	}
	var out []Object
	for _, c := range all {
		out = append(out, r.networkPolicy(env, c))
		out = append(out, services(env, c)...)
		out = append(out, access(env, c)...)
		for _, w := range c.workloads {
			set, err := r.set(env, w)
			if err != nil {
				return nil, fmt.Errorf("render %s of environment %s: %w", w.name, env.Name, err)
			}
			out = append(out, set, disruptionBudget(env, w))
		}
	}
	slices.SortFunc(out, func(a, b Object) int {
		return cmp.Or(cmp.Compare(orderOf(a), orderOf(b)), cmp.Compare(a.GetName(), b.GetName()))
	})
	return out, nil
}

func orderOf(o Object) int { return slices.Index(applyOrder, kindOf(o)) }

func kindOf(o Object) string { return o.GetObjectKind().GroupVersionKind().Kind }

// meta is the metadata that every object has.
func meta(env *repolayout.Environment, component, name, description string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:        name,
		Namespace:   env.Namespace,
		Labels:      labelsOf(env, component),
		Annotations: map[string]string{descriptionAnnotation: description},
	}
}

// selectorOf picks the pods of a component, of whatever shard.
func selectorOf(env *repolayout.Environment, component string) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":     component,
		"app.kubernetes.io/instance": env.Name,
	}
}

func labelsOf(env *repolayout.Environment, component string) map[string]string {
	labels := maps.Clone(selectorOf(env, component))
	labels["app.kubernetes.io/component"] = roles[component]
	labels["app.kubernetes.io/part-of"] = "watchbill"
	labels["app.kubernetes.io/managed-by"] = "watchbill"
	return labels
}

// selector picks the pods of one workload. It is the part of their labels that may never change.
func (w *workload) selector(env *repolayout.Environment) map[string]string {
	return w.sharded(selectorOf(env, w.of.pods))
}

func (w *workload) labels(env *repolayout.Environment) map[string]string {
	return w.sharded(labelsOf(env, w.of.pods))
}

func (w *workload) sharded(labels map[string]string) map[string]string {
	if w.shard != "" {
		labels[ShardLabel] = w.shard
	}
	return labels
}

func (w *workload) meta(env *repolayout.Environment, description string) metav1.ObjectMeta {
	m := meta(env, w.of.pods, w.name, description)
	m.Labels = w.labels(env)
	return m
}
