package render

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// The ClusterRoles that Watchbill's installation brings. The daemon may bind
// these and no others, and only ever binds them within the environment's namespace.
const (
	agentRole     = "watchbill-agent"
	discoveryRole = "watchbill-prometheus"
)

// access is the service account of a workload and what it may do.
func access(env *repolayout.Environment, w *workload) []Object {
	no := false
	out := []Object{
		&corev1.ServiceAccount{
			TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
			ObjectMeta:                   meta(env, w.name, w.name, "Who the pods are to the API server."),
			AutomountServiceAccountToken: &no,
		},
		roleBinding(env, w, w.name+"-agent", agentRole, "Lets the agents read the ConfigMaps that carry bundles."),
	}
	if w.discovers {
		out = append(out, roleBinding(env, w, w.name, discoveryRole, "Lets Prometheus discover what to scrape in this namespace."))
	}
	return out
}

func roleBinding(env *repolayout.Environment, w *workload, name, role, description string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
		ObjectMeta: meta(env, w.name, name, description),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: w.name, Namespace: env.Namespace}},
	}
}
