package apply

import (
	"context"
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/ssa"
	"github.com/pmezard/go-difflib/difflib"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/watchbill/watchbill/render"
)

// Diff is the unified diff of what applying the objects would change, as the
// API server's dry run tells; empty if nothing would.
func Diff(ctx context.Context, config *rest.Config, objects []render.Object) (string, error) {
	c, err := client.New(config, client.Options{Mapper: kindMapper()})
	if err != nil {
		return "", fmt.Errorf("make a client for server-side apply: %w", err)
	}
	manager := ssa.NewResourceManager(c, nil, ssa.Owner{Field: FieldManager, Group: labelGroup})
	var out strings.Builder
	for _, o := range objects {
		u, err := Unstructured(o)
		if err != nil {
			return "", err
		}
		entry, before, after, err := manager.Diff(ctx, u, ssa.DefaultDiffOptions())
		if err != nil {
			return "", fmt.Errorf("compare %s %s: %w", u.GetKind(), u.GetName(), err)
		}
		if entry.Action == ssa.UnchangedAction {
			continue
		}
		if entry.Action == ssa.CreatedAction {
			before, after = nil, u
		}
		text, err := unified(strings.ToLower(u.GetKind())+"/"+u.GetName(), before, after)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

func unified(name string, before, after *unstructured.Unstructured) (string, error) {
	a, err := asLines(before)
	if err != nil {
		return "", err
	}
	b, err := asLines(after)
	if err != nil {
		return "", err
	}
	return difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: a, FromFile: "live/" + name, B: b, ToFile: "repo/" + name, Context: 3,
	})
}

// asLines leaves out what only the API server keeps.
func asLines(u *unstructured.Unstructured) ([]string, error) {
	if u == nil {
		return nil, nil
	}
	u = u.DeepCopy()
	for _, field := range [][]string{
		{"status"}, {"metadata", "managedFields"}, {"metadata", "resourceVersion"}, {"metadata", "uid"},
		{"metadata", "creationTimestamp"}, {"metadata", "generation"},
	} {
		unstructured.RemoveNestedField(u.Object, field...)
	}
	raw, err := yaml.Marshal(u.Object)
	if err != nil {
		return nil, fmt.Errorf("write %s %s as YAML: %w", u.GetKind(), u.GetName(), err)
	}
	return difflib.SplitLines(string(raw)), nil
}

// Unstructured converts a typed object and drops what only the API server fills in.
func Unstructured(o render.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, fmt.Errorf("convert %s %s: %w", o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), err)
	}
	u := &unstructured.Unstructured{Object: content}
	for _, field := range [][]string{
		{"status"}, {"metadata", "creationTimestamp"}, {"spec", "template", "metadata", "creationTimestamp"},
	} {
		unstructured.RemoveNestedField(u.Object, field...)
	}
	return u, nil
}
