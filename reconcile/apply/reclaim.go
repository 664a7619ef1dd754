package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/ssa"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/watchbill/watchbill/reconcile/plan"
)

// reclaim makes every field that somebody else has set on one of our objects a
// field of ours, so that the apply which follows removes what the repo does not
// want. An apply alone takes back only the fields that it names: a port that
// was added would stay, or make the whole object invalid.
func (a *Applier) reclaim(ctx context.Context, id plan.ID) error {
	kind, ok := kindOf(id.Kind)
	if !ok {
		return nil
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	err := a.manager.Client().Get(ctx, client.ObjectKey{Namespace: a.namespace, Name: id.Name}, u)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read who has changed %s: %w", id, err)
	}
	patches, err := ssa.PatchReplaceFieldsManagers(u, strangers(u), FieldManager)
	if err != nil || len(patches) == 0 {
		return err
	}
	raw, err := json.Marshal(patches)
	if err != nil {
		return fmt.Errorf("take back the fields of %s: %w", id, err)
	}
	patch := client.RawPatch(types.JSONPatchType, raw)
	if err := a.manager.Client().Patch(ctx, u, patch, client.FieldOwner(FieldManager)); err != nil {
		return fmt.Errorf("take back the fields of %s: %w", id, err)
	}
	return nil
}

// strangers are those who have set fields of the object and are neither us nor
// a part of Kubernetes itself.
func strangers(u *unstructured.Unstructured) []ssa.FieldManager {
	var out []ssa.FieldManager
	for _, f := range u.GetManagedFields() {
		if f.Manager == FieldManager || strings.HasPrefix(f.Manager, "kube-") || strings.HasPrefix(f.Manager, "cloud-controller") {
			continue
		}
		out = append(out, ssa.FieldManager{Name: f.Manager, ExactMatch: true, OperationType: f.Operation})
	}
	return out
}
