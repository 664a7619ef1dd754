package apply

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/watchbill/watchbill/reconcile/plan"
)

const (
	labelGroup     = "watchbill.github.io"
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelInstance  = "app.kubernetes.io/instance"
)

// View is what is in the cluster of one environment, kept true by watches of
// metadata alone: a chunk's content is never held.
//
// An object has drifted when its metadata is not what it was right after we
// wrote it or found it right. Whoever changes a field leaves a trace there, in
// metadata.managedFields; what controllers write to the status is left out.
type View struct {
	namespace   string
	environment string
	factory     metadatainformer.SharedInformerFactory
	wake        func()

	mu      sync.Mutex
	objects map[plan.ID]*state
}

type state struct {
	there   bool
	ours    bool   // our field manager has applied it
	seen    string // fingerprint as watched
	right   string // fingerprint when it was last known to be right
	applied string // digest of the desired object that was applied last
	version string // resource version that seen was taken from
}

// NewView makes the view of an environment in a namespace; wake is called when
// something is not as it was left.
func NewView(config *rest.Config, namespace, environment string, wake func()) (*View, error) {
	watcher, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client that watches metadata: %w", err)
	}
	selector := labelManagedBy + "=" + FieldManager + "," + labelInstance + "=" + environment
	v := &View{
		namespace:   namespace,
		environment: environment,
		wake:        wake,
		objects:     map[plan.ID]*state{},
		factory: metadatainformer.NewFilteredSharedInformerFactory(watcher, 0, namespace,
			func(o *metav1.ListOptions) { o.LabelSelector = selector }),
	}
	for _, k := range kinds {
		if err := v.watch(k); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *View) watch(k kind) error {
	informer := v.factory.ForResource(k.resource()).Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { v.observe(k, obj, true) },
		UpdateFunc: func(_, obj any) { v.observe(k, obj, true) },
		DeleteFunc: func(obj any) { v.observe(k, obj, false) },
	})
	if err != nil {
		return fmt.Errorf("watch %s: %w", k.plural, err)
	}
	return nil
}

// Start begins to watch and returns when the whole environment has been seen once.
func (v *View) Start(ctx context.Context) error {
	v.factory.Start(ctx.Done())
	for resource, synced := range v.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("watch %s in namespace %s: %w", resource.Resource, v.namespace, context.Cause(ctx))
		}
	}
	return nil
}

// Stop waits until every watch has ended, after the context given to Start is done.
func (v *View) Stop() { v.factory.Shutdown() }

// Live is what is there now, for a plan.
func (v *View) Live() map[plan.ID]plan.Live {
	v.mu.Lock()
	defer v.mu.Unlock()
	live := make(map[plan.ID]plan.Live, len(v.objects))
	for id, s := range v.objects {
		if s.there && s.ours {
			live[id] = plan.Live{Applied: s.applied, Drifted: s.drifted()}
		}
	}
	return live
}

func (s *state) drifted() bool { return s.right != "" && s.seen != "" && s.seen != s.right }

// observe takes in one event of a watch.
func (v *View) observe(k kind, obj any, there bool) {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return
	}
	v.mu.Lock()
	s := v.of(plan.ID{Kind: k.name, Name: m.Name})
	odd := s.take(m, there)
	v.mu.Unlock()
	if odd {
		v.wake()
	}
}

// take sets the state to what a watch or an answer showed, unless a later one
// is known, and says whether it is not as it was left.
func (s *state) take(m metav1.Object, there bool) (odd bool) {
	if !newer(m.GetResourceVersion(), s.version) {
		return false
	}
	s.there, s.ours, s.seen, s.version = there, ours(m), fingerprint(m), m.GetResourceVersion()
	if !there {
		s.seen, s.right, s.applied = "", "", ""
	}
	return !there || s.drifted()
}

// newer says whether version a is not before version b.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err != nil || order >= 0
}

func (v *View) of(id plan.ID) *state {
	s := v.objects[id]
	if s == nil {
		s = &state{}
		v.objects[id] = s
	}
	return s
}

// accept takes an object, as the API server gave it, for right. The watch may
// already have shown a later state; then that one is a drift, as it should be.
func (v *View) accept(obj client.Object) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.of(plan.ID{Kind: obj.GetObjectKind().GroupVersionKind().Kind, Name: obj.GetName()})
	s.right = fingerprint(obj)
	s.take(obj, true)
}

// applied notes that the desired object with this digest has been applied.
func (v *View) applied(id plan.ID, digest string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.of(id).applied = digest
}

// doubt forgets what is known of an object, because a write to it went wrong half-way.
func (v *View) doubt(id plan.ID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.of(id)
	s.applied, s.right = "", ""
}

// ours says whether our field manager has applied the object.
func ours(obj metav1.Object) bool {
	for _, f := range obj.GetManagedFields() {
		if f.Manager == FieldManager && f.Operation == metav1.ManagedFieldsOperationApply {
			return true
		}
	}
	return false
}

// fingerprint hashes what tells of a write to anything but the status.
func fingerprint(obj metav1.Object) string {
	var writers []metav1.ManagedFieldsEntry
	for _, f := range obj.GetManagedFields() {
		if f.Subresource == "" {
			writers = append(writers, f)
		}
	}
	raw, err := json.Marshal([]any{
		obj.GetUID(), obj.GetGeneration(), obj.GetLabels(), obj.GetAnnotations(), obj.GetDeletionTimestamp(), writers,
	})
	if err != nil {
		return "" // cannot happen: all of it came as JSON
	}
	sum := sha256.Sum256(raw)
	return string(sum[:])
}
