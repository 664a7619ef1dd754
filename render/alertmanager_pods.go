package render

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const (
	alertmanagerHeadless = "alertmanager-operated"
	alertmanagerData     = "/alertmanager"
	alertmanagerPort     = 9093
	meshPort             = 9094
)

func alertmanagerComponent(repo *repolayout.Repo, env *repolayout.Environment) *component {
	c := &component{
		name: bundle.Alertmanager, pods: bundle.Alertmanager,
		address:  "One address for all replicas' API and web pages.",
		headless: alertmanagerHeadless, bundle: true,
	}
	c.workloads = []*workload{{
		of: c, name: bundle.Alertmanager,
		description:  "Groups, silences and routes alerts, and tells people; the replicas gossip so that each notification goes out once.",
		replicas:     alertmanagerReplicas(env),
		programs:     []program{alertmanagerProgram(repo, env)},
		storage:      &env.Alertmanager.Storage,
		volumes:      []corev1.Volume{receiversVolume(env)},
		graceSeconds: 120,
	}}
	return c
}

func alertmanagerProgram(repo *repolayout.Repo, env *repolayout.Environment) program {
	p := program{
		name:  bundle.Alertmanager,
		image: alertmanagerImage(repo).tagged(),
		args:  alertmanagerArgs(repo, env),
		env:   []corev1.EnvVar{fromField("POD_IP", "status.podIP")},
		ports: []port{{name: webPort, number: alertmanagerPort, from: []string{bundle.Prometheus}}},
		ready: "/-/ready", healthy: "/-/healthy",
		user:      upstreamUser,
		resources: env.Alertmanager.Resources,
		requests:  requests("10m", "64Mi"),
		mounts:    []corev1.VolumeMount{dataMount(alertmanagerData), bundleMount(), {Name: "receivers", MountPath: receiversDir, ReadOnly: true}},
	}
	if alertmanagerReplicas(env) > 1 {
		each := []string{bundle.Alertmanager}
		p.ports = append(p.ports,
			port{name: "mesh-tcp", number: meshPort, from: each},
			port{name: "mesh-udp", number: meshPort, protocol: corev1.ProtocolUDP, from: each})
	}
	return p
}

func alertmanagerArgs(repo *repolayout.Repo, env *repolayout.Environment) []string {
	args := []string{
		"--config.file=" + CurrentBundle + "/alertmanager.yml",
		"--storage.path=" + alertmanagerData,
		"--data.retention=120h",
		"--log.format=json",
	}
	replicas := alertmanagerReplicas(env)
	if replicas == 1 {
		return append(args, "--cluster.listen-address=") // no gossip
	}
	args = append(args,
		"--cluster.listen-address=[$(POD_IP)]:9094",
		"--cluster.reconnect-timeout=5m", // a pod that went comes back under another address
	)
	args = append(args, flagsFor(repo, gossipFlags(env))...)
	for i := range replicas {
		args = append(args, fmt.Sprintf("--cluster.peer=alertmanager-%d.%s:%d", i, alertmanagerHeadless, meshPort))
	}
	return args
}

// receiversVolume holds the receivers' secrets. They may come later than the
// pod, or never; Alertmanager reads a file when it notifies.
func receiversVolume(env *repolayout.Environment) corev1.Volume {
	optional := true
	return corev1.Volume{Name: "receivers", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
		SecretName: cmp.Or(env.ReceiversSecret, repolayout.DefaultEnvironment().ReceiversSecret),
		Optional:   &optional,
	}}}
}

func alertmanagerReplicas(env *repolayout.Environment) int32 {
	return cmp.Or(env.Alertmanager.Replicas, repolayout.DefaultEnvironment().Alertmanager.Replicas)
}
