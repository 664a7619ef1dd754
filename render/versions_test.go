package render

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func TestFlagsFollowTheVersion(t *testing.T) {
	env := &repolayout.Environment{
		Name: "prod", Namespace: "monitoring", ObjectStore: &repolayout.ObjectStore{Bucket: "metrics", Region: "eu-west-1"},
		Query: repolayout.QuerySpec{Replicas: 1}, Store: repolayout.StoreSpec{Shards: 1},
	}
	const (
		expand  = "--enable-feature=expand-external-labels"
		delay   = "--storage.tsdb.delay-compact-file.path=/prometheus/thanos.shipper.json"
		gossip  = "--cluster.label=monitoring/prod"
		memory  = "--enable-auto-gomemlimit"
		noAdmin = "--disable-admin-operations"
	)
	for _, c := range []struct {
		prometheus, alertmanager, thanos string
		want                             []string
	}{
		{"", "", "", []string{delay, gossip, memory, noAdmin}}, // the default versions
		{"3.9.0", "0.26.0", "0.41.0", []string{delay, gossip, memory, noAdmin}},
		{"3.8.2", "0.25.0", "0.41.0", []string{memory, noAdmin}},
		{"3.9.0", "0.31.1", "0.40.1", []string{gossip, memory, noAdmin}},
		{"2.55.1", "0.31.1", "0.38.0", []string{expand, gossip, memory}},
		{"3.0.0", "0.31.1", "0.34.1", []string{gossip}},
		{"3.9.0-rc.0", "main", "main", []string{delay, gossip, memory, noAdmin}},
	} {
		repo := &repolayout.Repo{}
		repo.Stack.Components.Prometheus.Version = c.prometheus
		repo.Stack.Components.Alertmanager.Version = c.alertmanager
		repo.Stack.Components.Thanos.Version = c.thanos
		all, err := components(repo, env)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, component := range all {
			for _, p := range component.workloads[0].programs {
				for _, flag := range []string{expand, delay, gossip, memory, noAdmin} {
					if slices.Contains(p.args, flag) && !slices.Contains(got, flag) {
						got = append(got, flag)
					}
				}
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v: %s", c, diff)
		}
	}
}

// TestVersionsAreDocumented holds the table of flags in the reference in step.
func TestVersionsAreDocumented(t *testing.T) {
	head, err := os.ReadFile("testdata/objects.head.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(string(head), "\n")
	for _, f := range slices.Concat(prometheusFlags, shippedFlags, gossipFlags(&repolayout.Environment{}), thanosFlags, storeFlags) {
		name := f.flag
		if !strings.HasPrefix(name, "--enable-feature") {
			name, _, _ = strings.Cut(name, "=")
		}
		documented := slices.ContainsFunc(rows, func(row string) bool {
			says := strings.Contains(row, "`"+name+"`")
			for _, v := range slices.Concat(slices.Collect(maps.Values(f.since)), slices.Collect(maps.Values(f.until))) {
				says = says && strings.Contains(row, v)
			}
			return says
		})
		if !documented {
			t.Errorf("testdata/objects.head.md has no row for %s with its versions", name)
		}
	}
}
