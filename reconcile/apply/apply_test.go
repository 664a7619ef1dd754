package apply

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/watchbill/watchbill/reconcile/plan"
)

// world is a namespace on a real API server, and what this package makes of it.
type world struct {
	t       *testing.T
	config  *rest.Config
	client  kubernetes.Interface
	ns      string
	view    *View
	applier *Applier
	woken   chan struct{}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	path := os.Getenv("WATCHBILL_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("needs an API server: run it by make test, or set WATCHBILL_TEST_KUBECONFIG")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "apply-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, config: config, client: client, ns: ns.Name, woken: make(chan struct{}, 100)}
	t.Cleanup(func() {
		_ = client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{})
	})
	w.restart()
	return w
}

// restart is a new process: it knows nothing but what it sees.
func (w *world) restart() {
	w.t.Helper()
	view, err := NewView(w.config, w.ns, "prod", func() {
		select {
		case w.woken <- struct{}{}:
		default:
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := view.Start(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { cancel(); view.Stop() })
	applier, err := NewApplier(w.config, view)
	if err != nil {
		w.t.Fatal(err)
	}
	w.view, w.applier = view, applier
}

func (w *world) desired(name, value string) plan.Desired {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{
			"name": name, "namespace": w.ns,
			"labels": map[string]any{labelManagedBy: FieldManager, labelInstance: "prod"},
		},
		"data": map[string]any{"value": value},
	}}
	return plan.Desired{
		ID: plan.ID{Kind: "ConfigMap", Name: name}, Stage: plan.Workloads, Digest: value,
		Object: func() (*unstructured.Unstructured, error) { return u.DeepCopy(), nil },
	}
}

// pass plans and applies, and says what the API server made of each object.
func (w *world) pass(desired ...plan.Desired) string {
	w.t.Helper()
	todo := plan.Make(desired, w.view.Live(), nil)
	var did []string
	for _, stage := range []plan.Stage{plan.Chunks, plan.Workloads, plan.Index, plan.Prune} {
		set, err := w.applier.Stage(w.t.Context(), todo, stage)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range set.Entries {
			did = append(did, e.ObjMetadata.Name+" "+e.Action.String())
		}
	}
	return strings.Join(did, ", ")
}

// eventually waits until the view shows what is asked for.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s; live: %v", what, w.view.Live())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) want(got, want string) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Error(diff)
	}
}

func TestAgainstAPIServer(t *testing.T) {
	w := newWorld(t)
	a, b := w.desired("a", "1"), w.desired("b", "1")
	maps := w.client.CoreV1().ConfigMaps(w.ns)

	w.want(w.pass(a, b), "a created, b created")
	w.want(w.pass(a, b), "")
	w.eventually("the watch has caught up without a drift", func() bool {
		live := w.view.Live()
		return len(live) == 2 && !live[a.ID].Drifted && !live[b.ID].Drifted
	})
	w.want(w.pass(a, b), "")

	a = w.desired("a", "2")
	w.want(w.pass(a, b), "a configured")
	w.want(w.pass(a, b), "")

	for len(w.woken) > 0 {
		<-w.woken
	}
	edit := []byte(`{"data":{"value":"by hand"}}`)
	if _, err := maps.Patch(t.Context(), "b", types.MergePatchType, edit, metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	w.eventually("the drift is seen", func() bool { return w.view.Live()[b.ID].Drifted })
	select {
	case <-w.woken:
	case <-time.After(10 * time.Second):
		t.Error("the drift woke nobody")
	}
	w.want(w.pass(a, b), "b configured")
	w.want(w.pass(a, b), "")
	cm, err := maps.Get(t.Context(), "b", metav1.GetOptions{})
	if err != nil || cm.Data["value"] != "1" {
		t.Errorf("b is %v (%v)", cm.Data, err)
	}

	if err := maps.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.eventually("the delete is seen", func() bool { _, there := w.view.Live()[a.ID]; return !there })
	w.want(w.pass(a, b), "a created")

	w.restart()
	w.want(w.pass(a, b), "a unchanged, b unchanged")
	w.want(w.pass(a, b), "")
}

func TestNothingOfOthersIsDeleted(t *testing.T) {
	w := newWorld(t)
	ours := w.desired("ours", "1")
	w.pass(ours)
	labels := map[string]string{labelManagedBy: FieldManager, labelInstance: "prod"}
	_, err := w.client.CoreV1().ConfigMaps(w.ns).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "copied-labels", Labels: labels},
	}, metav1.CreateOptions{FieldManager: "somebody"})
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.want(w.pass(), "ours deleted")
	if _, err := w.client.CoreV1().ConfigMaps(w.ns).Get(t.Context(), "copied-labels", metav1.GetOptions{}); err != nil {
		t.Errorf("somebody else's object: %v", err)
	}
}

func TestFailedWriteIsNotForgotten(t *testing.T) {
	w := newWorld(t)
	a := w.desired("a", "1")
	w.want(w.pass(a), "a created")
	bad := w.desired("a", "2")
	bad.Object = func() (*unstructured.Unstructured, error) {
		u, err := w.desired("a", "2").Object()
		u.Object["data"] = map[string]any{"no/key": "x"}
		return u, err
	}
	todo := plan.Make([]plan.Desired{bad}, w.view.Live(), nil)
	if _, err := w.applier.Stage(t.Context(), todo, plan.Workloads); err == nil || !strings.Contains(err.Error(), "configmap/a") {
		t.Fatalf("error: %v", err)
	}
	w.want(w.pass(a), "a unchanged")
	w.want(w.pass(a), "")
}

// An apply alone would leave what somebody added, or be refused because of it.
func TestWhatOthersAddIsTakenBack(t *testing.T) {
	w := newWorld(t)
	services := w.client.CoreV1().Services(w.ns)
	service := plan.Desired{
		ID: plan.ID{Kind: "Service", Name: "s"}, Stage: plan.Workloads, Digest: "1",
		Object: func() (*unstructured.Unstructured, error) {
			return &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "v1", "kind": "Service",
				"metadata": map[string]any{
					"name": "s", "namespace": w.ns,
					"labels": map[string]any{labelManagedBy: FieldManager, labelInstance: "prod"},
				},
				"spec": map[string]any{"ports": []any{map[string]any{"name": "web", "port": int64(80)}}},
			}}, nil
		},
	}
	w.want(w.pass(service), "s created")
	for _, patch := range []string{
		`{"spec":{"ports":[{"name":"web","port":81}]}}`, // beside our own, two ports of one name: invalid
		`{"metadata":{"annotations":{"somebody":"was here"}}}`,
	} {
		_, err := services.Patch(t.Context(), "s", types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "somebody"})
		if err != nil {
			t.Fatal(err)
		}
		w.eventually("the drift", func() bool { return w.view.Live()[service.ID].Drifted })
		w.want(w.pass(service), "s configured")
		got, err := services.Get(t.Context(), "s", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Spec.Ports) != 1 || got.Spec.Ports[0].Port != 80 || got.Annotations["somebody"] != "" {
			t.Errorf("after %s: ports %v, annotations %v", patch, got.Spec.Ports, got.Annotations)
		}
		w.eventually("no drift", func() bool { return !w.view.Live()[service.ID].Drifted })
		w.want(w.pass(service), "")
	}
}
