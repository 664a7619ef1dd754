package render

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func (r *Renderer) statefulSet(env *repolayout.Environment, w *workload) (*appsv1.StatefulSet, error) {
	pod, err := r.podSpec(env, w)
	if err != nil {
		return nil, err
	}
	set := &appsv1.StatefulSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"},
		ObjectMeta: meta(env, w.name, w.name, w.description),
		Spec: appsv1.StatefulSetSpec{
			Replicas:    &w.replicas,
			ServiceName: w.headless,
			// All at once when they are created, one after the other when they change.
			PodManagementPolicy: appsv1.ParallelPodManagement,
			UpdateStrategy:      appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType},
			Selector:            &metav1.LabelSelector{MatchLabels: selectorOf(env, w.name)},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels:      labelsOf(env, w.name),
					Annotations: map[string]string{"kubectl.kubernetes.io/default-container": w.name},
				},
				Spec: *pod,
			},
		},
	}
	if w.storage.Size == "" {
		set.Spec.Template.Spec.Volumes = append(pod.Volumes, emptyDir("data"))
		return set, nil
	}
	claim, err := volumeClaim(w.storage)
	set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{claim}
	return set, err
}

func (r *Renderer) podSpec(env *repolayout.Environment, w *workload) (*corev1.PodSpec, error) {
	main, err := mainContainer(w)
	if err != nil {
		return nil, err
	}
	yes, no := true, false
	user, group, policy := int64(upstreamUser), int64(sharedGroup), corev1.FSGroupChangeOnRootMismatch
	return &corev1.PodSpec{
		ServiceAccountName:            w.name,
		AutomountServiceAccountToken:  &no, // mounted by hand, into those containers that need it
		EnableServiceLinks:            &no,
		TerminationGracePeriodSeconds: &w.graceSeconds,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:        &yes,
			RunAsUser:           &user, // a sandbox with a group but no user is refused by containerd
			RunAsGroup:          &group,
			FSGroup:             &group,
			FSGroupChangePolicy: &policy,
			SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Affinity:       apart(env, w),
		InitContainers: []corev1.Container{r.agentContainer(w)},
		Containers:     []corev1.Container{main},
		Volumes:        append([]corev1.Volume{emptyDir("bundle"), tokenVolume()}, w.volumes...),
	}, nil
}

func mainContainer(w *workload) (corev1.Container, error) {
	resources, err := resourcesOf(w)
	if err != nil {
		return corev1.Container{}, err
	}
	c := corev1.Container{
		Name:            w.name,
		Image:           w.image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Args:            w.args,
		Env:             w.env,
		Ports:           containerPorts(w),
		Resources:       resources,
		// Prometheus answers once it has read its write-ahead log, Alertmanager once it has looked for its peers.
		StartupProbe:   probe("/-/ready", webPort, 1, 900),
		ReadinessProbe: probe("/-/ready", webPort, 5, 3),
		LivenessProbe:  probe("/-/healthy", webPort, 5, 6),
		VolumeMounts: append([]corev1.VolumeMount{
			{Name: "data", MountPath: w.dataDir},
			{Name: "bundle", MountPath: bundleDir, ReadOnly: true},
		}, w.mounts...),
		SecurityContext:          hardened(upstreamUser),
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}
	if w.discovers {
		c.VolumeMounts = append(c.VolumeMounts, tokenMount())
	}
	return c, nil
}

func containerPorts(w *workload) []corev1.ContainerPort {
	ports := []corev1.ContainerPort{{Name: webPort, ContainerPort: w.port, Protocol: corev1.ProtocolTCP}}
	if w.mesh {
		ports = append(ports,
			corev1.ContainerPort{Name: "mesh-tcp", ContainerPort: meshPort, Protocol: corev1.ProtocolTCP},
			corev1.ContainerPort{Name: "mesh-udp", ContainerPort: meshPort, Protocol: corev1.ProtocolUDP})
	}
	return ports
}

// apart spreads the replicas over nodes where there is a choice.
func apart(env *repolayout.Environment, w *workload) *corev1.Affinity {
	return &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight: 100,
			PodAffinityTerm: corev1.PodAffinityTerm{
				LabelSelector: &metav1.LabelSelector{MatchLabels: selectorOf(env, w.name)},
				TopologyKey:   corev1.LabelHostname,
			},
		}},
	}}
}

func emptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

func volumeClaim(s repolayout.Storage) (corev1.PersistentVolumeClaim, error) {
	size, err := resource.ParseQuantity(s.Size)
	if err != nil {
		return corev1.PersistentVolumeClaim{}, fmt.Errorf("storage size %q: %w", s.Size, err)
	}
	claim := corev1.PersistentVolumeClaim{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
		},
	}
	if s.Class != "" {
		claim.Spec.StorageClassName = &s.Class
	}
	return claim, nil
}

// resourcesOf fills in the workload's requests where the environment sets
// neither a request nor a limit; a limit below our request would be refused.
func resourcesOf(w *workload) (corev1.ResourceRequirements, error) {
	var out corev1.ResourceRequirements
	var err error
	if out.Requests, err = quantities(w.resources.Requests); err != nil {
		return out, fmt.Errorf("resource requests: %w", err)
	}
	if out.Limits, err = quantities(w.resources.Limits); err != nil {
		return out, fmt.Errorf("resource limits: %w", err)
	}
	for name, request := range w.requests {
		_, requested := out.Requests[name]
		_, limited := out.Limits[name]
		if requested || limited {
			continue
		}
		if out.Requests == nil {
			out.Requests = corev1.ResourceList{}
		}
		out.Requests[name] = request
	}
	return out, nil
}

func quantities(values map[string]string) (corev1.ResourceList, error) {
	if len(values) == 0 {
		return nil, nil
	}
	out := make(corev1.ResourceList, len(values))
	for name, value := range values {
		q, err := resource.ParseQuantity(value)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", name, value, err)
		}
		out[corev1.ResourceName(name)] = q
	}
	return out, nil
}
