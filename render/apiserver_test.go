package render_test

import (
	"context"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/watchbill/watchbill/render"
)

// TestAPIServerTakesItAll: a real API server, asked for a dry run, takes every
// object without an unknown field, and every pod under the strictest of the Pod
// Security Standards.
func TestAPIServerTakesItAll(t *testing.T) {
	path := os.Getenv("WATCHBILL_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("needs an API server: run it by make test, or set WATCHBILL_TEST_KUBECONFIG")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	server, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases(t) {
		t.Run(c.name, func(t *testing.T) {
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
				GenerateName: "render-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
			}}
			if err := server.Create(t.Context(), namespace); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Delete(context.Background(), namespace) })
			for _, o := range all(t, c) {
				try(t, server, namespace.Name, o)
			}
			for _, s := range podSets(c) {
				pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: strings.ToLower(s.kind) + "-" + s.name, Labels: s.template.Labels}, Spec: s.template.Spec}
				for _, claim := range s.claims {
					pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim.Name, VolumeSource: corev1.VolumeSource{
						PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name + "-0"},
					}})
				}
				try(t, server, namespace.Name, pod)
			}
		})
	}
}

// try asks for a dry run of all but service accounts, which have to be there for pods to name them.
func try(t *testing.T, server client.Client, namespace string, o render.Object) {
	t.Helper()
	o = o.DeepCopyObject().(render.Object)
	o.SetNamespace(namespace)
	options := []client.CreateOption{client.FieldValidation("Strict"), client.DryRunAll}
	if _, real := o.(*corev1.ServiceAccount); real {
		options = options[:1]
	}
	err := server.Create(t.Context(), o, options...)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Errorf("%T %s: %v", o, o.GetName(), err)
	}
}
