package validate

import (
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/kubernetes"
)

// discoveredBy are targets as one source of a job finds them, before relabelling.
type discoveredBy struct {
	source string // for people
	labels abstractLabels
}

// discovered is what each source of a job can find: of static targets each as it
// is, of any other service discovery one that stands for all.
func discovered(job *config.ScrapeConfig) (targets []discoveredBy) {
	for _, sd := range job.ServiceDiscoveryConfigs {
		static, ok := sd.(discovery.StaticConfig)
		if !ok {
			targets = append(targets, discoveredBy{discoveryName(sd), dynamicLabels(job, sd)})
			continue
		}
		for _, group := range static {
			for _, target := range group.Targets {
				targets = append(targets, discoveredBy{"static_configs", staticLabels(job, target, group.Labels)})
			}
		}
	}
	return targets
}

func staticLabels(job *config.ScrapeConfig, target, group model.LabelSet) abstractLabels {
	named := map[string]possible{}
	for _, set := range []model.LabelSet{group, target} {
		for name, value := range set {
			named[string(name)] = exactly(string(value))
		}
	}
	for name, value := range jobLabels(job) {
		if p, ok := named[name]; !ok || p.isEmpty() {
			named[name] = exactly(value)
		}
	}
	return abstractLabels{named: named, rest: notThere}
}

func notThere(string) possible { return exactly("") }
func anything(string) possible { return possible{any: true} }

// jobLabels are those that a target gets from its job where its discovery sets none.
func jobLabels(job *config.ScrapeConfig) map[string]string {
	set := map[string]string{
		model.JobLabel:            job.JobName,
		model.ScrapeIntervalLabel: job.ScrapeInterval.String(),
		model.ScrapeTimeoutLabel:  job.ScrapeTimeout.String(),
		model.MetricsPathLabel:    job.MetricsPath,
		model.SchemeLabel:         job.Scheme,
	}
	for name, values := range job.Params {
		if len(values) > 0 {
			set[model.ParamLabelPrefix+name] = values[0]
		}
	}
	for i, on := range []bool{
		job.ConvertClassicHistogramsToNHCBEnabled(), job.AlwaysScrapeClassicHistogramsEnabled(), job.ScrapeNativeHistogramsEnabled(),
	} {
		set[classicLabels[i]] = strconv.FormatBool(on)
	}
	return set
}

// classicLabels are those that say how the histograms of a target are scraped.
var classicLabels = [...]string{"__convert_classic_histograms_to_nhcb__", "__always_scrape_classic_histograms__", "__scrape_native_histograms__"}

// dynamicLabels are those of any target of a service discovery.
func dynamicLabels(job *config.ScrapeConfig, sd discovery.Config) abstractLabels {
	prefixes := metaPrefixes(sd)
	if prefixes == nil {
		return abstractLabels{named: map[string]possible{}, rest: anything, open: []string{""}}
	}
	named := map[string]possible{
		model.AddressLabel:  {any: true, nonEmpty: true},
		model.InstanceLabel: {any: true}, // some set it
	}
	for name, value := range jobLabels(job) {
		named[name] = exactly(value)
	}
	return abstractLabels{named: named, open: prefixes, rest: func(name string) possible {
		for _, prefix := range prefixes {
			if strings.HasPrefix(name, prefix) {
				return possible{any: true}
			}
		}
		return exactly("")
	}}
}

// metaPrefixes are what the labels of a service discovery begin with. It is nil
// for those that set labels of any name.
func metaPrefixes(sd discovery.Config) []string {
	switch name := sd.Name(); name {
	case "file", "http", "kuma", "uyuni":
		return nil
	case "kubernetes":
		k, ok := sd.(*kubernetes.SDConfig)
		if !ok {
			return []string{model.MetaLabelPrefix + "kubernetes_"}
		}
		return kubernetesPrefixes(k)
	case "azure", "consul", "digitalocean", "dns", "docker", "dockerswarm", "ec2", "ecs", "elasticache", "eureka", "gce",
		"hetzner", "ionos", "lightsail", "linode", "marathon", "msk", "nerve", "nomad", "oci", "openstack", "outscale",
		"ovhcloud", "puppetdb", "rds", "scaleway", "serverset", "stackit", "triton", "vultr":
		return []string{model.MetaLabelPrefix + name + "_"}
	}
	return nil
}

// kubernetesPrefixes are those of a role, which has the labels of what it finds and of what that belongs to.
func kubernetesPrefixes(sd *kubernetes.SDConfig) []string {
	kinds := []string{"namespace"}
	switch sd.Role {
	case kubernetes.RoleNode:
		kinds = []string{"node_"}
	case kubernetes.RolePod:
		kinds = append(kinds, "pod_")
	case kubernetes.RoleService:
		kinds = append(kinds, "service_")
	case kubernetes.RoleIngress:
		kinds = append(kinds, "ingress_")
	case kubernetes.RoleEndpoint:
		kinds = append(kinds, "endpoint_", "endpoints_", "service_", "pod_")
	case kubernetes.RoleEndpointSlice:
		kinds = append(kinds, "endpointslice_", "service_", "pod_")
	default:
		kinds = []string{""}
	}
	if sd.AttachMetadata.Node {
		kinds = append(kinds, "node_")
	}
	prefixes := make([]string, len(kinds))
	for i, kind := range kinds {
		prefixes[i] = model.MetaLabelPrefix + "kubernetes_" + kind
	}
	return prefixes
}

// discoveryName is how a service discovery is written in a scrape file.
func discoveryName(sd discovery.Config) string {
	name := sd.Name() + "_sd_configs"
	if k, ok := sd.(*kubernetes.SDConfig); ok {
		name += " with the role " + string(k.Role)
	}
	return name
}
