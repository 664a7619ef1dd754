package render_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
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

// all are the objects of an environment, those of its bundles and jobs too.
func all(t *testing.T, c rendered) []render.Object {
	t.Helper()
	out := slices.Clone(c.output.Objects)
	for _, j := range c.output.Jobs {
		job := j.Template.DeepCopy()
		job.Name = "watchbill-" + j.Kind + "-20260102t0304"
		out = append(out, job)
	}
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
			if diff := gocmp.Diff(runtime.Object(o), got); diff != "" || *gotKind != kind {
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

// podSet is what keeps pods: a StatefulSet, a Deployment or the template of a job.
type podSet struct {
	kind, name string
	service    string // the headless one of a StatefulSet
	selector   map[string]string
	replicas   int32
	template   corev1.PodTemplateSpec
	claims     []corev1.PersistentVolumeClaim
}

func podSets(c rendered) []podSet {
	var out []podSet
	for _, s := range pick[*appsv1.StatefulSet](c.output.Objects) {
		out = append(out, podSet{"StatefulSet", s.Name, s.Spec.ServiceName, s.Spec.Selector.MatchLabels, *s.Spec.Replicas, s.Spec.Template, s.Spec.VolumeClaimTemplates})
	}
	for _, d := range pick[*appsv1.Deployment](c.output.Objects) {
		out = append(out, podSet{"Deployment", d.Name, "", d.Spec.Selector.MatchLabels, *d.Spec.Replicas, d.Spec.Template, nil})
	}
	for _, j := range c.output.Jobs {
		out = append(out, podSet{kind: "Job", name: j.Kind, template: j.Template.Spec.Template})
	}
	return out
}

// TestObjectsFitTogether: what refers to something, refers to something that is there.
func TestObjectsFitTogether(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.name, func(t *testing.T) {
			sets := podSets(c)
			accounts := map[string]bool{}
			for _, a := range pick[*corev1.ServiceAccount](c.output.Objects) {
				accounts[a.Name] = true
			}
			for _, b := range pick[*rbacv1.RoleBinding](c.output.Objects) {
				if !accounts[b.Subjects[0].Name] || b.Subjects[0].Namespace != c.env.Namespace {
					t.Errorf("RoleBinding %s binds nobody", b.Name)
				}
			}
			services := checkServices(t, c, sets)
			checkPolicies(t, c, sets)
			for _, s := range sets {
				if s.kind == "StatefulSet" && (services[s.service] == nil || services[s.service].Spec.ClusterIP != corev1.ClusterIPNone) {
					t.Errorf("the Service of StatefulSet %s is not headless", s.name)
				}
				if !accounts[s.template.Spec.ServiceAccountName] {
					t.Errorf("%s %s runs as nobody", s.kind, s.name)
				}
				checkPod(t, s)
			}
		})
	}
}

func checkServices(t *testing.T, c rendered, sets []podSet) map[string]*corev1.Service {
	t.Helper()
	services := map[string]*corev1.Service{}
	for _, s := range pick[*corev1.Service](c.output.Objects) {
		services[s.Name] = s
		pods := matching(sets, s.Spec.Selector)
		if len(pods) == 0 {
			t.Errorf("Service %s picks no pods", s.Name)
		}
		for _, set := range pods {
			for _, p := range s.Spec.Ports {
				if !hasPort(set, p.TargetPort.StrVal) {
					t.Errorf("Service %s: port %s leads to %q, which no container of %s has", s.Name, p.Name, p.TargetPort.StrVal, set.name)
				}
			}
		}
	}
	return services
}

// checkPolicies: every pod is closed by one policy, let in are only those who
// are there, and a drain takes one pod of a set at a time.
func checkPolicies(t *testing.T, c rendered, sets []podSet) {
	t.Helper()
	closed, budgets := map[string]int{}, map[string]int{}
	for _, p := range pick[*networkingv1.NetworkPolicy](c.output.Objects) {
		for _, s := range matching(sets, p.Spec.PodSelector.MatchLabels) {
			closed[s.name]++
		}
		for _, rule := range p.Spec.Ingress {
			if open := len(rule.From) == 0; open != (p.Name == "grafana" && rule.Ports[0].Port.IntVal == 3000) {
				t.Errorf("NetworkPolicy %s: port %s is open to all: %v", p.Name, rule.Ports[0].Port, open)
			}
			for _, peer := range rule.From {
				if peer.NamespaceSelector == nil && len(matching(sets, peer.PodSelector.MatchLabels)) == 0 {
					t.Errorf("NetworkPolicy %s lets in %v, which are no pods", p.Name, peer.PodSelector.MatchLabels)
				}
			}
		}
	}
	for _, b := range pick[*policyv1.PodDisruptionBudget](c.output.Objects) {
		for _, s := range matching(sets, b.Spec.Selector.MatchLabels) {
			budgets[s.name]++
		}
	}
	for _, s := range sets {
		if closed[s.name] != 1 {
			t.Errorf("%s %s: %d NetworkPolicies are about its pods", s.kind, s.name, closed[s.name])
		}
		if s.kind == "Job" {
			continue
		}
		if own := matching(sets, s.selector); len(own) != 1 || own[0].name != s.name || budgets[s.name] != 1 {
			t.Errorf("%s %s: its selector picks the pods of %d sets, and %d PodDisruptionBudgets its own", s.kind, s.name, len(own), budgets[s.name])
		}
	}
}

func matching(sets []podSet, selector map[string]string) []podSet {
	var out []podSet
	for _, s := range sets {
		if labels.SelectorFromSet(selector).Matches(labels.Set(s.template.Labels)) {
			out = append(out, s)
		}
	}
	return out
}

func containers(s podSet) []corev1.Container {
	return slices.Concat(s.template.Spec.InitContainers, s.template.Spec.Containers)
}

func hasPort(s podSet, name string) bool {
	return slices.ContainsFunc(containers(s), func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == name })
	})
}

func checkPod(t *testing.T, s podSet) {
	t.Helper()
	pod := s.template.Spec
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, v := range s.claims {
		volumes[v.Name] = true
	}
	if *pod.AutomountServiceAccountToken || !*pod.SecurityContext.RunAsNonRoot {
		t.Errorf("%s: every container gets the token, or may be root", s.name)
	}
	if job := s.kind == "Job"; (pod.Affinity == nil || len(pod.TopologySpreadConstraints) == 0) != job || (pod.RestartPolicy == corev1.RestartPolicyNever) != job {
		t.Errorf("%s: spread %v, restarted %s", s.name, pod.TopologySpreadConstraints, pod.RestartPolicy)
	}
	for _, c := range containers(s) {
		id := s.name + "/" + c.Name
		tokens := 0
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("%s mounts %s, which is not there", id, m.Name)
			}
			if m.Name == "api-token" {
				tokens++
			}
		}
		if needs := c.Name == "agent" || c.Name == "prometheus"; (tokens == 1) != needs {
			t.Errorf("%s has the API server's token: %v", id, tokens)
		}
		for what, p := range map[string]*corev1.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
			if good := p != nil && hasPort(s, p.HTTPGet.Port.StrVal); good == (s.kind == "Job") {
				t.Errorf("%s: a %s probe that could work: %v", id, what, good)
			}
		}
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() && c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s asks for nothing: %v", id, c.Resources)
		}
		checkHardened(t, id, c)
	}
}

func checkHardened(t *testing.T, id string, c corev1.Container) {
	t.Helper()
	sc := c.SecurityContext
	if !*sc.RunAsNonRoot || *sc.RunAsUser == 0 || !*sc.ReadOnlyRootFilesystem || *sc.AllowPrivilegeEscalation ||
		!slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(sc.Capabilities.Add) > 0 ||
		sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s may more than it has to: %v", id, sc)
	}
	if c.ImagePullPolicy != corev1.PullIfNotPresent || !strings.Contains(c.Image, ":") {
		t.Errorf("%s: image %s, pulled %s", id, c.Image, c.ImagePullPolicy)
	}
	for _, e := range c.Env {
		if secret := strings.Contains(e.Name, "KEY") || strings.Contains(e.Name, "PASSWORD"); secret && e.Value != "" {
			t.Errorf("%s: %s stands in the pod", id, e.Name)
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
	repo := load(t, unpack(t, "small"))
	got := reference(t, renderCase(t, "small.full", repo, repo.Environment("full")))
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), string(got)); diff != "" {
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
	out.WriteString("\n| kind | name | why | changed by |\n| --- | --- | --- | --- |\n")
	row := func(kind, name, why, component string) {
		fmt.Fprintf(&out, "| %s | `%s` | %s | %s |\n", kind, name, why, changedBy(t, kind, component))
	}
	for _, o := range c.output.Objects {
		row(o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), o.GetAnnotations()["kubernetes.io/description"], o.GetLabels()["app.kubernetes.io/name"])
	}
	for _, j := range c.output.Jobs {
		row("Job", "watchbill-"+j.Kind+"-TICK", j.Template.Annotations["kubernetes.io/description"], j.Kind)
	}
	for _, b := range c.output.Bundles {
		row("ConfigMap", bundle.IndexName(b.Component), fmt.Sprintf("The index of the %s bundle: what should be live, and what was last proven good.", b.Component), "")
		row("ConfigMap", strings.Replace(bundle.Name(b.Component, strings.Repeat("x", 64)), strings.Repeat("x", 20), "DIGEST", 1),
			fmt.Sprintf("A part of the %s bundle, immutable and named by its content.", b.Component), b.Component)
	}
	return out.Bytes()
}

// changedBy says which keys of the repo an object follows.
func changedBy(t *testing.T, kind, component string) string {
	t.Helper()
	const patches = "`patches/`"
	by := map[string]string{
		"prometheus": "`prometheus`, `components.prometheus`, `components.thanos`", "alertmanager": "`alertmanager`, `components.alertmanager`",
		"grafana": "`grafana`, `components.grafana`", "thanos-query": "`query`, `components.thanos`",
		"thanos-query-frontend": "`query.frontend`, `components.thanos`", "thanos-store": "`store`, `objectStore`, `components.thanos`",
		"ship": "`ship`", "compact": "`compact`, `retention.deleteDelay`, `components.thanos`", "retain": "`retain`, `retention`",
	}
	files := map[string]string{
		"prometheus":   "`teams/*/rules`, `teams/*/scrape`, the environment's `labels`, `watchbill.yaml`",
		"alertmanager": "`teams/*/team.yaml`, `alertmanager/templates`, `watchbill.yaml`", "grafana": "`teams/*/dashboards`",
	}
	out := ""
	switch kind {
	case "StatefulSet", "Deployment", "Job":
		out = by[component] + ", " + patches
	case "ServiceAccount":
		out = patches
		if slices.Contains([]string{"prometheus", "thanos-store", "watchbill-job"}, component) {
			out = "`objectStore.annotations`, " + patches
		}
	case "ConfigMap":
		out = cmp.Or(files[component], "nobody: the daemon switches it")
	case "RoleBinding", "Service", "NetworkPolicy", "PodDisruptionBudget":
		out = patches
	}
	if out == "" || strings.HasPrefix(out, ",") {
		t.Errorf("nothing says how to change the %s of %s", kind, component)
	}
	return out
}
