package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kubeyaml "sigs.k8s.io/yaml"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// environmentsAnnotation of a patch lists the environments that it is for; without it, all of them.
const environmentsAnnotation = labelPrefix + "environments"

// patch is one document of patches/*.yaml: a strategic merge patch, as kubectl
// patch and kustomize take it, with the kind and name of its object.
type patch struct {
	at           repolayout.Pos
	kind, name   string
	environments []string
	content      []byte // JSON
}

func (p *patch) problem(hint, format string, args ...any) PatchProblem {
	return PatchProblem{Pos: p.at, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func (p *patch) isFor(environment string) bool {
	return len(p.environments) == 0 || slices.Contains(p.environments, environment)
}

func (p *patch) names(o Object) bool { return p.kind == kindOf(o) && p.name == o.GetName() }

// readPatches reads every document, in the order of files and documents.
func readPatches(files []*repolayout.File) (patches []*patch, problems []PatchProblem) {
	for _, f := range files {
		decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
		for {
			p := &patch{at: repolayout.Pos{File: f.Path, Line: 1, Column: 1}}
			var doc yaml.Node
			err := decoder.Decode(&doc)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				problems = append(problems, p.problem("check indentation and quotes", "%s", strings.TrimPrefix(err.Error(), "yaml: ")))
				break
			}
			if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
				continue
			}
			p.at.Line, p.at.Column = doc.Content[0].Line, doc.Content[0].Column
			if problem := p.read(&doc); problem != nil {
				problems = append(problems, *problem)
				continue
			}
			patches = append(patches, p)
		}
	}
	return patches, problems
}

func (p *patch) read(doc *yaml.Node) *PatchProblem {
	const hint = "a patch is a mapping with kind and metadata.name of its object, and what of it is to be otherwise"
	var parsed map[string]any
	text, err := yaml.Marshal(doc)
	if err == nil {
		err = kubeyaml.UnmarshalStrict(text, &parsed)
	}
	if err != nil {
		problem := p.problem(hint, "the document is no object: %v", err)
		return &problem
	}
	p.kind, _ = parsed["kind"].(string)
	metadata, _ := parsed["metadata"].(map[string]any)
	p.name, _ = metadata["name"].(string)
	if p.kind == "" || p.name == "" {
		problem := p.problem(hint, "the patch does not say which object it is for")
		return &problem
	}
	if annotations, ok := metadata["annotations"].(map[string]any); ok {
		if list, ok := annotations[environmentsAnnotation].(string); ok {
			p.environments = strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
			if len(p.environments) == 0 {
				problem := p.problem("list names of files in environments/", "%s names no environment", environmentsAnnotation)
				return &problem
			}
			delete(annotations, environmentsAnnotation)
		}
	}
	if p.content, err = json.Marshal(parsed); err != nil {
		problem := p.problem(hint, "the document is no object: %v", err)
		return &problem
	}
	return nil
}

// patchAll applies the patches that are for the environment, in order. It changes none of the objects that it is given.
func patchAll(patches []*patch, environment string, objects []Object) ([]Object, []PatchProblem) {
	var problems []PatchProblem
	out := slices.Clone(objects)
	for i, o := range out {
		for _, p := range patches {
			if !p.isFor(environment) || !p.names(o) {
				continue
			}
			next, problem := p.apply(out[i])
			if problem != nil {
				problems = append(problems, *problem)
				continue
			}
			out[i] = next
		}
	}
	return out, problems
}

func (p *patch) apply(o Object) (Object, *PatchProblem) {
	next, err := p.merge(o)
	if err != nil {
		problem := p.problem("kubectl explain "+strings.ToLower(p.kind)+" lists the fields", "the patched %s %s is no longer one: %v", p.kind, p.name, err)
		return nil, &problem
	}
	was, is := held(o), held(next)
	for _, field := range slices.Sorted(maps.Keys(was)) {
		if !reflect.DeepEqual(was[field], is[field]) {
			problem := p.problem("leave it out of the patch; what can be set in the environment's file is set there", "a patch must not change %s of the %s %s", field, p.kind, p.name)
			return nil, &problem
		}
	}
	return next, nil
}

func (p *patch) merge(o Object) (Object, error) {
	before, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	merged, err := strategicpatch.StrategicMergePatch(before, p.content, o)
	if err != nil {
		return nil, err
	}
	next, _, err := strict().Decode(merged, nil, reflect.New(reflect.TypeOf(o).Elem()).Interface().(Object))
	if err != nil {
		return nil, err
	}
	return next.(Object), nil
}

// strict reads an object as the API server does that refuses fields it does not know.
var strict = sync.OnceValue(func() *serializer.Serializer {
	scheme := runtime.NewScheme()
	all := runtime.NewSchemeBuilder(appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme,
		networkingv1.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme)
	if err := all.AddToScheme(scheme); err != nil {
		panic(err) // the API's own types do not go together
	}
	return serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme, scheme, serializer.SerializerOptions{Strict: true})
})

// held is what no patch may change: whose object it is, what the rest of the
// stack knows it by, and how many there are, which more than the object depends on.
func held(o Object) map[string]any {
	out := map[string]any{
		"kind and apiVersion": o.GetObjectKind().GroupVersionKind(),
		"metadata.name":       o.GetName(),
		"metadata.namespace":  o.GetNamespace(),
	}
	holdLabels(out, "metadata.labels", o.GetLabels())
	switch o := o.(type) {
	case *appsv1.StatefulSet:
		out["spec.replicas"], out["spec.serviceName"] = o.Spec.Replicas, o.Spec.ServiceName
		holdPods(out, o.Spec.Selector, o.Spec.Template)
	case *appsv1.Deployment:
		out["spec.replicas"] = o.Spec.Replicas
		holdPods(out, o.Spec.Selector, o.Spec.Template)
	case *batchv1.Job:
		holdPods(out, o.Spec.Selector, o.Spec.Template)
	case *corev1.Service:
		out["spec.selector"] = o.Spec.Selector
	}
	return out
}

func holdPods(out map[string]any, selector *metav1.LabelSelector, pods corev1.PodTemplateSpec) {
	out["spec.selector"] = selector
	holdLabels(out, "spec.template.metadata.labels", pods.Labels)
}

// holdLabels holds those of ours; a patch may add others.
func holdLabels(out map[string]any, path string, labels map[string]string) {
	for name, value := range labels {
		if strings.HasPrefix(name, "app.kubernetes.io/") || strings.HasPrefix(name, labelPrefix) {
			out[path+"["+name+"]"] = value
		}
	}
}
