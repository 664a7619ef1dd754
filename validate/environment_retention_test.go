package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSharedRetention(t *testing.T) {
	const store = "namespace: m\nobjectStore: {bucket: metrics, region: eu-west-1}\nlabels: {environment: "
	const prod, dev = store + "prod}\n", store + "dev}\n"
	found := func(line, column, a, b string) string {
		return "environments/" + a + ".yaml:" + line + ":" + column + ": error: " + a + " and " + b + ` let go of blocks in the bucket "metrics" by different rules [environment/retention] (write the same retention in both, or retain: {schedule: never} in all but one of them)`
	}
	for _, tt := range []struct {
		name, prod, dev string
		want            []string
	}{
		{"for ever, both", prod, dev, nil},
		{"one of them for ever", prod + "retention: {raw: 30d}\n", dev, []string{found("1", "1", "dev", "prod"), found("4", "12", "prod", "dev")}},
		{"the same in other words", prod + "retention: {raw: 30d, 1h: 0s, rules: [{selector: '{a=\"b\", c=\"d\"}', raw: 90d}, {selector: '{a=\"c\"}'}]}\n",
			dev + "retention: {raw: 720h, deleteDelay: 1h, rules: [{selector: '{a=\"c\"}'}, {selector: '{c=\"d\",a=\"b\"}', raw: 90d}]}\n", nil},
		{"another rule", prod + "retention: {rules: [{selector: '{a=\"b\"}', raw: 90d}]}\n", dev + "retention: {rules: [{selector: '{a=\"b\"}', raw: 91d}]}\n",
			[]string{found("4", "12", "dev", "prod"), found("4", "12", "prod", "dev")}},
		{"another bound", prod + "retention: {maxBytes: 1Ti}\n", dev + "retention: {maxBytes: 2Ti}\n",
			[]string{found("4", "12", "dev", "prod"), found("4", "12", "prod", "dev")}},
		{"one job for both", prod + "retention: {raw: 30d}\n", dev + "retain: {schedule: never}\n", nil},
		{"another prefix", prod + "retention: {raw: 30d}\n", "namespace: m\nobjectStore: {bucket: metrics, region: eu-west-1, prefix: dev}\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(check(t, repoOf(map[string]string{"environments/prod.yaml": tt.prod, "environments/dev.yaml": tt.dev})))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
