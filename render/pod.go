package render

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// The user that each of a pod's programs runs as; the group owns the volumes.
const (
	upstreamUser = 65534
	agentUser    = 65532
	sharedGroup  = 65534
)

func (r *Renderer) podTemplate(env *repolayout.Environment, w *workload) (corev1.PodTemplateSpec, error) {
	pod := hardenedPod(w.of.name)
	pod.TerminationGracePeriodSeconds = &w.graceSeconds
	pod.Affinity = apart(env, w)
	pod.TopologySpreadConstraints = spread(env, w)
	if w.of.bundle {
		agent, err := r.agent(w).container()
		if err != nil {
			return corev1.PodTemplateSpec{}, err
		}
		// As an init container that stays it has started, with a bundle on the
		// volume, before the component does, and it stops after it.
		stays := corev1.ContainerRestartPolicyAlways
		agent.RestartPolicy = &stays
		agent.StartupProbe = probe("/startz", agentPortName, 1, 600) // until there is a bundle to start on
		pod.InitContainers = []corev1.Container{agent}
		pod.Volumes = append(pod.Volumes, emptyDir("bundle"), tokenVolume())
	}
	for i := range w.programs {
		c, err := w.programs[i].container()
		if err != nil {
			return corev1.PodTemplateSpec{}, err
		}
		pod.Containers = append(pod.Containers, c)
	}
	pod.Volumes = append(pod.Volumes, w.volumes...)
	if w.storage != nil && !w.claims() {
		pod.Volumes = append(pod.Volumes, emptyDir("data"))
	}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      w.labels(env),
			Annotations: map[string]string{"kubectl.kubernetes.io/default-container": w.programs[0].name},
		},
		Spec: pod,
	}, nil
}

// hardenedPod is what the pods of everything have in common.
func hardenedPod(account string) corev1.PodSpec {
	yes, no := true, false
	user, group, policy := int64(upstreamUser), int64(sharedGroup), corev1.FSGroupChangeOnRootMismatch
	return corev1.PodSpec{
		ServiceAccountName:           account,
		AutomountServiceAccountToken: &no, // mounted by hand, into those containers that need it
		EnableServiceLinks:           &no,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:        &yes,
			RunAsUser:           &user, // a sandbox with a group but no user is refused by containerd
			RunAsGroup:          &group,
			FSGroup:             &group,
			FSGroupChangePolicy: &policy,
			SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
}

// apart keeps the replicas on different nodes where there is a choice.
func apart(env *repolayout.Environment, w *workload) *corev1.Affinity {
	return &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight: 100,
			PodAffinityTerm: corev1.PodAffinityTerm{
				LabelSelector: &metav1.LabelSelector{MatchLabels: w.selector(env)},
				TopologyKey:   corev1.LabelHostname,
			},
		}},
	}}
}

// spread keeps them in different zones where there are several.
func spread(env *repolayout.Environment, w *workload) []corev1.TopologySpreadConstraint {
	return []corev1.TopologySpreadConstraint{{
		MaxSkew:           1,
		TopologyKey:       corev1.LabelTopologyZone,
		WhenUnsatisfiable: corev1.ScheduleAnyway,
		LabelSelector:     &metav1.LabelSelector{MatchLabels: w.selector(env)},
	}}
}

func (p *program) container() (corev1.Container, error) {
	resources, err := resourcesOf(p)
	c := corev1.Container{
		Name:            p.name,
		Image:           p.image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         p.command,
		Args:            p.args,
		Env:             p.env,
		EnvFrom:         p.envFrom,
		Resources:       resources,
		VolumeMounts:    p.mounts,
		SecurityContext: hardened(p.user),
	}
	for _, port := range p.ports {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: port.name, ContainerPort: port.number, Protocol: port.proto()})
	}
	if p.ready != "" {
		// A program answers once it has read its write-ahead log, looked for its peers or read the bucket's list.
		c.StartupProbe = probe(p.ready, p.ports[0].name, 1, 900)
		c.ReadinessProbe = probe(p.ready, p.ports[0].name, 5, 3)
		c.LivenessProbe = probe(p.healthy, p.ports[0].name, 5, 6)
		c.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	}
	return c, err
}

func probe(path, port string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:     corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString(port)}},
		PeriodSeconds:    period,
		TimeoutSeconds:   3,
		FailureThreshold: failures,
	}
}

// hardened is the least that a container of ours gets by with.
func hardened(user int64) *corev1.SecurityContext {
	yes, no := true, false
	return &corev1.SecurityContext{
		RunAsUser:                &user,
		RunAsNonRoot:             &yes,
		ReadOnlyRootFilesystem:   &yes,
		AllowPrivilegeEscalation: &no,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func emptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

// bundleMount is where a program finds what the agent delivers.
func bundleMount() corev1.VolumeMount {
	return corev1.VolumeMount{Name: "bundle", MountPath: bundleDir, ReadOnly: true}
}

func dataMount(dir string) corev1.VolumeMount {
	return corev1.VolumeMount{Name: "data", MountPath: dir}
}

func podName() corev1.EnvVar { return fromField("POD_NAME", "metadata.name") }

func fromField(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

func fromSecret(name, secret, key string, optional bool) corev1.EnvVar {
	ref := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key}
	if optional {
		ref.Optional = &optional
	}
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: ref}}
}
