package render

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const (
	agentPort     = 9533
	agentPortName = "agent"

	bundleDir = "/etc/watchbill/bundle" // the agent keeps bundles here
	// CurrentBundle is the link on the one in use; components know their files by it.
	CurrentBundle = bundleDir + "/current"
)

// agentSpec is what a workload's agent does beside delivering bundles, and what it needs for that.
type agentSpec struct {
	ships bool // it ships blocks, and hands the head over before the pod goes
	args  []string
	env   []corev1.EnvVar
}

// agentPorts says who may ask an agent: Prometheus for metrics, the daemon for
// proof, and the jobs for what is on the volume.
func agentPorts(c *component) port {
	p := port{name: agentPortName, number: agentPort, from: []string{bundle.Prometheus}, daemon: true}
	if c.name == bundle.Prometheus && c.store != nil {
		p.from = append(p.from, jobPods)
	}
	return p
}

// agent delivers bundles to the component beside it. One that ships is the same
// user as the program whose volume it shares, so that it can clear away the
// snapshots that it asks for.
func (r *Renderer) agent(w *workload) *program {
	p := &program{
		name:  "agent",
		image: r.opts.AgentImage,
		args: slices.Concat([]string{
			"agent",
			"--component=" + w.of.name,
			"--dir=" + bundleDir,
			fmt.Sprintf("--url=http://127.0.0.1:%d", w.programs[0].ports[0].number),
			fmt.Sprintf("--listen=:%d", agentPort),
		}, w.agent.args),
		ports:   []port{agentPorts(w.of)},
		ready:   "/readyz",
		healthy: "/healthz",
		user:    agentUser,
		// The agent holds a few chunks at a time, however large the bundle.
		resources: agentMemory("48Mi", "128Mi"),
		mounts:    []corev1.VolumeMount{{Name: "bundle", MountPath: bundleDir}, tokenMount()},
	}
	collect := "40MiB" // early: what it holds is small but for the moment of a delivery
	if w.agent.ships {
		p.user = upstreamUser
		p.resources, collect = agentMemory("64Mi", "384Mi"), "160MiB" // uploads are buffered in parts
		p.mounts = append(p.mounts, dataMount(prometheusData))
	}
	p.env = append([]corev1.EnvVar{
		podName(),
		fromField("WATCHBILL_NAMESPACE", "metadata.namespace"),
		{Name: "GOMEMLIMIT", Value: collect},
	}, w.agent.env...)
	return p
}

func agentMemory(request, limit string) repolayout.Resources {
	return repolayout.Resources{
		Requests: map[string]string{"cpu": "10m", "memory": request},
		Limits:   map[string]string{"memory": limit},
	}
}
