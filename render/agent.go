package render

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	agentPort     = 9533
	agentPortName = "agent"

	// The user that each of the pod's programs runs as; the group owns the volumes.
	upstreamUser = 65534
	agentUser    = 65532
	sharedGroup  = 65534
)

// agentContainer delivers bundles to the component beside it. As an init
// container that stays it has started, with a bundle on the volume, before the
// component does, and it stops after it.
func (r *Renderer) agentContainer(w *workload) corev1.Container {
	stays := corev1.ContainerRestartPolicyAlways
	return corev1.Container{
		Name:            "agent",
		Image:           r.opts.AgentImage,
		ImagePullPolicy: corev1.PullIfNotPresent,
		RestartPolicy:   &stays,
		Args: []string{
			"agent",
			"--component=" + w.name,
			"--dir=" + bundleDir,
			"--url=http://127.0.0.1:" + strconv.Itoa(int(w.port)),
			"--listen=:" + strconv.Itoa(agentPort),
		},
		Env: []corev1.EnvVar{
			podName(),
			fromField("WATCHBILL_NAMESPACE", "metadata.namespace"),
			// What it holds is small but for the moment of a delivery: collect early.
			{Name: "GOMEMLIMIT", Value: "40MiB"},
		},
		Ports: []corev1.ContainerPort{{Name: agentPortName, ContainerPort: agentPort, Protocol: corev1.ProtocolTCP}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("48Mi")},
			// The agent holds a few chunks at a time, however large the bundle.
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")},
		},
		StartupProbe:   probe("/readyz", agentPortName, 1, 600), // until there is a bundle to start on
		ReadinessProbe: probe("/readyz", agentPortName, 5, 3),
		LivenessProbe:  probe("/healthz", agentPortName, 10, 6),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "bundle", MountPath: bundleDir},
			tokenMount(),
		},
		SecurityContext: hardened(agentUser),
	}
}

// tokenVolume is the service account's token, which only those containers mount that ask the API server.
func tokenVolume() corev1.Volume {
	hour := int64(3607) // as Kubernetes mounts it by itself
	return corev1.Volume{Name: "api-token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &hour}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}},
			}}},
		},
	}}}
}

func tokenMount() corev1.VolumeMount {
	return corev1.VolumeMount{Name: "api-token", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount", ReadOnly: true}
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
