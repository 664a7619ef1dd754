package reconcile

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"github.com/watchbill/watchbill/reconcile/history"
)

// teller tells people by Kubernetes Events, on the history's ConfigMap.
type teller struct {
	recorder record.EventRecorder
	on       *corev1.ObjectReference
}

// newTeller makes a teller; stop sends what is queued no further.
func newTeller(client kubernetes.Interface, namespace string) (t teller, stop func()) {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events(namespace)})
	return teller{
		recorder: broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "watchbill"}),
		on:       &corev1.ObjectReference{Kind: "ConfigMap", APIVersion: "v1", Namespace: namespace, Name: history.Name},
	}, broadcaster.Shutdown
}

func (t teller) tell(reason, text string) { t.event(corev1.EventTypeNormal, reason, text) }
func (t teller) warn(reason, text string) { t.event(corev1.EventTypeWarning, reason, text) }

func (t teller) event(kind, reason, text string) {
	if t.recorder == nil {
		return
	}
	const most = 1024 // what the API server takes
	t.recorder.Event(t.on, kind, reason, text[:min(len(text), most)])
}
