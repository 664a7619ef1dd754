package render_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/watchbill/watchbill/render"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// patched is a small repo of two environments, of which prod has everything, with one file of patches.
func patched(text string) *repolayout.Repo {
	prod := &repolayout.Environment{
		Name: "prod", Namespace: "monitoring",
		Query:       repolayout.QuerySpec{Replicas: 1},
		ObjectStore: &repolayout.ObjectStore{Bucket: "metrics", Region: "eu-west-1"},
	}
	dev := &repolayout.Environment{Name: "dev", Namespace: "monitoring-dev"}
	return &repolayout.Repo{
		Environments: []*repolayout.Environment{dev, prod},
		Patches:      []*repolayout.File{{Path: "patches/a.yaml", Content: []byte(text)}},
	}
}

func TestPatchesAreApplied(t *testing.T) {
	repo := patched(`
kind: StatefulSet
metadata: {name: prometheus}
spec:
  template:
    metadata: {labels: {cost: monitoring}}
    spec:
      containers:
        - name: prometheus
          env: [{name: GOGC, value: "50"}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: prometheus}
spec:
  template:
    spec:
      priorityClassName: first
---
# Only there.
kind: StatefulSet
metadata:
  name: prometheus
  annotations: {watchbill.github.io/environments: "dev, staging"}
spec:
  template:
    spec:
      priorityClassName: last
`)
	repo.Environments = append(repo.Environments, &repolayout.Environment{Name: "staging", Namespace: "monitoring-staging"})
	if problems := render.CheckPatches(repo); len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, want := range map[string]string{"dev": "last", "staging": "last", "prod": "first"} {
		before, err := render.New(options).Environment(&repolayout.Repo{}, repo.Environment(name))
		if err != nil {
			t.Fatal(err)
		}
		after, err := render.New(options).Environment(repo, repo.Environment(name))
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range after.Objects {
			set, ok := o.(*appsv1.StatefulSet)
			if !ok || set.Name != "prometheus" {
				if diff := cmp.Diff(before.Objects[i], o); diff != "" {
					t.Errorf("%s: a patch that is not for %s changed it: %s", name, o.GetName(), diff)
				}
				continue
			}
			pod, env := set.Spec.Template.Spec, set.Spec.Template.Spec.Containers[0].Env
			// Strategic merge keeps the other containers, variables and labels.
			got := []any{pod.PriorityClassName, env[0].Name + "=" + env[0].Value, env[1].Name, len(pod.Containers[0].Args) > 0, set.Spec.Template.Labels["cost"], set.Annotations["watchbill.github.io/environments"]}
			if diff := cmp.Diff([]any{want, "GOGC=50", "POD_NAME", true, "monitoring", ""}, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestWrongPatches(t *testing.T) {
	const set = "kind: StatefulSet\nmetadata: {name: prometheus}\n"
	for name, c := range map[string]struct {
		text string
		want []string // one for each problem: place, and a part of what it says
	}{
		"nothing in it":               {"# later\n---\n", nil},
		"no YAML":                     {"kind: [", []string{"1 did not find expected"}},
		"no object":                   {"- a\n", []string{"1 the document is no object"}},
		"a key twice":                 {"kind: A\nkind: B\n", []string{"1 the document is no object"}},
		"no name":                     {"\nkind: StatefulSet\nmetadata: {}\n", []string{"2 does not say which object"}},
		"no such kind":                {"kind: Statefulset\nmetadata: {name: prometheus}\n", []string{`1 could change; kinds here: Deployment, Job, NetworkPolicy`}},
		"no such name":                {"kind: StatefulSet\nmetadata: {name: promtheus}\n", []string{"1 there is no StatefulSet \"promtheus\" in any environment that the patch is for; of this kind there are: alertmanager, prometheus"}},
		"of another kind":             {"kind: StatefulSet\nmetadata: {name: thanos-query}\n", []string{"1 did you mean the Deployment of this name?"}},
		"only in one environment":     {"kind: Deployment\nmetadata: {name: thanos-query}\nspec: {minReadySeconds: 5}\n", nil},
		"not in its environment":      {"kind: Deployment\nmetadata: {name: thanos-query, annotations: {watchbill.github.io/environments: dev}}\n", []string{"1 no Deployment \"thanos-query\" in any environment that the patch is for"}},
		"no such environment":         {"kind: Deployment\nmetadata: {name: thanos-query, annotations: {watchbill.github.io/environments: prd}}\n", []string{`1 the environment "prd", which is not there`}},
		"for nobody":                  {"kind: Deployment\nmetadata: {name: thanos-query, annotations: {watchbill.github.io/environments: ' '}}\n", []string{"1 names no environment"}},
		"an unknown field":            {set + "spec: {replica: 1}\n", []string{`1 unknown field "spec.replica"`}},
		"a field in other letters":    {set + "spec: {minreadyseconds: 1}\n", []string{`1 unknown field "spec.minreadyseconds"`}},
		"another type":                {set + "spec: {minReadySeconds: soon}\n", []string{"1 no longer one"}},
		"the number":                  {set + "spec: {replicas: 7}\n", []string{"1 must not change spec.replicas"}},
		"the namespace":               {"kind: StatefulSet\nmetadata: {name: prometheus, namespace: other}\n", []string{"1 must not change metadata.namespace"}},
		"the selector":                {set + "spec: {selector: {matchLabels: {a: b}}}\n", []string{"1 must not change spec.selector"}},
		"whose it is":                 {"kind: Service\nmetadata: {name: prometheus, labels: {app.kubernetes.io/managed-by: me}}\n", []string{"1 must not change metadata.labels[app.kubernetes.io/managed-by]"}},
		"who the pods are":            {set + "spec: {template: {metadata: {labels: {app.kubernetes.io/name: null}}}}\n", []string{"1 must not change spec.template.metadata.labels[app.kubernetes.io/name]"}},
		"the object itself":           {set + "$patch: delete\n", []string{"1 "}},
		"a bundle":                    {"kind: ConfigMap\nmetadata: {name: watchbill-prometheus}\n", []string{`1 nothing of the kind "ConfigMap"`}},
		"a job":                       {"kind: Job\nmetadata: {name: watchbill-retain}\nspec: {template: {spec: {priorityClassName: low}}}\n", nil},
		"a job's pods' labels":        {"kind: Job\nmetadata: {name: watchbill-retain}\nspec: {template: {metadata: {labels: {app.kubernetes.io/component: x}}}}\n", []string{"1 must not change spec.template.metadata.labels"}},
		"two, each with its line":     {set + "spec: {a: 1}\n---\n" + set + "spec: {b: 1}\n", []string{`1 unknown field "spec.a"`, `5 unknown field "spec.b"`}},
		"the API's version":           {"apiVersion: apps/v1beta1\n" + set, []string{"1 "}},
		"bool that is none in YAML 1": {"kind: Service\nmetadata: {name: prometheus}\nspec: {publishNotReadyAddresses: yes}\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			repo := patched(c.text)
			problems := render.CheckPatches(repo)
			if len(problems) != len(c.want) {
				t.Fatalf("%d problems, want %d: %v", len(problems), len(c.want), problems)
			}
			for i, p := range problems {
				line, part, _ := strings.Cut(c.want[i], " ")
				if said := p.Message + "; " + p.Hint; fmt.Sprint(p.Line) != line || p.File != "patches/a.yaml" || !strings.Contains(said, part) || p.Hint == "" {
					t.Errorf("line %d: %s; want line %s: %s", p.Line, said, line, part)
				}
			}
		})
	}
}

// TestPatchesOfAnEnvironmentThatGoes: a patch stays right when what it is for is retired.
func TestPatchesOfAnEnvironmentThatGoes(t *testing.T) {
	repo := patched("kind: Job\nmetadata: {name: watchbill-ship}\nspec: {template: {spec: {priorityClassName: low}}}\n")
	repo.Environments[1].Retired = true
	if problems := render.CheckPatches(repo); len(problems) > 0 {
		t.Error(problems)
	}
	out, err := render.New(options).Environment(repo, repo.Environments[1])
	if err != nil || len(out.Jobs) > 0 {
		t.Errorf("%v, %d jobs", err, len(out.Jobs))
	}
}

// TestRenderRefusesWrongPatches: nothing half patched is rendered.
func TestRenderRefusesWrongPatches(t *testing.T) {
	for _, text := range []string{"kind: [", "kind: StatefulSet\nmetadata: {name: prometheus}\nspec: {replicas: 1}\n", "kind: Job\nmetadata: {name: watchbill-ship}\nspec: {x: 1}\n"} {
		repo := patched(text)
		if _, err := render.New(options).Environment(repo, repo.Environments[1]); err == nil || !strings.Contains(err.Error(), "patches/a.yaml:1: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzPatches(f *testing.F) {
	f.Add("kind: StatefulSet\nmetadata: {name: prometheus}\nspec: {template: {spec: {containers: [{name: prometheus, $patch: delete}]}}}\n")
	f.Add("kind: StatefulSet\nmetadata: {name: prometheus}\nspec: {template: {spec: {$setElementOrder/containers: [], containers: [{$retainKeys: [name]}]}}}\n")
	f.Add("kind: Job\nmetadata: {name: watchbill-ship, annotations: null}\n$patch: replace\n---\n&a {kind: *a}\n")
	f.Add("kind: Service\nmetadata: {name: prometheus}\nspec: {ports: [{port: 9090, $deleteFromPrimitiveList/x: [1]}]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		repo := patched(text)
		problems := render.CheckPatches(repo)
		for _, env := range repo.Environments {
			out, err := render.New(options).Environment(repo, env)
			if err != nil && len(problems) == 0 {
				t.Fatalf("%s is refused though nothing was found: %v", env.Name, err)
			}
			for _, o := range out.Objects {
				if err == nil && o.GetNamespace() != env.Namespace {
					t.Fatalf("%s is in the namespace %q", o.GetName(), o.GetNamespace())
				}
			}
		}
	})
}
