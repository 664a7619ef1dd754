package render

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Labels of the ConfigMaps that carry bundles, and the values of KindLabel.
const (
	labelPrefix    = "watchbill.github.io/"
	KindLabel      = labelPrefix + "kind"
	ComponentLabel = labelPrefix + "component"
	OwnerLabel     = labelPrefix + "owner" // the team; not there for the files of the whole repo

	// ShardLabel tells the pods of a component's shards apart.
	ShardLabel = labelPrefix + "shard"

	KindChunk = "chunk"
	KindIndex = "index"
)

// ChunkObject is the immutable ConfigMap of a chunk.
func ChunkObject(env *repolayout.Environment, component string, c *bundle.Chunk) *corev1.ConfigMap {
	cm := bundleObject(env, component, KindChunk, bundle.Name(component, c.Digest), c.Data)
	immutable := true
	cm.Immutable = &immutable
	if c.Owner != "" {
		cm.Labels[OwnerLabel] = c.Owner
	}
	return cm
}

// IndexObject is the ConfigMap of an index.
func IndexObject(env *repolayout.Environment, i bundle.Index) (*corev1.ConfigMap, error) {
	data, err := i.Data()
	if err != nil {
		return nil, fmt.Errorf("render environment %s: %w", env.Name, err)
	}
	return bundleObject(env, i.Component, KindIndex, bundle.IndexName(i.Component), data), nil
}

func bundleObject(env *repolayout.Environment, component, kind, name string, data map[string]string) *corev1.ConfigMap {
	cm := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: env.Namespace, Labels: labelsOf(env, component)},
		Data:       data,
	}
	cm.Labels[KindLabel] = kind
	cm.Labels[ComponentLabel] = component
	return cm
}
