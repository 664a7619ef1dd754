package stack

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

// ObjectStoreNamespace is where the S3 server runs; its Service is versitygw, its bucket metrics.
const ObjectStoreNamespace = "object-store"

// objectStoreImage is the S3 server's image, as objectstore.yaml names it.
const objectStoreImage = "ghcr.io/versity/versitygw:v1.8.0"

//go:embed objectstore.yaml
var objectStore []byte

// Keys are what the S3 server lets in by. They are another pair for each server.
type Keys struct{ ID, Secret string }

// serveObjects runs the S3 server in a pod of its own namespace, and gives the
// environment's namespace the Secret that it names.
func (s *Stack) serveObjects(ctx context.Context) error {
	env, err := s.Repo.environment(s.Environment)
	if err != nil || env.ObjectStore == nil {
		return err
	}
	s.say("object store")
	objects, err := manifests(objectStore)
	if err != nil {
		return err
	}
	if err := s.applyAll(ctx, objects[:1]); err != nil {
		return err
	}
	if err := s.plantKeys(ctx, env.ObjectStore.Secret); err != nil {
		return err
	}
	if err := s.applyAll(ctx, objects[1:]); err != nil {
		return err
	}
	return s.Until(ctx, "the S3 server to be ready", func(ctx context.Context) error {
		d, err := s.Client.AppsV1().Deployments(ObjectStoreNamespace).Get(ctx, "versitygw", metav1.GetOptions{})
		if err == nil && (d.Status.ObservedGeneration < d.Generation || d.Status.ReadyReplicas == 0) {
			err = errors.New("it is not")
		}
		return err
	})
}

// plantKeys makes the server's keys unless there are some, and gives them to those that are to use them.
func (s *Stack) plantKeys(ctx context.Context, name string) error {
	secrets := s.Client.CoreV1().Secrets(ObjectStoreNamespace)
	there, err := secrets.Get(ctx, "versitygw", metav1.GetOptions{})
	switch {
	case err == nil:
		s.Keys = Keys{string(there.Data["ROOT_ACCESS_KEY"]), string(there.Data["ROOT_SECRET_KEY"])}
	case apierrors.IsNotFound(err):
		s.Keys = Keys{ID: Planted + "-access-key-id", Secret: Planted + "-" + rand.Text()}
	default:
		return fmt.Errorf("read the S3 server's keys: %w", err)
	}
	for _, secret := range []*applycorev1.SecretApplyConfiguration{
		applycorev1.Secret("versitygw", ObjectStoreNamespace).WithStringData(map[string]string{
			"ROOT_ACCESS_KEY": s.Keys.ID, "ROOT_SECRET_KEY": s.Keys.Secret,
		}),
		applycorev1.Secret(name, s.Namespace).WithStringData(map[string]string{
			"access-key-id": s.Keys.ID, "secret-access-key": s.Keys.Secret,
		}),
	} {
		_, err := s.Client.CoreV1().Secrets(*secret.Namespace).Apply(ctx, secret, metav1.ApplyOptions{FieldManager: manager, Force: true})
		if err != nil {
			return fmt.Errorf("write Secret %s: %w", *secret.Name, err)
		}
	}
	return nil
}

// manifests reads YAML documents.
func manifests(text []byte) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(u)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		out = append(out, u)
	}
}
