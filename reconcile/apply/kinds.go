package apply

import (
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kind is one kind of object that environments are made of.
type kind struct {
	group, version, name, plural string
}

// kinds are all of them; render makes no other.
var kinds = []kind{
	{"", "v1", "ConfigMap", "configmaps"},
	{"", "v1", "Service", "services"},
	{"", "v1", "ServiceAccount", "serviceaccounts"},
	{"apps", "v1", "Deployment", "deployments"},
	{"apps", "v1", "StatefulSet", "statefulsets"},
	{"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"},
	{"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"},
	{"rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"},
}

func (k kind) resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: k.group, Version: k.version, Resource: k.plural}
}

func kindOf(name string) (schema.GroupVersionKind, bool) {
	for _, k := range kinds {
		if k.name == name {
			return schema.GroupVersionKind{Group: k.group, Version: k.version, Kind: k.name}, true
		}
	}
	return schema.GroupVersionKind{}, false
}

// kindMapper answers from the table, so that no discovery is asked of the API server.
func kindMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, k := range kinds {
		mapper.Add(schema.GroupVersionKind{Group: k.group, Version: k.version, Kind: k.name}, meta.RESTScopeNamespace)
	}
	return mapper
}
