package render

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Names and ports as kube-prometheus taught people to expect them.
const (
	prometheusHeadless   = "prometheus-operated"
	alertmanagerHeadless = "alertmanager-operated"

	webPort          = "web"
	prometheusPort   = 9090
	alertmanagerPort = 9093
	meshPort         = 9094
)

var componentLabels = map[string]string{bundle.Prometheus: "prometheus", bundle.Alertmanager: "alert-router"}

const (
	bundleDir     = "/etc/watchbill/bundle" // the agent keeps bundles here
	currentBundle = bundleDir + "/current"  // and this link on the one in use
)

// workload is what tells Prometheus and Alertmanager apart; all else about
// their pods is the same.
type workload struct {
	name         string // of the component, its objects and its main container
	description  string
	headless     string // name of the headless Service
	image        string
	args         []string
	env          []corev1.EnvVar
	port         int32 // of the API and the web pages
	mesh         bool  // the replicas gossip
	replicas     int32
	dataDir      string
	storage      repolayout.Storage
	resources    repolayout.Resources
	requests     corev1.ResourceList // where resources say nothing
	graceSeconds int64
	volumes      []corev1.Volume
	mounts       []corev1.VolumeMount
	discovers    bool // it asks the API server what there is to scrape
}

func prometheusWorkload(repo *repolayout.Repo, env *repolayout.Environment) *workload {
	defaults := repolayout.DefaultEnvironment().Prometheus
	return &workload{
		name:        bundle.Prometheus,
		description: "Scrapes, evaluates the rules and keeps the metrics; every replica does all of it.",
		headless:    prometheusHeadless,
		image:       imageOf(repo.Stack.Components.Prometheus, repolayout.DefaultStack().Components.Prometheus),
		args: []string{
			"--config.file=" + currentBundle + "/prometheus.yml",
			"--storage.tsdb.path=/prometheus",
			"--storage.tsdb.retention.time=" + string(cmp.Or(env.Prometheus.Retention, defaults.Retention)),
			"--web.enable-lifecycle",
			"--log.format=json", // the daemon reads from it why a reload was refused
		},
		env:          []corev1.EnvVar{podName()}, // the value of the external label replica
		port:         prometheusPort,
		replicas:     prometheusReplicas(env),
		dataDir:      "/prometheus",
		storage:      env.Prometheus.Storage,
		resources:    env.Prometheus.Resources,
		requests:     corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("256Mi")},
		graceSeconds: 600,
		discovers:    true,
	}
}

func alertmanagerWorkload(repo *repolayout.Repo, env *repolayout.Environment) *workload {
	return &workload{
		name:         bundle.Alertmanager,
		description:  "Groups, silences and routes alerts, and tells people; the replicas gossip so that each notification goes out once.",
		headless:     alertmanagerHeadless,
		image:        imageOf(repo.Stack.Components.Alertmanager, repolayout.DefaultStack().Components.Alertmanager),
		args:         alertmanagerArgs(env),
		env:          []corev1.EnvVar{fromField("POD_IP", "status.podIP")},
		port:         alertmanagerPort,
		mesh:         alertmanagerReplicas(env) > 1,
		replicas:     alertmanagerReplicas(env),
		dataDir:      "/alertmanager",
		storage:      env.Alertmanager.Storage,
		resources:    env.Alertmanager.Resources,
		requests:     corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
		graceSeconds: 120,
		volumes:      []corev1.Volume{receiversVolume(env)},
		mounts:       []corev1.VolumeMount{{Name: "receivers", MountPath: receiversDir, ReadOnly: true}},
	}
}

func alertmanagerArgs(env *repolayout.Environment) []string {
	args := []string{
		"--config.file=" + currentBundle + "/alertmanager.yml",
		"--storage.path=/alertmanager",
		"--data.retention=120h",
		"--log.format=json",
	}
	replicas := alertmanagerReplicas(env)
	if replicas == 1 {
		return append(args, "--cluster.listen-address=") // no gossip
	}
	args = append(args,
		"--cluster.listen-address=[$(POD_IP)]:9094",
		"--cluster.label="+env.Namespace+"/"+env.Name, // pod addresses are used again: no gossip with strangers
		"--cluster.reconnect-timeout=5m",              // a pod that went comes back under another address
	)
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

func imageOf(c, defaults repolayout.Component) string {
	return cmp.Or(c.Image, defaults.Image) + ":v" + cmp.Or(c.Version, defaults.Version)
}

func probe(path, port string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:     corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString(port)}},
		PeriodSeconds:    period,
		TimeoutSeconds:   3,
		FailureThreshold: failures,
	}
}

func podName() corev1.EnvVar { return fromField("POD_NAME", "metadata.name") }

func fromField(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}
