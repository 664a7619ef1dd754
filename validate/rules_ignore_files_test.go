package validate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIgnoreInEveryFile has comments in the files that hold neither rules nor jobs.
func TestIgnoreInEveryFile(t *testing.T) {
	const (
		team   = "teams/payments/team.yaml"
		routes = "routes:\n- receivers:\n  - slack: {channel: \"#payments\", urlKey: payments-slack}\n"
		test   = "teams/payments/tests/a.yaml"
	)
	prod := func(text string) map[string]string { return map[string]string{"environments/prod.yaml": text} }
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"an owner that is nobody", map[string]string{team: "owner: nobody\n" + routes}, []string{team + ":1:8 repo/owner"}},
		{"on its line", map[string]string{team: "owner: nobody # watchbill:ignore repo/owner it is being handed over\n" + routes}, nil},
		{"above it", map[string]string{team: "# a file\n\n# watchbill:ignore repo/owner it is being handed over\nowner: nobody\n" + routes}, nil},
		{"above another key", map[string]string{team: "owner: nobody\n# watchbill:ignore repo/owner it is being handed over\n" + routes}, []string{
			team + ":1:8 repo/owner", team + ":2:1 rules/ignore",
		}},
		{"ended", map[string]string{team: "owner: nobody # watchbill:ignore repo/owner until=2020-01-31 soon\n" + routes}, []string{team + ":1:8 repo/owner"}},
		{"without a reason", map[string]string{team: "owner: nobody # watchbill:ignore repo/owner\n" + routes}, []string{
			team + ":1:8 repo/owner", team + ":1:15 rules/ignore",
		}},
		{"a group interval", map[string]string{team: "owner: payments@example.org\nroutes:\n- groupInterval: 15s\n  receivers:\n  - slack: {channel: \"#payments\", urlKey: payments-slack}\n"}, []string{
			team + ":3:18 routing/group-interval",
		}},
		{"of its route", map[string]string{team: "owner: payments@example.org\nroutes:\n# watchbill:ignore routing/group-interval it is a test\n- groupInterval: 15s\n  receivers:\n  - slack: {channel: \"#payments\", urlKey: payments-slack}\n"}, nil},
		{"of all routes", map[string]string{team: "owner: payments@example.org\nroutes: # watchbill:ignore routing/group-interval it is a test\n- severities: [critical]\n  receivers: [{slack: {channel: \"#payments\", urlKey: payments-slack}}]\n- groupInterval: 15s\n  receivers:\n  - slack: {channel: \"#payments\", urlKey: payments-slack}\n"}, nil},
		{"of the route before", map[string]string{team: "owner: payments@example.org\nroutes:\n# watchbill:ignore routing/group-interval it is a test\n- severities: [critical]\n  receivers: [{slack: {channel: \"#payments\", urlKey: payments-slack}}]\n- groupInterval: 15s\n  receivers:\n  - slack: {channel: \"#payments\", urlKey: payments-slack}\n"}, []string{
			team + ":6:18 routing/group-interval",
		}},
		{"in watchbill.yaml", map[string]string{"watchbill.yaml": "alertmanager:\n  # watchbill:ignore routing/group-interval it is a test\n  groupInterval: 15s\n"}, nil},
		{"nothing to silence in an environment", prod("# watchbill:ignore repo/name it is long\nnamespace: monitoring\n"), []string{"environments/prod.yaml:1:1 rules/ignore"}},
		{"nothing to silence in a patch", map[string]string{"patches/a.yaml": "kind: StatefulSet\nmetadata: {name: prometheus} # watchbill:ignore repo/size it is large\n"}, []string{"patches/a.yaml:2:30 rules/ignore"}},
		{"a test that fails", map[string]string{test: "tests:\n- name: a\n  promql_expr_test:\n  - {expr: vector(1), eval_time: 0s, exp_samples: [{labels: '{}', value: 2}]}\n"}, []string{
			test + ":4:5 tests/failed",
		}},
		{"of its test", map[string]string{test: "tests:\n# watchbill:ignore tests/failed until=2099-01-31 it is being mended\n- name: a\n  promql_expr_test:\n  - {expr: vector(1), eval_time: 0s, exp_samples: [{labels: '{}', value: 2}]}\n"}, nil},
		{"too few tests", map[string]string{
			"watchbill.yaml": "policies: {tests: {minCoverage: 100}}\n", ruleFile: rule + "up == 0\n    labels: {severity: critical}\n",
			team: "# watchbill:ignore tests/coverage they come next week\nowner: payments@example.org\n" + routes,
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range checkRouted(t, tt.files) {
				at, _, _ := strings.Cut(f.String(), ": ")
				if f.Check != routingProof { // there is no copy for the person on call
					got = append(got, at+" "+f.Check)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
