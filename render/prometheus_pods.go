package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Names and ports as kube-prometheus taught people to expect them.
const (
	prometheusHeadless = "prometheus-operated"
	prometheusData     = "/prometheus"
	prometheusPort     = 9090
	webPort            = "web"
)

func prometheusComponent(repo *repolayout.Repo, env *repolayout.Environment) (*component, error) {
	c := &component{
		name: bundle.Prometheus, pods: bundle.Prometheus,
		address:  "One address for all replicas' API and web pages.",
		headless: prometheusHeadless, bundle: true, discovers: true, store: env.ObjectStore,
	}
	sidecar, err := sidecarProgram(repo, env)
	if err != nil {
		return nil, err
	}
	agent, err := prometheusAgent(env)
	if err != nil {
		return nil, err
	}
	for shard := range prometheusShards(env) {
		w := &workload{
			of: c, name: prometheusSet(shard), shard: strconv.Itoa(int(shard)),
			description:  "Scrapes, evaluates the rules and keeps the metrics; every replica does all of it.",
			replicas:     prometheusReplicas(env),
			programs:     []program{prometheusProgram(repo, env, shard)},
			agent:        agent.of(shard),
			storage:      &env.Prometheus.Storage,
			graceSeconds: 600,
		}
		if prometheusShards(env) > 1 {
			w.description = fmt.Sprintf("Scrapes its share of the targets, shard %d, evaluates the rules over them and keeps the metrics; every replica does all of that.", shard)
		}
		if hasSidecar(env) {
			w.programs = append(w.programs, sidecar)
		}
		c.workloads = append(c.workloads, w)
	}
	return c, nil
}

func prometheusProgram(repo *repolayout.Repo, env *repolayout.Environment, shard int32) program {
	return program{
		name:  bundle.Prometheus,
		image: prometheusImage(repo).tagged(),
		args:  prometheusArgs(repo, env, shard),
		env:   []corev1.EnvVar{podName()}, // the value of the external label replica
		ports: []port{{name: webPort, number: prometheusPort, from: []string{bundle.Prometheus}, asked: true}},
		ready: "/-/ready", healthy: "/-/healthy",
		user:      upstreamUser,
		resources: env.Prometheus.Resources,
		requests:  requests("100m", "256Mi"),
		mounts:    []corev1.VolumeMount{dataMount(prometheusData), bundleMount(), tokenMount()},
	}
}

func prometheusArgs(repo *repolayout.Repo, env *repolayout.Environment, shard int32) []string {
	defaults := repolayout.DefaultEnvironment().Prometheus
	args := []string{
		"--config.file=" + CurrentBundle + "/" + prometheusFile(shard),
		"--storage.tsdb.path=" + prometheusData,
		"--storage.tsdb.retention.time=" + string(cmp.Or(env.Prometheus.Retention, defaults.Retention)),
		"--web.enable-lifecycle",
		"--log.format=json", // the daemon reads from it why a reload was refused
	}
	args = append(args, flagsFor(repo, prometheusFlags)...)
	if env.ObjectStore == nil {
		return args
	}
	block := string(cmp.Or(env.Prometheus.BlockDuration, defaults.BlockDuration))
	args = append(args,
		// Blocks are joined in the bucket and not here, or what was shipped would be shipped again.
		"--storage.tsdb.min-block-duration="+block,
		"--storage.tsdb.max-block-duration="+block,
		"--web.enable-admin-api", // the agent has the head written out before a replica goes
	)
	return append(args, flagsFor(repo, shippedFlags)...)
}

// prometheusAgent also ships where there is somewhere to ship to.
func prometheusAgent(env *repolayout.Environment) (agentSpec, error) {
	if env.ObjectStore == nil {
		return agentSpec{}, nil
	}
	store, err := objectStoreFlag(env.ObjectStore)
	return agentSpec{ships: true, args: []string{"--data-dir=" + prometheusData, store}, env: awsKeys(env.ObjectStore)}, err
}

// of is the agent of a shard. Bundles from before there was the shard have no configuration for it.
func (a agentSpec) of(shard int32) agentSpec {
	if shard > 0 {
		a.args = append(slices.Clone(a.args), "--config="+prometheusFile(shard))
	}
	return a
}

// sidecarProgram answers Thanos Query from its Prometheus, and ships each block that is done.
func sidecarProgram(repo *repolayout.Repo, env *repolayout.Environment) (program, error) {
	args := []string{
		"sidecar",
		"--tsdb.path=" + prometheusData,
		fmt.Sprintf("--prometheus.url=http://127.0.0.1:%d", prometheusPort),
	}
	p := thanosProgram(repo, "thanos-sidecar", args,
		port{name: httpPort, number: thanosHTTP, from: []string{bundle.Prometheus}},
		port{name: grpcPort, number: thanosGRPC, from: []string{thanosQuery}})
	p.requests = requests("10m", "64Mi")
	p.mounts = []corev1.VolumeMount{dataMount(prometheusData)}
	if env.ObjectStore == nil {
		return p, nil
	}
	store, err := objectStoreFlag(env.ObjectStore)
	p.args = append(p.args, store)
	p.env = awsKeys(env.ObjectStore)
	return p, err
}

// prometheusSet is the name of the StatefulSet of a shard.
func prometheusSet(shard int32) string {
	if shard == 0 {
		return bundle.Prometheus
	}
	return fmt.Sprintf("%s-shard-%d", bundle.Prometheus, shard)
}

// prometheusFile is the configuration of a shard, in the bundle of all of them.
func prometheusFile(shard int32) string { return prometheusSet(shard) + ".yml" }

// prometheusPods are the names of every replica of every shard.
func prometheusPods(env *repolayout.Environment) []string {
	var out []string
	for shard := range prometheusShards(env) {
		for i := range prometheusReplicas(env) {
			out = append(out, fmt.Sprintf("%s-%d", prometheusSet(shard), i))
		}
	}
	return slices.Clip(out)
}

func prometheusShards(env *repolayout.Environment) int32 {
	return max(1, cmp.Or(env.Prometheus.Shards, repolayout.DefaultEnvironment().Prometheus.Shards))
}

func prometheusReplicas(env *repolayout.Environment) int32 {
	return cmp.Or(env.Prometheus.Replicas, repolayout.DefaultEnvironment().Prometheus.Replicas)
}
