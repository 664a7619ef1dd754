package render

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// set is what keeps a workload's pods: a StatefulSet where each pod has a name
// of its own, and a Deployment where they are all alike.
func (r *Renderer) set(env *repolayout.Environment, w *workload) (Object, error) {
	template, err := r.podTemplate(env, w)
	if err != nil {
		return nil, err
	}
	if w.of.headless == "" {
		return deployment(env, w, template), nil
	}
	return statefulSet(env, w, template)
}

func statefulSet(env *repolayout.Environment, w *workload, template corev1.PodTemplateSpec) (*appsv1.StatefulSet, error) {
	set := &appsv1.StatefulSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"},
		ObjectMeta: w.meta(env, w.description),
		Spec: appsv1.StatefulSetSpec{
			Replicas:    w.running(env),
			ServiceName: w.of.headless,
			// All at once when they are created, one after the other when they change.
			PodManagementPolicy: appsv1.ParallelPodManagement,
			UpdateStrategy:      appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType},
			Selector:            &metav1.LabelSelector{MatchLabels: w.selector(env)},
			Template:            template,
		},
	}
	if !w.claims() {
		return set, nil
	}
	claim, err := volumeClaim(*w.storage)
	set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{claim}
	// A volume goes only once what is on it is in the object store, and that Kubernetes cannot know.
	keep := appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	if w.cache {
		keep = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	}
	set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: keep, WhenScaled: keep}
	return set, err
}

func deployment(env *repolayout.Environment, w *workload, template corev1.PodTemplateSpec) *appsv1.Deployment {
	none, one := intstr.FromInt32(0), intstr.FromInt32(1)
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: w.meta(env, w.description),
		Spec: appsv1.DeploymentSpec{
			Replicas: w.running(env),
			// A new pod is ready before an old one goes, be there one replica or many.
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &none, MaxSurge: &one},
			},
			Selector: &metav1.LabelSelector{MatchLabels: w.selector(env)},
			Template: template,
		},
	}
}

func disruptionBudget(env *repolayout.Environment, w *workload) *policyv1.PodDisruptionBudget {
	one := intstr.FromInt32(1)
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: w.meta(env, "Lets a drain take one replica at a time."),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &one,
			Selector:       &metav1.LabelSelector{MatchLabels: w.selector(env)},
		},
	}
}

// claims says whether the data outlives the pod.
func (w *workload) claims() bool { return w.storage != nil && w.storage.Size != "" }

func volumeClaim(s repolayout.Storage) (corev1.PersistentVolumeClaim, error) {
	spec, err := claimSpec(s)
	return corev1.PersistentVolumeClaim{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec:       spec,
	}, err
}

func claimSpec(s repolayout.Storage) (corev1.PersistentVolumeClaimSpec, error) {
	size, err := resource.ParseQuantity(s.Size)
	if err != nil {
		return corev1.PersistentVolumeClaimSpec{}, fmt.Errorf("storage size %q: %w", s.Size, err)
	}
	spec := corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
	}
	if s.Class != "" {
		spec.StorageClassName = &s.Class
	}
	return spec, nil
}
