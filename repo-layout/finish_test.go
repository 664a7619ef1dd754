package repolayout

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const bucket = "objectStore: {bucket: abc, region: eu-west-1}\n"

// TestFinishEnvironment goes through what keys say of each other. The first line of each is the namespace.
func TestFinishEnvironment(t *testing.T) {
	tests := []struct {
		name, content string
		want          []string
	}{
		{"parts that need no other", "query: {replicas: 2, frontend: {cacheSize: 1Gi}}\nstore: {indexCache: 1Gi}\ngrafana: {secret: a}\ntimeZone: Asia/Tokyo\n", nil},
		{"no query", "query: {frontend: {replicas: 1}}\ngrafana: {replicas: 2}\n", []string{
			"2:30: layout/contradiction: query.frontend.replicas: there is no Thanos Query behind the frontend | set query.replicas to 1 or more",
			"3:21: layout/contradiction: grafana.replicas: there is no Thanos Query that Grafana could ask | set query.replicas to 1 or more",
		}},
		{"no object store", "store: {shards: 1}\nship: {}\ncompact: {schedule: never}\nretain: {}\nretention: {raw: 1d}\nretired: true\n", []string{
			"2:17: layout/contradiction: store.shards: there is no objectStore to answer from | add objectStore, or leave store out",
			"3:7: layout/contradiction: ship: there is no objectStore to work on | add objectStore, or leave ship out",
			"4:10: layout/contradiction: compact: there is no objectStore to work on | add objectStore, or leave compact out",
			"5:9: layout/contradiction: retain: there is no objectStore to work on | add objectStore, or leave retain out",
			"6:12: layout/contradiction: retention: there is no objectStore to work on | add objectStore, or leave retention out",
			"7:10: layout/contradiction (warning): retired: there is no objectStore, so the samples of the environment are lost | add objectStore first, if they are to be kept",
		}},
		{"a bucket nowhere", "objectStore:\n  bucket: abc\n", []string{
			"3:3: layout/contradiction: objectStore: neither endpoint nor region says where the bucket is | add region for AWS, or endpoint for another server",
		}},
		{"a key for what takes none", "objectStore: {bucket: abc, region: a, encryption: {type: SSE-S3, kmsKey: a}}\n", []string{
			"2:74: layout/contradiction: objectStore.encryption.kmsKey: SSE-S3 uses no key of one's own | make the type SSE-KMS, or leave the key out",
		}},
		{"no key for what takes one", "objectStore: {bucket: abc, region: a, encryption: {type: SSE-KMS}}\n", []string{
			`2:51: layout/missing-key: the key "kmsKey" is missing in objectStore.encryption | Thanos does not take SSE-KMS without a key`,
		}},
		{"requests of everything", bucket + `query: {resources: &r {requests: {cpu: "2"}, limits: {cpu: "1"}}, frontend: {resources: *r}}
store: {resources: *r}
grafana: {resources: *r}
ship: {resources: *r}
compact: {resources: *r}
retain: {resources: *r}
`, []string{
			over("compact"), over("grafana"), over("query.frontend"), over("query"), over("retain"), over("ship"), over("store"),
		}},
		{"blocks that go before they are shipped", bucket + "prometheus: {retention: 5h}\n", []string{
			"3:25: layout/contradiction: prometheus.retention: 5h is less than three times blockDuration, 2h, so blocks could go before they are shipped | keep at least three blocks: one that is written, one that is shipped, and one to spare",
		}},
		{"long blocks", bucket + "prometheus: {blockDuration: 6d}\n", []string{
			"3:29: layout/bad-value: prometheus.blockDuration: blocks of 6d do not fit the ranges of 2h and 8h that they are joined to | write 2h, or what it is a whole multiple of, such as 30m",
			"3:29: layout/contradiction: prometheus.retention: 15d is less than three times blockDuration, 6d, so blocks could go before they are shipped | keep at least three blocks: one that is written, one that is shipped, and one to spare",
		}},
		{"blocks across ranges", bucket + "prometheus: {blockDuration: 50m}\n", []string{
			"3:29: layout/bad-value: prometheus.blockDuration: blocks of 50m do not fit the ranges of 2h and 8h that they are joined to | write 2h, or what it is a whole multiple of, such as 30m",
		}},
		{"tiny blocks", bucket + "prometheus: {blockDuration: 1s}\n", []string{
			"3:29: layout/bad-value: prometheus.blockDuration: blocks of 1s do not fit the ranges of 2h and 8h that they are joined to | write 2h, or what it is a whole multiple of, such as 30m",
		}},
		{"blocks that fit", bucket + "prometheus: {blockDuration: 1m, retention: 3m}\n", nil},
		{"blocks of a volume alone", "prometheus: {blockDuration: 50m, retention: 1h}\n", nil},
		{"ages that Thanos refuses", bucket + "retention:\n  raw: 39h\n  5m: 239h\n  rules:\n  - {selector: '{a=\"b\"}', raw: 1d, 5m: 9d}\nprometheus: {retention: 1d}\n", []string{
			"4:8: layout/contradiction: retention.raw: 39h is less than the 40h after which blocks of 5m are made of the raw ones | keep raw blocks for 40h or more, or set compact.downsample to false",
			"5:7: layout/contradiction: retention.5m: 239h is less than the 10d after which blocks of 1h are made of those of 5m | keep blocks of 5m for 10d or more, or set compact.downsample to false",
			"7:32: layout/contradiction: retention.rules[0].raw: 1d is less than the 40h after which blocks of 5m are made of the raw ones | keep raw blocks for 40h or more, or set compact.downsample to false",
			"7:40: layout/contradiction: retention.rules[0].5m: 9d is less than the 10d after which blocks of 1h are made of those of 5m | keep blocks of 5m for 10d or more, or set compact.downsample to false",
		}},
		{"short ages without downsampling", bucket + "compact: {downsample: false}\nretention: {raw: 1d}\nprometheus: {retention: 1d}\n", nil},
		{"ages of what is not made", bucket + "compact: {downsample: false}\nretention: {raw: 90d, 1h: 1y, rules: [{selector: '{a=\"b\"}', 5m: 1y}]}\n", []string{
			"4:27: layout/contradiction (warning): retention.1h: no such blocks are made, as compact.downsample is false | set compact.downsample to true, or leave the age out",
			"4:65: layout/contradiction (warning): retention.rules[0].5m: no such blocks are made, as compact.downsample is false | set compact.downsample to true, or leave the age out",
		}},
		{"coarse blocks that go first", bucket + "retention:\n  5m: 30d\n  rules:\n  - {selector: '{a=\"b\"}', raw: 30d, 5m: 90d, 1h: 60d}\n", []string{
			"4:7: layout/contradiction (warning): retention.5m: blocks of 5m go before the raw ones that they summarise | coarser blocks are small: keep them longer than the finer ones",
			"6:50: layout/contradiction (warning): retention.rules[0].1h: blocks of 1h go before those of 5m that they summarise | coarser blocks are small: keep them longer than the finer ones",
		}},
		{"for ever", bucket + "retention: {raw: 0s, 5m: 0, 1h: 0s, rules: [{selector: '{a=\"b\"}'}]}\n", []string{
			"3:26: layout/wrong-type: retention.5m should be text, but is the number 0 | put it in quotes: \"0\"",
		}},
		{"one selector twice", bucket + "retention:\n  rules:\n  - selector: '{a=\"b\", c!~\"d\"}'\n  - selector: '{c!~\"d\",a=\"b\",a=\"b\"}'\n", []string{
			"6:15: layout/contradiction: retention.rules[1].selector: retention.rules[0] has the same | make one rule of the two",
		}},
		{"a bucket that forgets before the volume", bucket + "retention: {raw: 7d}\n", []string{
			"3:18: layout/contradiction: retention.raw: 7d is less than prometheus.retention, 15d, so blocks would go from the bucket and be shipped again | keep raw blocks as long as the volume does, or shorten prometheus.retention",
		}},
		{"by a rule for itself, of which the longest holds", bucket + "labels: {env: prod}\nretention:\n  raw: 1y\n  rules:\n  - {selector: '{env=\"dev\"}', raw: 2d}\n  - {selector: '{env=~\"prod|test\"}', raw: 3d}\n  - {selector: '{env!=\"dev\"}', raw: 4d}\n", []string{
			"9:37: layout/contradiction: retention.rules[2].raw: 4d is less than prometheus.retention, 15d, so blocks would go from the bucket and be shipped again | keep raw blocks as long as the volume does, or shorten prometheus.retention",
		}},
		{"a rule for itself that keeps", bucket + "labels: {env: prod}\nretention:\n  raw: 2d\n  rules: [{selector: '{env=\"prod\"}', raw: 30d}]\n", nil},
		{"no delay", bucket + "retention: {deleteDelay: 0s}\n", []string{
			"3:26: layout/bad-value: retention.deleteDelay: without a delay, blocks would go while they are read | leave it out for 48h; Thanos Store and a running compaction read a marked block for some hours yet",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range parseOwnDocument("environment", "namespace: a\n"+tt.content) {
				got = append(got, strings.TrimPrefix(line(p), "f:"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func over(what string) string {
	return "3:40: layout/bad-value: " + what + ".resources: the request 2 of cpu is more than its limit 1 | ask for less or allow more"
}

// TestSelectorsApart tells selectors that may share a block from those that cannot.
func TestSelectorsApart(t *testing.T) {
	for _, tt := range []struct {
		a, b  string
		apart bool
	}{
		{`{a="x"}`, `{a="y"}`, true},
		{`{a="x"}`, `{a="x"}`, false},
		{`{a="x"}`, `{b="x"}`, false},
		{`{a="x", b="1"}`, `{a="x", b="2"}`, true},
		{`{a="x"}`, `{a!="x"}`, true},
		{`{a="x"}`, `{a!="y"}`, false},
		{`{a=~"x|y"}`, `{a=~"z|w"}`, true},
		{`{a=~"x|y"}`, `{a=~"y|z"}`, false},
		{`{a=~"x|y"}`, `{a!~"x|y|z"}`, true},
		{`{a=~"x|y"}`, `{a!~"x"}`, false},
		{`{a=~"x|y", a!="y"}`, `{a="y"}`, true},
		{`{a="x"}`, `{a=~"x.*"}`, false},
		{`{a="x"}`, `{a=~"y.*"}`, true},
		{`{a=~"x.*"}`, `{a=~"y.*"}`, false}, // true, but not to be shown
		{`{a=~"x.*"}`, `{a!~"x.*"}`, false}, // the same
		{`{a=""}`, `{a=~".+"}`, true},
		{`{a=""}`, `{b="x"}`, false},
		{`{a=~"(?i)x|y"}`, `{a="X"}`, false},
		{`{a=~"p(x|y)"}`, `{a="pz"}`, true},
	} {
		a, errA := ParseSelector(tt.a)
		b, errB := ParseSelector(tt.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.disjoint(b) != tt.apart || b.disjoint(a) != tt.apart {
			t.Errorf("%s and %s: apart is %t and %t", a, b, a.disjoint(b), b.disjoint(a))
		}
	}
	got := parseOwnDocument("environment", "namespace: a\n"+bucket+"compact:\n  selectors:\n  - '{a=\"x\"}'\n  - '{a!=\"x\"}'\n  - '{b=\"y\"}'\n")
	want := []string{
		`f:7:5: layout/contradiction: compact.selectors: {b="y"} and {a="x"} may pick the same block, which two runs must never compact | let them name different values of one label, such as {tier="a"} and {tier!="a"}`,
	}
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Error(diff)
	}
}

func TestSelectorPicks(t *testing.T) {
	s, err := ParseSelector(`{region=~"eu-.*", environment!="dev", shard=""}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.String(); got != `{environment!="dev",region=~"eu-.*",shard=""}` {
		t.Error(got)
	}
	for _, tt := range []struct {
		labels map[string]string
		want   bool
	}{
		{map[string]string{"region": "eu-1"}, true},
		{map[string]string{"region": "eu-1", "environment": "dev"}, false},
		{map[string]string{"region": "eu-1", "shard": "0"}, false},
		{nil, false},
	} {
		if got := s.Picks(tt.labels); got != tt.want {
			t.Errorf("%v: %t", tt.labels, got)
		}
	}
	for _, endless := range []string{`{a="` + strings.Repeat("x", maxSelector) + `"}`, "{" + strings.Repeat(`a="",`, maxMatchers+1) + "}"} {
		if _, err := ParseSelector(endless); err == nil {
			t.Error("a selector without bounds")
		}
	}
}
