package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/watchbill/watchbill/reconcile/proof"
	"github.com/watchbill/watchbill/render/bundle"
)

// watched are the informers beside the view: the pods that give proof, the
// StatefulSets of Prometheus, which are scaled down with care, the rollback that
// a person asks for, and what other replicas wake this one for.
type watched struct {
	pods, rollback, wake informers.SharedInformerFactory
	rollbacks, sets      cache.SharedIndexInformer
}

// watchPods keeps the prover's replicas true, wakes the loop when a person asks
// for a rollback, and hears the calls of other replicas.
func watchPods(client kubernetes.Interface, namespace, environment string, prover *proof.Prover, wake func(), heard func(call)) (*watched, error) {
	selector := proof.Selector + ",app.kubernetes.io/instance=" + environment
	w := &watched{
		pods: informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace),
			informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = selector }),
			informers.WithTransform(slim)),
		rollback: oneObject(client, namespace, RollbackName),
		wake:     oneObject(client, namespace, WakeName),
	}
	pods := w.pods.Core().V1().Pods().Informer()
	update := func() { prover.SetReplicas(replicas(pods.GetStore().List())) }
	if _, err := pods.AddEventHandler(onAny(update)); err != nil {
		return nil, fmt.Errorf("watch pods: %w", err)
	}
	w.sets = w.pods.Apps().V1().StatefulSets().Informer()
	w.rollbacks = w.rollback.Core().V1().ConfigMaps().Informer()
	if _, err := w.rollbacks.AddEventHandler(onAny(wake)); err != nil {
		return nil, fmt.Errorf("watch configmap %s: %w", RollbackName, err)
	}
	if _, err := w.wake.Core().V1().ConfigMaps().Informer().AddEventHandler(onCall(heard)); err != nil {
		return nil, fmt.Errorf("watch configmap %s: %w", WakeName, err)
	}
	return w, nil
}

// oneObject makes informers that see the object of this name alone.
func oneObject(client kubernetes.Interface, namespace, name string) informers.SharedInformerFactory {
	return informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
		}))
}

func onAny(do func()) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { do() },
		UpdateFunc: func(any, any) { do() },
		DeleteFunc: func(any) { do() },
	}
}

func (w *watched) start(ctx context.Context) error {
	for _, f := range []informers.SharedInformerFactory{w.pods, w.rollback, w.wake} {
		f.Start(ctx.Done())
		for kind, synced := range f.WaitForCacheSync(ctx.Done()) {
			if !synced {
				return fmt.Errorf("watch %s: %w", kind, context.Cause(ctx))
			}
		}
	}
	return nil
}

func (w *watched) stop() {
	w.pods.Shutdown()
	w.rollback.Shutdown()
	w.wake.Shutdown()
}

// request is what a person asks for now.
func (w *watched) request() Rollback {
	for _, obj := range w.rollbacks.GetStore().List() {
		if cm, ok := obj.(*corev1.ConfigMap); ok {
			return parseRollback(cm)
		}
	}
	return Rollback{}
}

// scales are the StatefulSets of Prometheus, sorted by name.
func (w *watched) scales() []scale {
	var out []scale
	for _, obj := range w.sets.GetStore().List() {
		if set, ok := obj.(*appsv1.StatefulSet); ok && set.Labels[nameLabel] == bundle.Prometheus && set.DeletionTimestamp == nil {
			out = append(out, scaleOf(set))
		}
	}
	slices.SortFunc(out, func(a, b scale) int { return cmp.Compare(a.name, b.name) })
	return out
}

// replicas are the pods that are to stay and have an address.
func replicas(pods []any) []proof.Replica {
	var out []proof.Replica
	for _, obj := range pods {
		pod, ok := obj.(*corev1.Pod)
		if !ok || pod.DeletionTimestamp != nil || pod.Status.PodIP == "" {
			continue
		}
		out = append(out, proof.Replica{
			Pod: pod.Name, Component: pod.Labels[nameLabel], Address: pod.Status.PodIP,
		})
	}
	return out
}

// slim leaves of a pod or a StatefulSet what replicas and scales are made of.
func slim(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Pod:
		o.ManagedFields = nil
		o.Spec = corev1.PodSpec{}
		o.Status = corev1.PodStatus{Phase: o.Status.Phase, PodIP: o.Status.PodIP}
	case *appsv1.StatefulSet:
		o.ManagedFields = nil
		o.Spec = appsv1.StatefulSetSpec{Replicas: o.Spec.Replicas, VolumeClaimTemplates: o.Spec.VolumeClaimTemplates}
	}
	return obj, nil
}

// releaser deletes a pod's volume claim; Kubernetes keeps it until the pod has gone.
func releaser(client kubernetes.Interface, namespace string) func(context.Context, string) error {
	return func(ctx context.Context, claim string) error {
		err := client.CoreV1().PersistentVolumeClaims(namespace).Delete(ctx, claim, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete the volume of a pod that has left: %w", err)
		}
		return nil
	}
}

// refusalFromLog reads why Prometheus refused a reload: it says so in its log alone.
func refusalFromLog(client kubernetes.Interface, namespace string) func(context.Context, string, time.Time) string {
	return func(ctx context.Context, pod string, since time.Time) string {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		at := metav1.NewTime(since)
		most := int64(256 << 10)
		stream, err := client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{
			Container: "prometheus", SinceTime: &at, LimitBytes: &most,
		}).Stream(ctx)
		if err != nil {
			return "" // the pod has gone
		}
		defer stream.Close()
		text, err := io.ReadAll(io.LimitReader(stream, most))
		if err != nil {
			return ""
		}
		return proof.RefusalLog(text, since)
	}
}
