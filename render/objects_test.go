package render_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/watchbill/watchbill/render"
	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// all are the objects of an environment, those of its bundles too.
func all(t *testing.T, c rendered) []render.Object {
	t.Helper()
	out := slices.Clone(c.output.Objects)
	for _, b := range c.output.Bundles {
		for _, chunk := range b.Chunks {
			out = append(out, render.ChunkObject(c.env, b.Component, chunk))
		}
		index, err := render.IndexObject(c.env, bundle.Index{Component: b.Component, Wanted: b.Ref("c0ffee")})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, index)
	}
	return out
}

// TestObjectsRoundTrip: Kubernetes's own strict decoder takes each object and makes the same of it.
func TestObjectsRoundTrip(t *testing.T) {
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, c := range cases(t) {
		seen := map[string]bool{}
		for _, o := range all(t, c) {
			kind := o.GetObjectKind().GroupVersionKind()
			id := kind.Kind + " " + o.GetName()
			text, err := yaml.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			got, gotKind, err := strict.Decode(text, nil, nil)
			if err != nil {
				t.Errorf("%s: %s: %v", c.name, id, err)
				continue
			}
			got.GetObjectKind().SetGroupVersionKind(*gotKind)
			if diff := cmp.Diff(runtime.Object(o), got); diff != "" || *gotKind != kind {
				t.Errorf("%s: %s, read as %v: %s", c.name, id, gotKind, diff)
			}
			if seen[id] {
				t.Errorf("%s: %s is there twice", c.name, id)
			}
			seen[id] = true
			checkMeta(t, c, o)
		}
	}
}

func checkMeta(t *testing.T, c rendered, o render.Object) {
	t.Helper()
	if o.GetNamespace() != c.env.Namespace {
		t.Errorf("%s: %s is in the namespace %q", c.name, o.GetName(), o.GetNamespace())
	}
	if wrong := validation.IsDNS1123Subdomain(o.GetName()); len(wrong) > 0 {
		t.Errorf("%s: the name %s: %v", c.name, o.GetName(), wrong)
	}
	for _, name := range []string{"name", "instance", "component", "part-of", "managed-by"} {
		if o.GetLabels()["app.kubernetes.io/"+name] == "" {
			t.Errorf("%s: %s has no label app.kubernetes.io/%s", c.name, o.GetName(), name)
		}
	}
	for name, value := range o.GetLabels() {
		if wrong := validation.IsValidLabelValue(value); len(wrong) > 0 {
			t.Errorf("%s: %s: label %s=%s: %v", c.name, o.GetName(), name, value, wrong)
		}
	}
}

func TestChunksCannotChange(t *testing.T) {
	for _, c := range cases(t) {
		for _, o := range all(t, c) {
			cm, ok := o.(*corev1.ConfigMap)
			if !ok {
				continue
			}
			chunk := cm.Labels[render.KindLabel] == render.KindChunk
			if immutable := cm.Immutable != nil && *cm.Immutable; immutable != chunk {
				t.Errorf("%s: %s (%s) is immutable: %v", c.name, cm.Name, cm.Labels[render.KindLabel], immutable)
			}
			if _, ok := cm.Data["prometheus.yml"]; ok && cm.Labels[render.OwnerLabel] != "" {
				t.Errorf("%s: the whole repo's file belongs to %s", c.name, cm.Labels[render.OwnerLabel])
			}
		}
	}
}

func pick[T any](objects []render.Object) []T {
	var out []T
	for _, o := range objects {
		if v, ok := any(o).(T); ok {
			out = append(out, v)
		}
	}
	return out
}

// TestObjectsFitTogether: what refers to something, refers to something that is there.
func TestObjectsFitTogether(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.name, func(t *testing.T) {
			sets := pick[*appsv1.StatefulSet](c.output.Objects)
			accounts := map[string]bool{}
			for _, a := range pick[*corev1.ServiceAccount](c.output.Objects) {
				accounts[a.Name] = true
			}
			for _, b := range pick[*rbacv1.RoleBinding](c.output.Objects) {
				if !accounts[b.Subjects[0].Name] || b.Subjects[0].Namespace != c.env.Namespace {
					t.Errorf("RoleBinding %s binds nobody", b.Name)
				}
			}
			services := map[string]*corev1.Service{}
			for _, s := range pick[*corev1.Service](c.output.Objects) {
				services[s.Name] = s
				pods := matching(sets, s.Spec.Selector)
				if len(pods) != 1 {
					t.Fatalf("Service %s picks %d StatefulSets' pods", s.Name, len(pods))
				}
				for _, p := range s.Spec.Ports {
					if !hasPort(pods[0], p.TargetPort.StrVal) {
						t.Errorf("Service %s: port %s leads to %q, which no container has", s.Name, p.Name, p.TargetPort.StrVal)
					}
				}
			}
			for _, p := range pick[*networkingv1.NetworkPolicy](c.output.Objects) {
				if len(matching(sets, p.Spec.PodSelector.MatchLabels)) != 1 {
					t.Errorf("NetworkPolicy %s closes no pods", p.Name)
				}
			}
			for _, s := range sets {
				if s := services[s.Spec.ServiceName]; s == nil || s.Spec.ClusterIP != corev1.ClusterIPNone {
					t.Errorf("a StatefulSet's Service %v is not headless", s)
				}
				if !accounts[s.Spec.Template.Spec.ServiceAccountName] {
					t.Errorf("StatefulSet %s runs as nobody", s.Name)
				}
				checkPod(t, s)
			}
		})
	}
}

func matching(sets []*appsv1.StatefulSet, selector map[string]string) []*appsv1.StatefulSet {
	var out []*appsv1.StatefulSet
	for _, s := range sets {
		if labels.SelectorFromSet(selector).Matches(labels.Set(s.Spec.Template.Labels)) {
			out = append(out, s)
		}
	}
	return out
}

func containers(s *appsv1.StatefulSet) []corev1.Container {
	return slices.Concat(s.Spec.Template.Spec.InitContainers, s.Spec.Template.Spec.Containers)
}

func hasPort(s *appsv1.StatefulSet, name string) bool {
	return slices.ContainsFunc(containers(s), func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == name })
	})
}

func checkPod(t *testing.T, s *appsv1.StatefulSet) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range s.Spec.Template.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, v := range s.Spec.VolumeClaimTemplates {
		volumes[v.Name] = true
	}
	if *s.Spec.Template.Spec.AutomountServiceAccountToken {
		t.Errorf("%s: every container gets the token", s.Name)
	}
	for _, c := range containers(s) {
		id := s.Name + "/" + c.Name
		tokens := 0
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("%s mounts %s, which is not there", id, m.Name)
			}
			if m.Name == "api-token" {
				tokens++
			}
		}
		if needs := c.Name != "alertmanager"; (tokens == 1) != needs {
			t.Errorf("%s has the API server's token: %v", id, tokens)
		}
		for what, p := range map[string]*corev1.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
			if p == nil || !hasPort(s, p.HTTPGet.Port.StrVal) {
				t.Errorf("%s has no %s probe that could work", id, what)
			}
		}
		sc := c.SecurityContext
		if !*sc.RunAsNonRoot || *sc.RunAsUser == 0 || !*sc.ReadOnlyRootFilesystem || *sc.AllowPrivilegeEscalation ||
			!slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(sc.Capabilities.Add) > 0 ||
			sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s may more than it has to: %v", id, sc)
		}
		if c.ImagePullPolicy != corev1.PullIfNotPresent || !strings.Contains(c.Image, ":") {
			t.Errorf("%s: image %s, pulled %s", id, c.Image, c.ImagePullPolicy)
		}
	}
}

func TestDaemonOutsideTheCluster(t *testing.T) {
	repo := load(t, unpack(t, "small"))
	for namespace, open := range map[string]bool{"": true, "watchbill": false} {
		out, err := render.New(render.Options{AgentImage: "a:v1", DaemonNamespace: namespace}).Environment(repo, repo.Environments[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pick[*networkingv1.NetworkPolicy](out.Objects) {
			for _, rule := range p.Spec.Ingress {
				if agent := rule.Ports[0].Port.IntVal == 9533; (len(rule.From) == 0) != (agent && open) {
					t.Errorf("daemon in %q: %s is open to all: %v", namespace, p.Name, rule)
				}
			}
		}
	}
}

func TestResources(t *testing.T) {
	env := &repolayout.Environment{Name: "prod", Namespace: "monitoring"}
	for _, c := range []struct {
		requests, limits map[string]string
		want             string
	}{
		{nil, nil, "cpu=100m memory=256Mi"},
		{map[string]string{"cpu": "2"}, nil, "cpu=2 memory=256Mi"},
		{nil, map[string]string{"memory": "64Mi"}, "cpu=100m"}, // Kubernetes then requests the limit
		{map[string]string{"memory": "lots"}, nil, `error: resource requests: memory "lots"`},
		{nil, map[string]string{"cpu": "2x"}, `error: resource limits: cpu "2x"`},
	} {
		env.Prometheus.Resources = repolayout.Resources{Requests: c.requests, Limits: c.limits}
		if got := requestsOf(env); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v, %v: %s, want %s", c.requests, c.limits, got, c.want)
		}
	}
	env.Prometheus = repolayout.PrometheusSpec{Storage: repolayout.Storage{Size: "big"}}
	if got := requestsOf(env); !strings.HasPrefix(got, `error: storage size "big"`) {
		t.Errorf("a size that is none: %s", got)
	}
}

func requestsOf(env *repolayout.Environment) string {
	out, err := render.New(options).Environment(&repolayout.Repo{}, env)
	if err != nil {
		_, reason, _ := strings.Cut(err.Error(), ": ")
		return "error: " + reason
	}
	var all []string
	for _, s := range pick[*appsv1.StatefulSet](out.Objects) {
		if s.Name == "prometheus" {
			for name, q := range s.Spec.Template.Spec.Containers[0].Resources.Requests {
				all = append(all, fmt.Sprintf("%s=%s", name, q.String()))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestReference holds docs/reference/objects.md in step with what is rendered.
func TestReference(t *testing.T) {
	const file = "../docs/reference/objects.md"
	repo := load(t, repolayout.Example())
	i := slices.IndexFunc(repo.Environments, func(e *repolayout.Environment) bool { return e.Name == "prod" })
	got := reference(t, renderCase(t, "example.prod", repo, repo.Environments[i]))
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (go test ./render -update takes it over):\n%s", file, diff)
	}
}

func reference(t *testing.T, c rendered) []byte {
	t.Helper()
	var out bytes.Buffer
	head, err := os.ReadFile("testdata/objects.head.md")
	if err != nil {
		t.Fatal(err)
	}
	out.Write(head)
	out.WriteString("\n| kind | name | why |\n| --- | --- | --- |\n")
	for _, o := range c.output.Objects {
		fmt.Fprintf(&out, "| %s | `%s` | %s |\n", o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), o.GetAnnotations()["kubernetes.io/description"])
	}
	for _, b := range c.output.Bundles {
		fmt.Fprintf(&out, "| ConfigMap | `%s` | The index of the %s bundle: what should be live, and what was last proven good. |\n", bundle.IndexName(b.Component), b.Component)
		fmt.Fprintf(&out, "| ConfigMap | `%s` | A part of the %s bundle, immutable and named by its content. |\n", strings.Replace(bundle.Name(b.Component, strings.Repeat("x", 64)), strings.Repeat("x", 20), "DIGEST", 1), b.Component)
	}
	return out.Bytes()
}
