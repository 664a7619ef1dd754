package render

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// requests are what a program asks for where the environment says nothing.
func requests(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

// resourcesOf fills in the program's requests where the environment sets
// neither a request nor a limit; a limit below our request would be refused.
func resourcesOf(p *program) (corev1.ResourceRequirements, error) {
	var out corev1.ResourceRequirements
	var err error
	if out.Requests, err = quantities(p.resources.Requests); err != nil {
		return out, fmt.Errorf("resource requests: %w", err)
	}
	if out.Limits, err = quantities(p.resources.Limits); err != nil {
		return out, fmt.Errorf("resource limits: %w", err)
	}
	for name, request := range p.requests {
		_, requested := out.Requests[name]
		_, limited := out.Limits[name]
		if requested || limited {
			continue
		}
		if out.Requests == nil {
			out.Requests = corev1.ResourceList{}
		}
		out.Requests[name] = request
	}
	return out, nil
}

func quantities(values map[string]string) (corev1.ResourceList, error) {
	if len(values) == 0 {
		return nil, nil
	}
	out := make(corev1.ResourceList, len(values))
	for name, value := range values {
		q, err := resource.ParseQuantity(value)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", name, value, err)
		}
		out[corev1.ResourceName(name)] = q
	}
	return out, nil
}

// bytesOf is a quantity in whole bytes.
func bytesOf(what, value string) (int64, error) {
	q, err := resource.ParseQuantity(value)
	if err != nil {
		return 0, fmt.Errorf("%s %q: %w", what, value, err)
	}
	return q.Value(), nil
}

// literal is a text in an argument of a container. Kubernetes would put the
// value of a variable in place of $(NAME), and one dollar in place of two.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }
