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
var applyOrder = []string{"ServiceAccount", "RoleBinding", "Service", "NetworkPolicy", "PodDisruptionBudget", "StatefulSet"}

// objects are the Kubernetes objects of one environment, ConfigMaps left out.
func (r *Renderer) objects(repo *repolayout.Repo, env *repolayout.Environment) ([]Object, error) {
	var out []Object
	for _, w := range []*workload{prometheusWorkload(repo, env), alertmanagerWorkload(repo, env)} {
		set, err := r.statefulSet(env, w)
		if err != nil {
			return nil, fmt.Errorf("render the StatefulSet %s of environment %s: %w", w.name, env.Name, err)
		}
		out = append(out, set, disruptionBudget(env, w), r.networkPolicy(env, w))
		out = append(out, services(env, w)...)
		out = append(out, access(env, w)...)
	}
	slices.SortFunc(out, func(a, b Object) int {
		return cmp.Or(cmp.Compare(orderOf(a), orderOf(b)), cmp.Compare(a.GetName(), b.GetName()))
	})
	return out, nil
}

func orderOf(o Object) int {
	return slices.Index(applyOrder, o.GetObjectKind().GroupVersionKind().Kind)
}

// meta is the metadata that every object has.
func meta(env *repolayout.Environment, component, name, description string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:        name,
		Namespace:   env.Namespace,
		Labels:      labelsOf(env, component),
		Annotations: map[string]string{descriptionAnnotation: description},
	}
}

// selectorOf picks the pods of a component. It is the part of the labels that a StatefulSet may never change.
func selectorOf(env *repolayout.Environment, component string) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":     component,
		"app.kubernetes.io/instance": env.Name,
	}
}

func labelsOf(env *repolayout.Environment, component string) map[string]string {
	labels := maps.Clone(selectorOf(env, component))
	labels["app.kubernetes.io/component"] = componentLabels[component]
	labels["app.kubernetes.io/part-of"] = "watchbill"
	labels["app.kubernetes.io/managed-by"] = "watchbill"
	return labels
}
