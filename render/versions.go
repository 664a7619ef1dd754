package render

import (
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// versioned is a flag that not every version of a program knows, or needs.
type versioned struct {
	flag  string
	since map[string]string // of each component, the first version with it
	until map[string]string // and the first one without it
}

// Keys of since and until beside the names of components.
const thanos = "thanos"

var prometheusFlags = []versioned{
	// From 3.0 on, Prometheus expands ${POD_NAME} in external labels by itself.
	{flag: "--enable-feature=expand-external-labels", until: map[string]string{bundle.Prometheus: "3.0.0"}},
}

// shippedFlags are Prometheus's where there is an object store.
var shippedFlags = []versioned{
	// No block is rewritten before the sidecar has shipped it, be it for tombstones or overlaps.
	{
		flag:  "--storage.tsdb.delay-compact-file.path=" + prometheusData + "/thanos.shipper.json",
		since: map[string]string{bundle.Prometheus: "3.9.0", thanos: "0.41.0"},
	},
}

// gossipFlags are Alertmanager's where there are several.
func gossipFlags(env *repolayout.Environment) []versioned {
	return []versioned{
		// Pod addresses are used again: no gossip with strangers.
		{flag: "--cluster.label=" + env.Namespace + "/" + env.Name, since: map[string]string{bundle.Alertmanager: "0.26.0"}},
	}
}

var thanosFlags = []versioned{
	{flag: "--enable-auto-gomemlimit", since: map[string]string{thanos: "0.35.0"}},
}

var storeFlags = []versioned{
	// Nobody marks blocks by way of a web page; retention is in the repo.
	{flag: "--disable-admin-operations", since: map[string]string{thanos: "0.39.0"}},
}

// flagsFor are those of the flags that the repo's versions know and need.
func flagsFor(repo *repolayout.Repo, flags []versioned) []string {
	versions := map[string]string{
		bundle.Prometheus:   prometheusImage(repo).version,
		bundle.Alertmanager: alertmanagerImage(repo).version,
		thanos:              thanosImage(repo).version,
	}
	var out []string
	for _, f := range flags {
		if f.holds(versions) {
			out = append(out, f.flag)
		}
	}
	return out
}

func (v versioned) holds(versions map[string]string) bool {
	for name, since := range v.since {
		if !atLeast(versions[name], since) {
			return false
		}
	}
	for name, until := range v.until {
		if atLeast(versions[name], until) {
			return false
		}
	}
	return true
}

// atLeast takes a version that it cannot read, such as a branch's, for a new one.
func atLeast(v, least string) bool {
	parsed, err := version.ParseGeneric(v)
	return err != nil || parsed.AtLeast(version.MustParseGeneric(least))
}
