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

// access is the service account of a component and what it may do.
func access(env *repolayout.Environment, c *component) []Object {
	no := false
	account := &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   meta(env, c.pods, c.name, "Who the pods are to the API server."),
		AutomountServiceAccountToken: &no,
	}
	if c.store != nil {
		account.Annotations[descriptionAnnotation] = "Who the pods are to the API server and, where the environment names a cloud's identity, to the object store."
		for name, value := range c.store.Annotations {
			account.Annotations[name] = value
		}
	}
	out := []Object{account}
	if c.bundle {
		out = append(out, roleBinding(env, c, c.name+"-agent", agentRole, "Lets the agents read the ConfigMaps that carry bundles."))
	}
	if c.discovers {
		out = append(out, roleBinding(env, c, c.name, discoveryRole, "Lets Prometheus discover what to scrape in this namespace."))
	}
	return out
}

func roleBinding(env *repolayout.Environment, c *component, name, role, description string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
		ObjectMeta: meta(env, c.pods, name, description),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: c.name, Namespace: env.Namespace}},
	}
}

// tokenVolume is the service account's token, which only those containers mount that ask the API server.
func tokenVolume() corev1.Volume {
	hour := int64(3607) // as Kubernetes mounts it by itself
	return corev1.Volume{Name: "api-token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &hour}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}},
			}}},
		},
	}}}
}

func tokenMount() corev1.VolumeMount {
	return corev1.VolumeMount{Name: "api-token", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount", ReadOnly: true}
}
