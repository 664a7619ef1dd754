package reconcile

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// RollbackName is the ConfigMap by which a person asks for a rollback.
const RollbackName = "watchbill-rollback"

// Rollback asks that revision To be live as long as From is the newest of the
// branch. The next commit ends it by itself. The zero value asks for nothing.
type Rollback struct {
	From, To string
}

func parseRollback(cm *corev1.ConfigMap) Rollback {
	return Rollback{From: cm.Data["from"], To: cm.Data["to"]}
}

// Request writes the request; the daemon sees it at once.
func (r Rollback) Request(ctx context.Context, client typedcorev1.ConfigMapInterface, namespace string) error {
	cm := applycorev1.ConfigMap(RollbackName, namespace).WithData(map[string]string{"from": r.From, "to": r.To})
	if _, err := client.Apply(ctx, cm, metav1.ApplyOptions{FieldManager: "watchbill-rollback", Force: true}); err != nil {
		return fmt.Errorf("write configmap %s: %w", RollbackName, err)
	}
	return nil
}

// UndoRollback takes a request back, if there is one.
func UndoRollback(ctx context.Context, client typedcorev1.ConfigMapInterface) error {
	err := client.Delete(ctx, RollbackName, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete configmap %s: %w", RollbackName, err)
	}
	return nil
}
