package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	crlog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manager is the field manager of what this package applies.
const manager = "watchbill-install"

// Deployment is the name of the daemon's Deployment.
const Deployment = "watchbill"

// install applies deploy/ as an overlay of a user would, and waits for the daemon.
func (s *Stack) install(ctx context.Context, image string, o Options) error {
	s.say("installing Watchbill in namespace %s", s.Namespace)
	settings := map[string]string{
		"WATCHBILL_REPO":        s.Git.URL,
		"WATCHBILL_BRANCH":      Branch,
		"WATCHBILL_ENVIRONMENT": s.Environment,
	}
	maps.Copy(settings, o.Variables)
	forge, err := s.startForge(ctx, o)
	if err != nil {
		return err
	}
	maps.Copy(settings, forge.Settings)
	objects, err := s.kustomize(image, settings)
	if err != nil {
		return err
	}
	apply := metav1.ApplyOptions{FieldManager: manager, Force: true}
	if _, err := s.Client.CoreV1().Namespaces().Apply(ctx, applycorev1.Namespace(s.Namespace), apply); err != nil {
		return fmt.Errorf("create namespace %s: %w", s.Namespace, err)
	}
	if err := s.plantSecrets(ctx, o.Receivers); err != nil {
		return err
	}
	if err := s.plantCredentials(ctx, forge.Credentials); err != nil {
		return err
	}
	if err := s.serveObjects(ctx); err != nil {
		return err
	}
	if err := s.applyAll(ctx, objects); err != nil {
		return err
	}
	return s.rolledOut(ctx)
}

// kustomize builds an overlay over deploy/base: the namespace, the image and the daemon's settings.
func (s *Stack) kustomize(image string, settings map[string]string) ([]*unstructured.Unstructured, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "watchbill-overlay-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	base, err := filepath.Rel(dir, filepath.Join(root, "deploy", "base"))
	if err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(overlay(base, s.Namespace, image, settings))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), text, 0o644); err != nil {
		return nil, err
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("build deploy/base with kustomize: %w", err)
	}
	var objects []*unstructured.Unstructured
	for _, r := range built.Resources() {
		object, err := r.Map()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", r.CurId(), err)
		}
		objects = append(objects, &unstructured.Unstructured{Object: object})
	}
	return objects, nil
}

// overlay is the kustomization.yaml that a user would write.
func overlay(base, namespace, image string, settings map[string]string) map[string]any {
	var literals []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		literals = append(literals, name+"="+settings[name])
	}
	name, tag, _ := cutTag(image)
	return map[string]any{
		"apiVersion": "kustomize.config.k8s.io/v1beta1",
		"kind":       "Kustomization",
		"namespace":  namespace,
		"resources":  []string{base},
		"images":     []map[string]string{{"name": imageName, "newName": name, "newTag": tag}},
		"configMapGenerator": []map[string]any{
			{"name": Deployment, "behavior": "merge", "literals": literals},
		},
	}
}

// cutTag parts an image from its tag; a colon before the last slash is a port's.
func cutTag(image string) (name, tag string, ok bool) {
	slash := strings.LastIndex(image, "/") + 1
	name, tag, ok = strings.Cut(image[slash:], ":")
	return image[:slash] + name, tag, ok
}

func (s *Stack) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	crlog.SetLogger(logr.Discard()) // without any, the client complains
	c, err := client.New(s.Config, client.Options{})
	if err != nil {
		return fmt.Errorf("make a Kubernetes client: %w", err)
	}
	for _, o := range objects {
		err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner(manager), client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// rolledOut waits until the daemon that was installed, and no other, is ready.
func (s *Stack) rolledOut(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	return s.Until(ctx, "the daemon to be ready", func(ctx context.Context) error {
		d, err := s.Client.AppsV1().Deployments(s.Namespace).Get(ctx, Deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		want := int32(1)
		if d.Spec.Replicas != nil {
			want = *d.Spec.Replicas
		}
		now := d.Status
		if now.ObservedGeneration < d.Generation || now.UpdatedReplicas != want || now.ReadyReplicas != want || now.Replicas != want {
			return fmt.Errorf("%d of %d replicas are new, %d of %d ready%s", now.UpdatedReplicas, want, now.ReadyReplicas, now.Replicas, s.whyNotReady(ctx))
		}
		return nil
	})
}

// whyNotReady is what the daemon's containers wait for, as far as the cluster says.
func (s *Stack) whyNotReady(ctx context.Context) string {
	pods, err := s.Pods(ctx, Deployment)
	if err != nil {
		return ""
	}
	var why strings.Builder
	for _, pod := range pods {
		for _, c := range pod.Status.ContainerStatuses {
			if w := c.State.Waiting; w != nil {
				fmt.Fprintf(&why, "; %s: %s %s", pod.Name, w.Reason, w.Message)
			}
			if t := c.LastTerminationState.Terminated; t != nil {
				log, _ := s.Logs(ctx, pod.Name, c.Name, true) // without it, the code alone
				fmt.Fprintf(&why, "; %s ended before with code %d: %s", pod.Name, t.ExitCode, lastLine(log))
			}
		}
	}
	return why.String()
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// deleteNamespace removes what an earlier repository left, if there is something.
func (s *Stack) deleteNamespace(ctx context.Context) error {
	namespaces := s.Client.CoreV1().Namespaces()
	_, err := namespaces.Get(ctx, s.Namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if s.Cluster == nil {
		return fmt.Errorf("namespace %s is there already, and this cluster is not ours to delete it from: delete it or take another cluster", s.Namespace)
	}
	s.say("removing namespace %s of an earlier run", s.Namespace)
	if err := namespaces.Delete(ctx, s.Namespace, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete namespace %s: %w", s.Namespace, err)
	}
	// What it holds need not end in peace.
	now := int64(0)
	err = s.Client.CoreV1().Pods(s.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("delete the pods of namespace %s: %w", s.Namespace, err)
	}
	return s.Until(ctx, "namespace "+s.Namespace+" to go", func(ctx context.Context) error {
		_, err := namespaces.Get(ctx, s.Namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, errors.New("it is still there"))
	})
}

// startForge starts what stands in for the forge, if there is to be one.
func (s *Stack) startForge(ctx context.Context, o Options) (Forge, error) {
	if o.Forge == nil || s.Cluster == nil {
		return Forge{}, nil
	}
	address, err := s.Cluster.Address(ctx)
	if err != nil {
		return Forge{}, err
	}
	s.say("forge")
	return o.Forge(ctx, func(port int) (net.Listener, error) {
		return s.Cluster.Listen(net.JoinHostPort(address, strconv.Itoa(port)))
	})
}

// plantCredentials writes the daemon's own Secret.
func (s *Stack) plantCredentials(ctx context.Context, values map[string]string) error {
	if len(values) == 0 {
		return nil
	}
	secret := applycorev1.Secret("watchbill-credentials", s.Namespace).WithType(corev1.SecretTypeOpaque).WithStringData(values)
	_, err := s.Client.CoreV1().Secrets(s.Namespace).Apply(ctx, secret, metav1.ApplyOptions{FieldManager: manager, Force: true})
	if err != nil {
		return fmt.Errorf("write the daemon's Secret: %w", err)
	}
	return nil
}

// plantSecrets gives every key that the receivers name a value that is found again wherever it appears.
func (s *Stack) plantSecrets(ctx context.Context, receivers func(string) map[string]string) error {
	env, err := s.Repo.environment(s.Environment)
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, key := range s.Repo.secretKeys() {
		values[key] = Planted + "-" + key
		if strings.HasSuffix(key, "-url") {
			values[key] = "http://127.0.0.1:9/" + values[key] // where nobody listens
		}
	}
	if receivers != nil && s.Cluster != nil {
		address, err := s.Cluster.Address(ctx)
		if err != nil {
			return err
		}
		maps.Copy(values, receivers(address))
	}
	secret := applycorev1.Secret(env.ReceiversSecret, s.Namespace).WithType(corev1.SecretTypeOpaque).WithStringData(values)
	_, err = s.Client.CoreV1().Secrets(s.Namespace).Apply(ctx, secret, metav1.ApplyOptions{FieldManager: manager, Force: true})
	if err != nil {
		return fmt.Errorf("write the receivers' Secret: %w", err)
	}
	return nil
}
