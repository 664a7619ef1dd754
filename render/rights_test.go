package render_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// rulesIn reads the rules of every role in a file of deploy/base, by the role's name.
func rulesIn(t *testing.T, file string) map[string][]rbacv1.PolicyRule {
	t.Helper()
	text, err := os.ReadFile("../deploy/base/" + file)
	if err != nil {
		t.Fatal(err)
	}
	out, decoder := map[string][]rbacv1.PolicyRule{}, yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var role rbacv1.Role
		err := decoder.Decode(&role)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(role.Rules) > 0 {
			out[role.Name] = role.Rules
		}
	}
}

// TestDaemonMayDoItAll: what is rendered, the daemon's role allows to apply, and no more than that to bind.
func TestDaemonMayDoItAll(t *testing.T) {
	daemon, roles := rulesIn(t, "role.yaml")["watchbill"], rulesIn(t, "clusterroles.yaml")
	may := func(group, resource, verb, name string) bool {
		return slices.ContainsFunc(daemon, func(r rbacv1.PolicyRule) bool {
			return slices.Contains(r.APIGroups, group) && slices.Contains(r.Resources, resource) && slices.Contains(r.Verbs, verb) &&
				(len(r.ResourceNames) == 0 || slices.Contains(r.ResourceNames, name))
		})
	}
	for _, c := range cases(t) {
		for _, o := range all(t, c) {
			kind := o.GetObjectKind().GroupVersionKind()
			resource, _ := meta.UnsafeGuessKindToResource(kind)
			verbs := []string{"get", "list", "watch", "create", "patch", "delete"}
			if kind.Kind == "Job" { // which is made once and never changed
				verbs = slices.DeleteFunc(verbs, func(v string) bool { return v == "patch" })
			}
			for _, verb := range verbs {
				if !may(kind.Group, resource.Resource, verb, "") {
					t.Errorf("the daemon may not %s %s", verb, resource.Resource)
				}
			}
			if b, ok := o.(*rbacv1.RoleBinding); ok && (!may(rbacv1.GroupName, "clusterroles", "bind", b.RoleRef.Name) || roles[b.RoleRef.Name] == nil) {
				t.Errorf("the daemon may not bind %s, or nobody brings it", b.RoleRef.Name)
			}
		}
	}
	if may(rbacv1.GroupName, "clusterroles", "bind", "cluster-admin") || may("", "secrets", "get", "") {
		t.Error("the daemon may bind any role, or read Secrets")
	}
}
