package schedule

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// watch follows the Jobs and their pods; stop waits until the watches have ended with ctx.
func (s *Scheduler) watch(ctx context.Context) (stop func(), err error) {
	factory := informers.NewSharedInformerFactoryWithOptions(s.opts.Client, 0, informers.WithNamespace(s.opts.Namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = s.selector() }),
		informers.WithTransform(slim))
	jobs := factory.Batch().V1().Jobs().Informer()
	s.seen = jobs.GetStore()
	if _, err := jobs.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { s.poke() },
		UpdateFunc: func(any, any) { s.poke() },
		DeleteFunc: func(obj any) { s.forget(obj); s.poke() },
	}); err != nil {
		return factory.Shutdown, fmt.Errorf("watch jobs: %w", err)
	}
	// A pod that goes is kept: the Job controller deletes one that was still
	// running at its deadline, and with it what it said last.
	if _, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    s.see,
		UpdateFunc: func(_, obj any) { s.see(obj) },
		DeleteFunc: func(obj any) {
			if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = last.Obj
			}
			s.see(obj)
		},
	}); err != nil {
		return factory.Shutdown, fmt.Errorf("watch the jobs' pods: %w", err)
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return factory.Shutdown, fmt.Errorf("watch %s: %w", kind, context.Cause(ctx))
		}
	}
	return factory.Shutdown, nil
}

// see keeps the newest pod of each Job.
func (s *Scheduler) see(obj any) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}
	owner := metav1.GetControllerOf(pod)
	if owner == nil || owner.Kind != "Job" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.pods[owner.Name]
	if known == nil || known.UID == pod.UID || !pod.CreationTimestamp.Before(&known.CreationTimestamp) {
		s.pods[owner.Name] = pod
		s.poke()
	}
}

// forget lets the pod of a Job go that is gone.
func (s *Scheduler) forget(obj any) {
	key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj)
	if err != nil {
		return
	}
	_, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pods, name)
}

// slim leaves out what nothing here reads.
func slim(obj any) (any, error) {
	if meta, ok := obj.(metav1.Object); ok {
		meta.SetManagedFields(nil)
	}
	if pod, ok := obj.(*corev1.Pod); ok {
		pod.Spec = corev1.PodSpec{}
	}
	return obj, nil
}
