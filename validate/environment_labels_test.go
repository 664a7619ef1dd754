package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSharedBuckets(t *testing.T) {
	const store = "namespace: m\nobjectStore: {bucket: metrics, region: eu-west-1}\n"
	found := func(line, column, a, b string) string {
		return "environments/" + a + ".yaml:" + line + ":" + column + ": error: " + a + " and " + b + ` write to the bucket "metrics" with the same external labels, so their blocks could not be told apart [environment/labels] (give each a label of its own, such as environment: ` + a + ", or a prefix or bucket of its own)"
	}
	for _, tt := range []struct {
		name, prod, dev string
		want            []string
	}{
		{"no labels at all", store, store, []string{found("1", "1", "dev", "prod"), found("1", "1", "prod", "dev")}},
		{"the same labels", store + "labels: {a: b, c: ''}\n", "labels:\n  a: b\n" + store, []string{found("2", "3", "dev", "prod"), found("3", "9", "prod", "dev")}},
		{"other labels", store + "labels: {a: b}\n", store + "labels: {a: c}\n", nil},
		{"one label more", store + "labels: {a: b}\n", store + "labels: {a: b, c: d}\n", nil},
		{"another bucket", store, "namespace: m\nobjectStore: {bucket: other, region: eu-west-1}\n", nil},
		{"another prefix", store, "namespace: m\nobjectStore: {bucket: metrics, region: eu-west-1, prefix: a}\n", nil},
		{"another server", store, "namespace: m\nobjectStore: {bucket: metrics, endpoint: 'https://s3.example.org'}\n", nil},
		{"the same server by another name", store, "namespace: m\nobjectStore: {bucket: metrics, endpoint: 'https://s3.eu-west-1.amazonaws.com'}\n", []string{found("1", "1", "dev", "prod"), found("1", "1", "prod", "dev")}},
		{"a retired one keeps its blocks", store + "retired: true\n", store, []string{found("1", "1", "dev", "prod"), found("1", "1", "prod", "dev")}},
		{"without a bucket", "namespace: m\n", "namespace: m\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(check(t, repoOf(map[string]string{"environments/prod.yaml": tt.prod, "environments/dev.yaml": tt.dev})))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
