package render

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// External labels of ours. replicaLabel tells the replicas' series apart; alerts
// go out without it, or every alert would come once from each replica.
// shardLabel tells the shards apart, whose series and alerts are different ones.
const (
	replicaLabel = "replica"
	shardLabel   = "shard"
)

// promConfig is the part of Prometheus's configuration that is ours to write.
// Upstream's own type would write out its defaults and hide secrets.
type promConfig struct {
	Global            promGlobal   `yaml:"global"`
	RuleFiles         []string     `yaml:"rule_files"`
	ScrapeConfigFiles []string     `yaml:"scrape_config_files,omitempty"`
	Alerting          promAlerting `yaml:"alerting"`
}

type promGlobal struct {
	ScrapeInterval     repolayout.Duration `yaml:"scrape_interval,omitempty"`
	ScrapeTimeout      repolayout.Duration `yaml:"scrape_timeout,omitempty"`
	EvaluationInterval repolayout.Duration `yaml:"evaluation_interval,omitempty"`
	ExternalLabels     map[string]string   `yaml:"external_labels"`
}

type promAlerting struct {
	Relabel       []promRelabel      `yaml:"alert_relabel_configs"`
	Alertmanagers []promAlertmanager `yaml:"alertmanagers"`
}

type promRelabel struct {
	Action       string   `yaml:"action"`
	SourceLabels []string `yaml:"source_labels,omitempty,flow"`
	Separator    string   `yaml:"separator,omitempty"`
	Regex        string   `yaml:"regex,omitempty"`
	Modulus      int32    `yaml:"modulus,omitempty"`
	TargetLabel  string   `yaml:"target_label,omitempty"`
}

type promAlertmanager struct {
	StaticConfigs []promTargets `yaml:"static_configs"`
}

type promTargets struct {
	Targets []string `yaml:"targets"`
}

// PrometheusConfig is prometheus.yml, which where there are several shards is
// that of the first. The others' differ from it in what [externalLabels] and
// scrapeFiles say of the shard.
func (r *Renderer) PrometheusConfig(repo *repolayout.Repo, env *repolayout.Environment) ([]byte, error) {
	return prometheusConfig(repo, env, 0)
}

// prometheusConfig names the teams' folders and not their files, so that a file
// that comes or goes changes its team's chunk alone.
func prometheusConfig(repo *repolayout.Repo, env *repolayout.Environment, shard int32) ([]byte, error) {
	c := promConfig{
		Global: promGlobal{
			ScrapeInterval:     repo.Stack.Prometheus.ScrapeInterval,
			ScrapeTimeout:      repo.Stack.Prometheus.ScrapeTimeout,
			EvaluationInterval: repo.Stack.Prometheus.EvaluationInterval,
			ExternalLabels:     externalLabels(env, shard),
		},
		RuleFiles: []string{"bundle.rules.yaml"}, // the agent's: it says which bundle this is
		Alerting: promAlerting{
			Relabel:       []promRelabel{{Action: "labeldrop", Regex: replicaLabel}},
			Alertmanagers: []promAlertmanager{{StaticConfigs: []promTargets{{Targets: alertmanagerPods(env)}}}},
		},
	}
	scrape := "scrape/"
	if prometheusShards(env) > 1 {
		scrape = shardDir(shard) + scrape
	}
	for _, t := range repo.Teams {
		// Prometheus takes wildcards in the last part of a path only.
		c.RuleFiles = append(c.RuleFiles, "rules/"+t.Name+"/*.yaml", "rules/"+t.Name+"/"+env.Name+"/*.yaml")
		c.ScrapeConfigFiles = append(c.ScrapeConfigFiles, scrape+t.Name+"/*.yaml", scrape+t.Name+"/"+env.Name+"/*.yaml")
	}
	var out bytes.Buffer
	if err := writeYAML(&out, "", c); err != nil {
		return nil, fmt.Errorf("write %s of environment %s: %w", prometheusFile(shard), env.Name, err)
	}
	return out.Bytes(), nil
}

// externalLabels are the environment's, with the replica's name and, where
// there are several, the shard's number beside them. Prometheus expands
// environment variables in them, the pod's name here and nothing in what the
// user wrote.
func externalLabels(env *repolayout.Environment, shard int32) map[string]string {
	labels := make(map[string]string, len(env.Labels)+2)
	for name, value := range env.Labels {
		labels[name] = strings.ReplaceAll(value, "$", "$$")
	}
	labels[replicaLabel] = "${POD_NAME}"
	if prometheusShards(env) > 1 {
		labels[shardLabel] = strconv.Itoa(int(shard))
	}
	return labels
}

// alertmanagerPods are the addresses of every Alertmanager: each Prometheus
// tells all of them, and they agree on who notifies.
func alertmanagerPods(env *repolayout.Environment) []string {
	var out []string
	for i := range alertmanagerReplicas(env) {
		out = append(out, fmt.Sprintf("alertmanager-%d.%s.%s.svc:%d", i, alertmanagerHeadless, env.Namespace, alertmanagerPort))
	}
	return out
}
