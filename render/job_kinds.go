package render

import (
	"cmp"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const (
	binaryDir  = "/watchbill" // where the job that runs in Thanos's image finds watchbill
	scratchDir = "/scratch"

	// scratchLimit bounds a job's use of its node's disk where no volume is asked for.
	scratchLimit = "50Gi"
)

func (r *Renderer) works(repo *repolayout.Repo, env *repolayout.Environment) ([]work, error) {
	compact, err := r.compactWork(repo, env)
	if err != nil {
		return nil, err
	}
	retain, err := r.retainWork(env)
	return []work{compact, retain, r.shipWork(env)}, err
}

func (r *Renderer) shipWork(env *repolayout.Environment) work {
	args := []string{"job", Ship}
	for _, pod := range prometheusPods(env) {
		args = append(args, fmt.Sprintf("--replica=http://%s.%s.%s.svc:%d", pod, prometheusHeadless, env.Namespace, agentPort))
	}
	return work{
		kind:        Ship,
		description: "Checks that what is on the volumes of Prometheus is in the bucket, and has what is missing uploaded.",
		timing:      timingOf(env.Ship), defaults: timingOf(repolayout.DefaultEnvironment().Ship),
		main: r.watchbill(Ship, args, env.Ship.Resources, requests("10m", "32Mi")),
	}
}

func (r *Renderer) retainWork(env *repolayout.Environment) (work, error) {
	store, err := objectStoreFlag(env.ObjectStore)
	if err != nil {
		return work{}, err
	}
	retention := env.Retention
	retention.DeleteDelay = deleteDelay(env)
	policy, err := yaml.Marshal(retention)
	if err != nil {
		return work{}, fmt.Errorf("write the retention of environment %s: %w", env.Name, err)
	}
	main := r.watchbill(Retain, []string{
		"job", Retain, store,
		"--retention.config=" + literal(string(policy)),
		"--downsample=" + strconv.FormatBool(downsamples(env)),
		"--holder=$(POD_NAME)",
	}, env.Retain.Resources, requests("50m", "64Mi"))
	main.env = append(main.env, awsKeys(env.ObjectStore)...)
	return work{
		kind:        Retain,
		description: "Lets go of the blocks in the bucket that the environment's retention keeps no longer.",
		timing:      timingOf(env.Retain), defaults: timingOf(repolayout.DefaultEnvironment().Retain),
		main: main,
	}, nil
}

// compactWork runs Thanos's own compactor, in its own image. Watchbill's binary
// is put beside it, to hold the lock meanwhile and to say how it ended.
func (r *Renderer) compactWork(repo *repolayout.Repo, env *repolayout.Environment) (work, error) {
	store, err := objectStoreFlag(env.ObjectStore)
	if err != nil {
		return work{}, err
	}
	scratch, err := scratchVolume(env.Compact.Scratch)
	if err != nil {
		return work{}, err
	}
	args := []string{
		"job", Compact, "--thanos=/bin/thanos", store,
		"--data-dir=" + scratchDir,
		"--downsample=" + strconv.FormatBool(downsamples(env)),
		"--delete-delay=" + string(deleteDelay(env)),
		"--holder=$(POD_NAME)",
	}
	for _, s := range env.Compact.Selectors {
		args = append(args, "--selector="+literal(s))
	}
	main := r.watchbill(Compact, args, env.Compact.Resources, requests("100m", "256Mi"))
	main.image, main.command = thanosImage(repo).tagged(), []string{binaryDir + "/watchbill"}
	main.env = append(main.env, awsKeys(env.ObjectStore)...)
	main.mounts = []corev1.VolumeMount{{Name: "scratch", MountPath: scratchDir}, {Name: "binary", MountPath: binaryDir, ReadOnly: true}}

	install := r.watchbill("install", []string{"job", "install", binaryDir}, repolayout.Resources{}, requests("10m", "32Mi"))
	install.mounts = []corev1.VolumeMount{{Name: "binary", MountPath: binaryDir}}
	return work{
		kind:        Compact,
		description: "Joins and downsamples the blocks in the bucket, one run at a time on one bucket.",
		timing:      compactTiming(env.Compact), defaults: compactTiming(repolayout.DefaultEnvironment().Compact),
		prepare: []program{install}, main: main,
		volumes: []corev1.Volume{emptyDir("binary"), scratch},
	}, nil
}

// watchbill is a program of our own that ends by itself.
func (r *Renderer) watchbill(name string, args []string, resources repolayout.Resources, defaults corev1.ResourceList) program {
	return program{
		name: name, image: r.opts.AgentImage, args: args, user: upstreamUser,
		env:       []corev1.EnvVar{podName()},
		resources: resources, requests: defaults,
	}
}

// scratchVolume comes and goes with the job's pod.
func scratchVolume(s repolayout.Storage) (corev1.Volume, error) {
	if s.Size == "" {
		v, limit := emptyDir("scratch"), resource.MustParse(scratchLimit)
		v.EmptyDir.SizeLimit = &limit
		return v, nil
	}
	spec, err := claimSpec(s)
	return corev1.Volume{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
		VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{ObjectMeta: metav1.ObjectMeta{}, Spec: spec},
	}}}, err
}

func downsamples(env *repolayout.Environment) bool {
	return *cmp.Or(env.Compact.Downsample, repolayout.DefaultEnvironment().Compact.Downsample)
}

func deleteDelay(env *repolayout.Environment) repolayout.Duration {
	return cmp.Or(env.Retention.DeleteDelay, repolayout.DefaultEnvironment().Retention.DeleteDelay)
}
