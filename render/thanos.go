package render

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// Names and ports as kube-thanos taught people to expect them.
const (
	httpPort   = "http"
	grpcPort   = "grpc"
	queryHTTP  = 9090  // of those that people ask
	thanosHTTP = 10902 // of the others
	thanosGRPC = 10901
	storeData  = "/var/thanos/store"
)

// thanosProgram is one of the programs that Thanos is. The first of its ports is the HTTP one.
func thanosProgram(repo *repolayout.Repo, name string, args []string, ports ...port) program {
	args = append(args, "--log.format=json")
	for _, p := range ports {
		args = append(args, fmt.Sprintf("--%s-address=:%d", p.name, p.number))
	}
	return program{
		name: name, image: thanosImage(repo).tagged(), args: append(args, flagsFor(repo, thanosFlags)...),
		ports: ports, ready: "/-/ready", healthy: "/-/healthy", user: upstreamUser,
	}
}

func queryComponent(repo *repolayout.Repo, env *repolayout.Environment) *component {
	c := &component{name: thanosQuery, pods: thanosQuery, address: "One address for all replicas' API and web pages."}
	http := port{name: httpPort, number: queryHTTP, from: askers(env, thanosQuery), asked: true}
	if hasFrontend(env) {
		http.from = append(http.from, thanosFrontend)
	}
	args := []string{
		"query",
		"--query.replica-label=" + replicaLabel,
		"--query.auto-downsampling",
		"--query.timeout=2m",
		"--store.response-timeout=1m", // one store that hangs must not take a query's whole time
		"--store.sd-dns-interval=10s", // who comes or goes is seen by the next look
		endpoint(env, prometheusHeadless),
	}
	if hasStore(env) {
		args = append(args, endpoint(env, thanosStore))
	}
	p := thanosProgram(repo, thanosQuery, args, http, port{name: grpcPort, number: thanosGRPC})
	p.resources, p.requests = env.Query.Resources, requests("50m", "128Mi")
	c.workloads = []*workload{{
		of: c, name: thanosQuery, replicas: env.Query.Replicas, programs: []program{p}, graceSeconds: 120,
		description: "Answers PromQL from every Prometheus and every store at once, each series once however many replicas scrape it.",
	}}
	return c
}

// endpoint finds every pod behind a headless Service that answers Thanos's queries, by the records of its port.
func endpoint(env *repolayout.Environment, service string) string {
	return fmt.Sprintf("--endpoint=dnssrv+_%s._tcp.%s.%s.svc", grpcPort, service, env.Namespace)
}

func frontendComponent(repo *repolayout.Repo, env *repolayout.Environment) (*component, error) {
	c := &component{name: thanosFrontend, pods: thanosFrontend, address: "One address for all replicas' API."}
	size := cmp.Or(env.Query.Frontend.CacheSize, repolayout.DefaultEnvironment().Query.Frontend.CacheSize)
	bytes, err := bytesOf("cache size", size)
	if err != nil {
		return nil, err
	}
	cache, err := yamlFlag("--query-range.response-cache-config", inMemory(map[string]string{"max_size": sized(bytes)}))
	if err != nil {
		return nil, err
	}
	args := []string{
		"query-frontend",
		fmt.Sprintf("--query-frontend.downstream-url=http://%s.%s.svc:%d", thanosQuery, env.Namespace, queryHTTP),
		"--query-frontend.compress-responses",
		cache,
	}
	p := thanosProgram(repo, thanosFrontend, args, port{name: httpPort, number: queryHTTP, from: askers(env, thanosFrontend)})
	p.resources, p.requests = env.Query.Frontend.Resources, withCache("50m", 64<<20, bytes)
	c.workloads = []*workload{{
		of: c, name: thanosFrontend, replicas: env.Query.Frontend.Replicas, programs: []program{p}, graceSeconds: 120,
		description: "Splits queries of long ranges by the day, asks Thanos Query, and remembers the answers.",
	}}
	return c, nil
}

func storeComponent(repo *repolayout.Repo, env *repolayout.Environment) (*component, error) {
	c := &component{name: thanosStore, pods: thanosStore, headless: thanosStore, store: env.ObjectStore}
	for shard := range env.Store.Shards {
		p, err := storeProgram(repo, env, shard)
		if err != nil {
			return nil, err
		}
		c.workloads = append(c.workloads, &workload{
			of: c, name: fmt.Sprintf("%s-%d", thanosStore, shard), shard: strconv.Itoa(int(shard)),
			description:  fmt.Sprintf("Answers queries from the bucket's blocks, those whose hash comes to %d of %d.", shard, env.Store.Shards),
			replicas:     cmp.Or(env.Store.Replicas, repolayout.DefaultEnvironment().Store.Replicas),
			programs:     []program{p},
			storage:      &env.Store.Storage,
			cache:        true,
			graceSeconds: 120,
		})
	}
	return c, nil
}

func storeProgram(repo *repolayout.Repo, env *repolayout.Environment, shard int32) (program, error) {
	store, err := objectStoreFlag(env.ObjectStore)
	if err != nil {
		return program{}, err
	}
	bytes, err := bytesOf("index cache", cmp.Or(env.Store.IndexCache, repolayout.DefaultEnvironment().Store.IndexCache))
	if err != nil {
		return program{}, err
	}
	cache, err := yamlFlag("--index-cache.config", inMemory(map[string]string{
		"max_size": sized(bytes), "max_item_size": sized(min(bytes, 125<<20)), // which may not be more
	}))
	if err != nil {
		return program{}, err
	}
	ignored, err := halfOf(deleteDelay(env))
	if err != nil {
		return program{}, err
	}
	args := []string{"store", "--data-dir=" + storeData, store, cache,
		"--ignore-deletion-marks-delay=" + ignored, // no longer asked well before they go
		"--sync-block-duration=" + string(cmp.Or(env.Store.SyncInterval, repolayout.DefaultEnvironment().Store.SyncInterval)),
	}
	if env.Store.Shards > 1 {
		selector, err := yamlFlag("--selector.relabel-config", blockShard(shard, env.Store.Shards))
		if err != nil {
			return program{}, err
		}
		args = append(args, selector)
	}
	p := thanosProgram(repo, thanosStore, append(args, flagsFor(repo, storeFlags)...),
		port{name: httpPort, number: thanosHTTP, from: []string{bundle.Prometheus}, asked: true},
		port{name: grpcPort, number: thanosGRPC, from: []string{thanosQuery}})
	p.env = awsKeys(env.ObjectStore)
	p.resources, p.requests = env.Store.Resources, withCache("50m", 256<<20, bytes)
	p.mounts = []corev1.VolumeMount{dataMount(storeData)}
	return p, nil
}

// blockShard keeps of all blocks those of one shard.
func blockShard(shard, shards int32) []promRelabel {
	return []promRelabel{
		{SourceLabels: []string{"__block_id"}, TargetLabel: "__tmp_shard", Modulus: shards, Action: "hashmod"},
		{SourceLabels: []string{"__tmp_shard"}, Regex: strconv.Itoa(int(shard)), Action: "keep"},
	}
}

// inMemory is a cache's configuration in Thanos's format.
func inMemory(config map[string]string) map[string]any {
	return map[string]any{"type": "IN-MEMORY", "config": config}
}

func sized(bytes int64) string { return fmt.Sprintf("%dB", bytes) }

// withCache are the requests of a program that holds a cache beside all else.
func withCache(cpu string, memory, cache int64) corev1.ResourceList {
	return requests(cpu, fmt.Sprintf("%dMi", (memory+cache)>>20))
}

func halfOf(d repolayout.Duration) (string, error) {
	parsed, err := model.ParseDuration(string(d))
	if err != nil {
		return "", fmt.Errorf("deletion delay %q: %w", d, err)
	}
	return model.Duration(time.Duration(parsed) / 2).String(), nil
}
