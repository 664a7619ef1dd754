package stack

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// built is deploy/base with an overlay over it.
func built(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	s := &Stack{Namespace: "watched"}
	objects, err := s.kustomize("registry.example.org:5000/watchbill:v9", map[string]string{
		"WATCHBILL_REPO": "https://git.example.org/monitoring.git", "WATCHBILL_POLL": "5s",
	})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// find reads the one object of a kind and name into a typed one.
func find(t *testing.T, objects []*unstructured.Unstructured, kind, name string, into any) {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() != kind || !strings.HasPrefix(o.GetName(), name) {
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("deploy/base has no %s %s", kind, name)
}

func TestOverlaySetsImageNamespaceAndSettings(t *testing.T) {
	objects := built(t)
	var d appsv1.Deployment
	find(t, objects, "Deployment", "watchbill", &d)
	if got := d.Spec.Template.Spec.Containers[0].Image; got != "registry.example.org:5000/watchbill:v9" {
		t.Errorf("image is %s", got)
	}
	var settings corev1.ConfigMap
	find(t, objects, "ConfigMap", "watchbill-", &settings)
	want := map[string]string{
		"WATCHBILL_REPO": "https://git.example.org/monitoring.git", "WATCHBILL_POLL": "5s",
		"WATCHBILL_BRANCH": "main", "WATCHBILL_ENVIRONMENT": "prod",
	}
	if diff := cmp.Diff(want, settings.Data); diff != "" {
		t.Errorf("settings:\n%s", diff)
	}
	// A changed setting rolls out: the ConfigMap's name is by its content, and the Deployment follows it.
	if from := d.Spec.Template.Spec.Containers[0].EnvFrom[0].ConfigMapRef.Name; from != settings.Name {
		t.Errorf("the Deployment reads %s, and there is %s", from, settings.Name)
	}
	for _, o := range objects {
		if ns := o.GetNamespace(); ns != "watched" && o.GetKind() != "ClusterRole" {
			t.Errorf("%s %s is in namespace %q", o.GetKind(), o.GetName(), ns)
		}
	}
}

func TestDaemonIsHardened(t *testing.T) {
	var d appsv1.Deployment
	find(t, built(t), "Deployment", "watchbill", &d)
	pod := d.Spec.Template.Spec
	if c := pod.SecurityContext; c == nil || c.RunAsNonRoot == nil || !*c.RunAsNonRoot || c.SeccompProfile == nil {
		t.Errorf("the pod's security context is %+v", c)
	}
	for _, c := range pod.Containers {
		sc := c.SecurityContext
		if sc == nil || !*sc.ReadOnlyRootFilesystem || *sc.AllowPrivilegeEscalation || !slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"}) {
			t.Errorf("container %s: security context %+v", c.Name, sc)
		}
		if c.Resources.Limits.Memory().IsZero() || c.LivenessProbe == nil || c.ReadinessProbe == nil {
			t.Errorf("container %s lacks a memory limit or a probe", c.Name)
		}
	}
}

// What the daemon may do: nothing with Secrets, nothing by wildcard, nothing
// with rights but to bind the two roles that deploy/ ships.
func TestDaemonHasTheLeastRights(t *testing.T) {
	objects := built(t)
	var role rbacv1.Role
	find(t, objects, "Role", "watchbill", &role)
	for _, rule := range role.Rules {
		for _, word := range slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs) {
			if word == "*" || word == "secrets" || word == "escalate" || word == "impersonate" || word == "deletecollection" {
				t.Errorf("the daemon has %q in %+v", word, rule)
			}
		}
		if slices.Contains(rule.Verbs, "bind") {
			if diff := cmp.Diff([]string{"watchbill-agent", "watchbill-prometheus"}, rule.ResourceNames); diff != "" {
				t.Errorf("roles that the daemon may bind:\n%s", diff)
			}
			for _, name := range rule.ResourceNames {
				var shipped rbacv1.ClusterRole
				find(t, objects, "ClusterRole", name, &shipped)
			}
		}
	}
	for _, o := range objects {
		if o.GetKind() == "ClusterRoleBinding" {
			t.Errorf("%s binds rights beyond the namespace", o.GetName())
		}
	}
}

// The example scrapes the daemon by its pods' label and the name of their port.
func TestExampleScrapesTheDaemon(t *testing.T) {
	var d appsv1.Deployment
	find(t, built(t), "Deployment", "watchbill", &d)
	if name := d.Spec.Template.Labels["app.kubernetes.io/name"]; name != "watchbill" {
		t.Errorf("the pods' name is %s", name)
	}
	port := d.Spec.Template.Spec.Containers[0].Ports[0]
	if port.Name != "metrics" || port.ContainerPort != DaemonPort {
		t.Errorf("the daemon's port is %+v", port)
	}
}

func TestCutTag(t *testing.T) {
	for _, c := range []struct{ image, name, tag string }{
		{"a/b:v1", "a/b", "v1"},
		{"host:5000/a", "host:5000/a", ""},
		{"host:5000/a:v1", "host:5000/a", "v1"},
	} {
		if name, tag, _ := cutTag(c.image); name != c.name || tag != c.tag {
			t.Errorf("%s: %q and %q", c.image, name, tag)
		}
	}
}
