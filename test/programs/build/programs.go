//go:build unix

package main

import "slices"

// A program is one line of the table below: what is built, and how.
type program struct {
	name string // the name that it is asked for by, and its binary's
	dir  string // the folder of its module, from the root of the repository
	pkg  string // the package to build
	with string // a second package whose binary has to lie beside the first one's, or none
	args []string
	ours bool // built from sources of this repository, so these are part of its digest
	npm  bool // made of npm packages, by the folder's package.json and package-lock.json
}

// kubernetes is the version that test/cluster/go.mod requires. Kubernetes's programs ask each other for it.
const kubernetes = "1.36.3"

var programs = []program{
	{name: "prometheus", dir: "test/programs/prometheus", pkg: "github.com/prometheus/prometheus/cmd/prometheus", args: prometheusVersion("3.15.0")},
	{name: "promtool", dir: "test/programs/prometheus", pkg: "github.com/prometheus/prometheus/cmd/promtool", args: prometheusVersion("3.15.0")},
	{name: "alertmanager", dir: "test/programs/alertmanager", pkg: "github.com/prometheus/alertmanager/cmd/alertmanager", args: prometheusVersion("0.31.1")},
	{name: "amtool", dir: "test/programs/alertmanager", pkg: "github.com/prometheus/alertmanager/cmd/amtool", args: prometheusVersion("0.31.1")},
	{name: "thanos", dir: "test/programs/thanos", pkg: "github.com/thanos-io/thanos/cmd/thanos", args: append(prometheusVersion("0.42.4"), "-tags", "slicelabels")},
	{name: "versitygw", dir: "test/programs/versitygw", pkg: "github.com/versity/versitygw/cmd/versitygw", args: stripped("")},
	{name: "prism", dir: "test/github/npm", pkg: "@stoplight/prism-cli/dist/index.js", npm: true},
	{name: "golangci-lint", dir: "test/programs/lint", pkg: "github.com/golangci/golangci-lint/v2/cmd/golangci-lint", args: stripped("")},
	{name: "cluster", dir: "test/cluster", pkg: "./cmd/cluster", with: "./cmd/pause", args: kubernetesVersion(), ours: true},
	{name: "gitserver", dir: ".", pkg: "./test/gitserver/cmd/gitserver", args: stripped(""), ours: true},
	{name: "grafana", dir: ".", pkg: "./test/grafana/cmd/grafana", args: stripped(""), ours: true},
	{name: "watchbill", dir: ".", pkg: "./cmd/watchbill", args: stripped(""), ours: true},
	{name: "demo", dir: ".", pkg: "./test/demo", args: stripped(""), ours: true},
	{name: "unit", dir: ".", pkg: "./test/unit", args: stripped(""), ours: true},
	{name: "e2e", dir: ".", pkg: "./test/e2e/cmd/e2e", args: stripped(""), ours: true},
	{name: "bench", dir: ".", pkg: "./test/bench", args: stripped(""), ours: true},
}

// stripped are the flags that leave out the symbol table and debugging data, and whatever else the linker is to do.
func stripped(more string) []string {
	return []string{"-ldflags", "-s -w" + more}
}

// prometheusVersion sets the version as the Prometheus projects' programs know it.
func prometheusVersion(version string) []string {
	return stripped(" -X github.com/prometheus/common/version.Version=" + version)
}

// kubernetesVersion sets the version in both places that Kubernetes keeps it in.
func kubernetesVersion() []string {
	var flags string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags += " -X " + pkg + ".gitVersion=v" + kubernetes + " -X " + pkg + ".gitMajor=1 -X " + pkg + ".gitMinor=36"
	}
	return stripped(flags)
}

// find is the program of that name.
func find(name string) (program, bool) {
	at := slices.IndexFunc(programs, func(p program) bool { return p.name == name })
	if at < 0 {
		return program{}, false
	}
	return programs[at], true
}

// known are the names of all programs.
func known() []string {
	var names []string
	for _, p := range programs {
		names = append(names, p.name)
	}
	return names
}
