package repolayout

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	aTeam = "owner: a\nroutes:\n- receivers:\n  - webhook: {urlKey: a}\n"
	route = "owner: a\nroutes:\n- receivers: [{webhook: {urlKey: a}}]\n  "
)

func receiver(text string) string { return "owner: a\nroutes:\n- receivers:\n  - " + text + "\n" }

const (
	scheduleHint = ` | write cron's five fields (minute, hour, day of month, month, day of week) such as "17 * * * *", or "@hourly", "@daily", "@weekly", "@monthly", "never"`
	selectorHint = ` | write matchers in braces such as {environment="dev"} or {environment=~"dev|test"}`
	clockHint    = ` | write times of one day such as "09:00-17:30"; over midnight takes two: "22:00-24:00" and "00:00-06:00"`
)

// ownDocuments are good and bad documents of our own files. The loader and the
// schema that editors use must agree on every one, unless it says why not.
var ownDocuments = []struct {
	schema, name, content string
	want                  []string // problems, without the file's name; none for a good document
	lax                   string   // why the schema takes what the loader refuses
}{
	{schema: "watchbill", name: "all of it", content: `
components: {prometheus: {version: 3.15.0, image: "registry.example.org:5000/a/b_c"}, alertmanager: {version: 0.31.1-rc.0}}
onCall: {receivers: [{webhook: {url: "https://example.org/hook?x=1"}}]}
severities: [page, ticket]
prometheus: {scrapeInterval: 1m, scrapeTimeout: 1m, evaluationInterval: 1h30m}
alertmanager: {groupBy: [alertname, "..."], groupWait: 0s, groupInterval: 5m, repeatInterval: 4h}
guard: {maxRemovedRules: 12.5%, allow: [a, b]}
`},
	{schema: "watchbill", name: "unknown keys", content: "component: {}\nprometheus:\n  scrape_interval: 1m\n  retention: 1d\n", want: []string{
		`1:1: layout/unknown-key: unknown key "component" | did you mean "components"?`,
		`3:3: layout/unknown-key: unknown key "scrape_interval" in prometheus | did you mean "scrapeInterval"?`,
		`4:3: layout/unknown-key: unknown key "retention" in prometheus | known here: evaluationInterval, scrapeInterval, scrapeTimeout`,
	}},
	{schema: "watchbill", name: "a key twice", content: "guard: {}\nseverities: [a]\nguard: {}\n", want: []string{
		`3:1: layout/duplicate-key: the key "guard" stands in line 1 already | keep one of the two`,
	}},
	{schema: "watchbill", name: "values of other types", content: "components: []\nonCall: yes\nseverities: critical\nprometheus:\nguard: {maxRemovedRules: 50, allow: {a: b}}\n", want: []string{
		"1:13: layout/wrong-type: components should be a mapping, but is a list",
		"2:9: layout/wrong-type: onCall should be a mapping, but is text",
		`3:13: layout/wrong-type: severities should be a list, but is text | put "- " before each item`,
		"4:1: layout/wrong-type: prometheus should be a mapping, but is empty | give it a value or leave the key out",
		`5:26: layout/wrong-type: guard.maxRemovedRules should be text, but is the number 50 | put it in quotes: "50"`,
		`5:37: layout/wrong-type: guard.allow should be a list, but is a mapping | put "- " before each item`,
	}},
	{schema: "watchbill", name: "a list instead of a mapping", content: "- a\n", want: []string{
		"1:1: layout/wrong-type: the file should be a mapping, but is a list",
	}},
	{schema: "watchbill", name: "a version that YAML takes for a number", content: "components: {prometheus: {version: 3.1}, alertmanager: {version: v0.31.1, image: a:b}}\n", want: []string{
		`1:36: layout/wrong-type: components.prometheus.version should be text, but is the number 3.1 | put it in quotes: "3.1"`,
		`1:66: layout/bad-value: components.alertmanager.version: "v0.31.1" cannot be used: it has another form | write a version such as "3.15.0", without a leading v`,
		`1:82: layout/bad-value: components.alertmanager.image: "a:b" cannot be used: it has another form | write an image such as "quay.io/prometheus/prometheus", without a tag`,
	}},
	{schema: "watchbill", name: "bad durations", content: "prometheus: {scrapeInterval: 5 min, scrapeTimeout: 0s, evaluationInterval: ''}\n", want: []string{
		`1:30: layout/bad-value: prometheus.scrapeInterval: "5 min" cannot be used: unknown unit " min" in duration "5 min" | write a duration of more than zero, such as "30s", "5m" or "15d"`,
		`1:52: layout/bad-value: prometheus.scrapeTimeout: "0s" cannot be used: it has another form | write a duration of more than zero, such as "30s", "5m" or "15d"`,
		`1:76: layout/bad-value: prometheus.evaluationInterval: "" cannot be used: empty duration string | write a duration of more than zero, such as "30s", "5m" or "15d"`,
	}},
	{schema: "watchbill", name: "a duration with its units in the wrong order", content: "alertmanager: {groupWait: 1s1h}\n", lax: "a pattern of it would be unreadable", want: []string{
		`1:27: layout/bad-value: alertmanager.groupWait: "1s1h" cannot be used: not a valid duration string: "1s1h" | write a duration such as "30s", "5m" or "1h30m"`,
	}},
	{schema: "watchbill", name: "a timeout above the interval", content: "prometheus: {scrapeInterval: 5s, scrapeTimeout: 6s}\n", lax: "a schema cannot compare", want: []string{
		"1:49: layout/bad-value: prometheus.scrapeTimeout: 6s is more than scrapeInterval, 5s | make it at most the interval",
	}},
	{schema: "watchbill", name: "severities none, twice and misspelt", content: "severities: [a, B, a]\nguard: {maxRemovedRules: 101%}\n", want: []string{
		`1:17: layout/bad-value: severities[1]: "B" cannot be used: it has another form | write a lower-case word such as "critical"`,
		`1:20: layout/bad-value: severities holds "a" twice | keep one of the two`,
		`2:26: layout/bad-value: guard.maxRemovedRules: "101%" cannot be used: it has another form | write a percentage such as "50%"`,
	}},
	{schema: "watchbill", name: "no severities", content: "severities: []\n", want: []string{"1:13: layout/bad-value: severities is empty"}},
	{schema: "environment", name: "all of it", content: `
namespace: monitoring-prod
labels: {environment: prod, region: eu-1}
prometheus: {replicas: 3, retention: 15d, storage: {size: 50Gi, class: fast.ssd}, resources: {requests: {cpu: 50m, memory: 1.5Gi}, limits: {memory: 2Gi}}}
alertmanager: {replicas: 1, storage: {size: 1Gi}, resources: {requests: {cpu: "1"}}}
receiversSecret: am.receivers
query: {replicas: 2, resources: {requests: {cpu: 50m}}, frontend: {replicas: 1, cacheSize: 64Mi}}
store: {shards: 2, replicas: 2, indexCache: 1Gi, storage: {size: 5Gi}}
grafana: {replicas: 1, secret: a, url: "https://grafana.example.org"}
objectStore:
  bucket: metrics.prod
  prefix: a/b_c
  endpoint: "http://[::1]:7070"
  region: eu-west-1
  pathStyle: true
  secret: object-store
  annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::1:role/x", plain: ""}
  encryption: {type: SSE-KMS, kmsKey: "arn:aws:kms:x"}
timeZone: America/Argentina/Buenos_Aires
ship: {schedule: "@hourly", catchUp: 0s, deadline: 30m, resources: {limits: {memory: 1Gi}}}
compact:
  schedule: 0 0 29 FEB *
  catchUp: 1d
  deadline: 6h
  scratch: {size: 10Gi, class: fast}
  selectors: ['{tier="a"}', '{tier=~"b|c"}', '{tier!~"a|b|c"}', '{tier="a", x="y", x!="y"}']
  downsample: true
retain: {schedule: never}
retention:
  raw: 30d
  rules:
  - {selector: '{environment="dev"}', raw: 40h, 5m: 10d, 1h: 1y}
  - {selector: '{"environment"!="dev",team=~"a.*"}'}
  maxBytes: 1.5Ti
  deleteDelay: 1h
retired: true
`},
	{schema: "environment", name: "aliases and merge keys", content: "namespace: a\nprometheus: &p\n  replicas: 2\n  resources: &r {requests: {cpu: 50m}}\nalertmanager:\n  <<: [*p]\n  replicas: 1\n  resources: *r\n"},
	{schema: "environment", name: "an unknown key by way of a merge", content: "namespace: a\nprometheus: &p {retention: 1d}\nalertmanager:\n  <<: *p\n", want: []string{
		`2:17: layout/unknown-key: unknown key "retention" in alertmanager | known here: replicas, resources, storage`,
	}},
	{schema: "environment", name: "a merge inside of a merge", content: "namespace: a\nprometheus: {<<: {<<: [a]}}\nalertmanager: {<<: {<<: {replicas: 1}}}\n", want: []string{
		"2:24: layout/wrong-type: prometheus.<<.<< should be a mapping, but is text",
	}},
	{schema: "environment", name: "nothing", content: "labels: {}\n", want: []string{
		`1:1: layout/missing-key: the key "namespace" is missing`,
	}},
	{schema: "environment", name: "names that Kubernetes does not take", content: "namespace: Monitoring_\nreceiversSecret: a_b\nprometheus: {storage: {class: A}}\n", want: []string{
		`1:12: layout/bad-name: namespace: "Monitoring_" cannot be used: it has another form | write at most 63 lower-case letters, digits and dashes, with no dash at either end`,
		`2:18: layout/bad-name: receiversSecret: "a_b" cannot be used: it has another form | write lower-case letters, digits, dashes and dots, beginning and ending with a letter or digit`,
		`3:31: layout/bad-name: prometheus.storage.class: "A" cannot be used: it has another form | write lower-case letters, digits, dashes and dots, beginning and ending with a letter or digit`,
	}},
	{schema: "environment", name: "labels", content: "namespace: a\nlabels: {replica: a, __x: b, 'a-b': c, ok: 1}\n", want: []string{
		`2:10: layout/bad-name: labels: "replica" cannot be used: it is reserved | write a label's name, but not "replica" or "shard" (Watchbill sets them) and none that begins with "__"`,
		`2:22: layout/bad-name: labels: "__x" cannot be used: it is reserved | write a label's name, but not "replica" or "shard" (Watchbill sets them) and none that begins with "__"`,
		`2:30: layout/bad-name: labels: "a-b" cannot be used: it has another form | write a label's name, but not "replica" or "shard" (Watchbill sets them) and none that begins with "__"`,
		`2:44: layout/wrong-type: labels.ok should be text, but is the number 1 | put it in quotes: "1"`,
	}},
	{schema: "environment", name: "numbers", content: "namespace: a\nprometheus: {replicas: 0}\nalertmanager: {replicas: 1.5}\n", want: []string{
		"2:24: layout/bad-value: prometheus.replicas: 0 cannot be used | write a whole number from 1 to 32",
		"3:26: layout/wrong-type: alertmanager.replicas should be a whole number, but is the number 1.5",
	}},
	{schema: "environment", name: "too many", content: "namespace: a\nprometheus: {replicas: 99999999999999999999}\nalertmanager: {replicas: two}\n", want: []string{
		"2:24: layout/wrong-type: prometheus.replicas should be a whole number, but is the number 99999999999999999999",
		"3:26: layout/wrong-type: alertmanager.replicas should be a whole number, but is text",
	}},
	{schema: "environment", name: "quantities", content: "namespace: a\nprometheus: {storage: {size: 10 GB}, resources: {requests: {cpu: half}}}\n", want: []string{
		`2:30: layout/bad-value: prometheus.storage.size: "10 GB" cannot be used: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' | write a quantity such as "50m", "0.5", "128Mi" or "10Gi"`,
		`2:66: layout/bad-value: prometheus.resources.requests.cpu: "half" cannot be used: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' | write a quantity such as "50m", "0.5", "128Mi" or "10Gi"`,
	}},
	{schema: "environment", name: "more than the limit", content: "namespace: a\nprometheus:\n  resources:\n    limits: {memory: 1Gi}\n    requests: {memory: 2Gi}\n", lax: "a schema cannot compare", want: []string{
		"5:24: layout/bad-value: prometheus.resources: the request 2Gi of memory is more than its limit 1Gi | ask for less or allow more",
	}},
	{schema: "environment", name: "keys of other types", content: "namespace: a\nretired: 'yes'\ncompact: {downsample: 1, selectors: '{a=\"b\"}'}\nobjectStore: {bucket: abc, region: r, pathStyle: [], annotations: [a]}\n", want: []string{
		"2:10: layout/wrong-type: retired should be true or false, but is text | write true or false, without quotes",
		"3:23: layout/wrong-type: compact.downsample should be true or false, but is the number 1 | write true or false, without quotes",
		`3:37: layout/wrong-type: compact.selectors should be a list, but is text | put "- " before each item`,
		"4:50: layout/wrong-type: objectStore.pathStyle should be true or false, but is a list",
		"4:67: layout/wrong-type: objectStore.annotations should be a mapping, but is a list",
	}},
	{schema: "environment", name: "keys that are not there", content: "namespace: a\nquery: {replica: 1, frontend: {cache: 1Mi}}\nstore: {replicas: 0}\nobjectStore: {region: r, encryption: {}}\nretention: {5min: 1d, rules: [{raw: 40h, 2h: 1d}]}\n", want: []string{
		`2:9: layout/unknown-key: unknown key "replica" in query | did you mean "replicas"?`,
		`2:32: layout/unknown-key: unknown key "cache" in query.frontend | known here: cacheSize, replicas, resources`,
		"3:19: layout/bad-value: store.replicas: 0 cannot be used | write a whole number from 1 to 32",
		`4:14: layout/missing-key: the key "bucket" is missing in objectStore`,
		`4:38: layout/missing-key: the key "type" is missing in objectStore.encryption`,
		`5:13: layout/unknown-key: unknown key "5min" in retention | did you mean "5m"?`,
		`5:31: layout/missing-key: the key "selector" is missing in retention.rules[0]`,
		`5:42: layout/unknown-key: unknown key "2h" in retention.rules[0] | did you mean "1h"?`,
	}},
	{schema: "environment", name: "an object store that is none", content: `namespace: a
objectStore:
  bucket: Metrics
  prefix: /a/
  endpoint: https://key:secret@s3.example.org
  region: EU West
  annotations: {a b: c}
  encryption: {type: SSE-C}
`, want: []string{
		`3:11: layout/bad-name: objectStore.bucket: "Metrics" cannot be used: it has another form | write the name of a bucket: 3 to 63 lower-case letters, digits, dashes and dots, beginning and ending with a letter or digit`,
		`4:11: layout/bad-name: objectStore.prefix: "/a/" cannot be used: it has another form | write a prefix such as "metrics/prod": letters, digits, _ . = -, and slashes between`,
		`5:13: layout/bad-value: objectStore.endpoint: this value cannot be used: it has another form | write a server's URL such as "https://s3.eu-west-1.amazonaws.com", without user, password and path; the keys stand in the Secret that the key secret names`,
		`6:11: layout/bad-value: objectStore.region: "EU West" cannot be used: it has another form | write a region such as "eu-west-1"`,
		`7:17: layout/bad-name: objectStore.annotations: "a b" cannot be used: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') | write an annotation's name such as "eks.amazonaws.com/role-arn"`,
		`8:22: layout/bad-value: objectStore.encryption.type: "SSE-C" cannot be used | did you mean "SSE-S3"?`,
	}},
	{schema: "environment", name: "an object store that no schema can see is none", lax: "a pattern of it would be unreadable", content: `namespace: a
objectStore: {bucket: 10.0.0.1, prefix: a/../b, endpoint: "https://s3.example.org:99999"}
`, want: []string{
		`2:23: layout/bad-name: objectStore.bucket: "10.0.0.1" cannot be used: it looks like an address | write the name of a bucket: 3 to 63 lower-case letters, digits, dashes and dots, beginning and ending with a letter or digit`,
		`2:41: layout/bad-name: objectStore.prefix: "a/../b" cannot be used: a part of it is ".." | write a prefix such as "metrics/prod": letters, digits, _ . = -, and slashes between`,
		`2:59: layout/bad-value: objectStore.endpoint: this value cannot be used: its port is none | write a server's URL such as "https://s3.eu-west-1.amazonaws.com", without user, password and path; the keys stand in the Secret that the key secret names`,
	}},
	{schema: "environment", name: "schedules", content: "namespace: a\nobjectStore: {bucket: abc, region: r}\nship: {schedule: CRON_TZ=UTC 1 * * * *}\ncompact: {schedule: '@every 5m'}\nretain: {schedule: 0 1 * * * *}\n", want: []string{
		`3:18: layout/bad-value: ship.schedule: "CRON_TZ=UTC 1 * * * *" cannot be used: the time zone does not stand in the schedule; the key timeZone says it` + scheduleHint,
		`4:21: layout/bad-value: compact.schedule: "@every 5m" cannot be used: it would begin anew with each start of the daemon` + scheduleHint,
		`5:20: layout/bad-value: retain.schedule: "0 1 * * * *" cannot be used: expected exactly 5 fields, found 6: [0 1 * * * *]` + scheduleHint,
	}},
	{schema: "environment", name: "a schedule that never comes round, and one beyond the hour", lax: "a schema has no calendar", content: "namespace: a\nobjectStore: {bucket: abc, region: r}\nship: {schedule: 0 0 31 2 *}\nretain: {schedule: 0 24 * * *}\n", want: []string{
		`3:18: layout/bad-value: ship.schedule: "0 0 31 2 *" cannot be used: there is no such day, so it never comes round` + scheduleHint,
		`4:20: layout/bad-value: retain.schedule: "0 24 * * *" cannot be used: end of range (24) above maximum (23): 24` + scheduleHint,
	}},
	{schema: "environment", name: "a time zone in small letters", content: "namespace: a\ntimeZone: posix/UTC\n", want: []string{
		`2:11: layout/bad-value: timeZone: "posix/UTC" cannot be used: it has another form | write a time zone of the IANA database such as "UTC" or "Europe/Lisbon"`,
	}},
	{schema: "environment", name: "a time zone that is not there", lax: "a schema has no map", content: "namespace: a\ntimeZone: Europe/Lisboa\n", want: []string{
		`2:11: layout/bad-value: timeZone: "Europe/Lisboa" cannot be used: it is no zone of the IANA database | write a time zone of the IANA database such as "UTC" or "Europe/Lisbon"`,
	}},
	{schema: "environment", name: "the machine's own time zone", lax: "a schema has no map", content: "namespace: a\ntimeZone: Local\n", want: []string{
		`2:11: layout/bad-value: timeZone: "Local" cannot be used: it is no zone of the IANA database | write a time zone of the IANA database such as "UTC" or "Europe/Lisbon"`,
	}},
	{schema: "environment", name: "bytes", content: "namespace: a\nstore: {indexCache: 256m}\nquery: {frontend: {cacheSize: 0}}\n", want: []string{
		`2:21: layout/bad-value: store.indexCache: "256m" cannot be used: it has another form | write a number of bytes such as "128Mi" or "10Gi"`,
		`3:31: layout/wrong-type: query.frontend.cacheSize should be text, but is the number 0 | put it in quotes: "0"`,
	}},
	{schema: "environment", name: "selectors", content: "namespace: a\nobjectStore: {bucket: abc, region: r}\ncompact: {selectors: [up, 'a=\"b\"']}\nretention: {rules: [{selector: ''}]}\n", want: []string{
		`3:23: layout/bad-value: compact.selectors[0]: "up" cannot be used: it does not begin with a brace` + selectorHint,
		`3:27: layout/bad-value: compact.selectors[1]: "a=\"b\"" cannot be used: it does not begin with a brace` + selectorHint,
		`4:32: layout/bad-value: retention.rules[0].selector: "" cannot be used: it does not begin with a brace` + selectorHint,
	}},
	{schema: "environment", name: "selectors that only a parser refuses", lax: "a pattern of it would be unreadable", content: "namespace: a\nobjectStore: {bucket: abc, region: r}\ncompact: {selectors: ['{}', '{a=~\"(\"}']}\nretention:\n  rules:\n  - selector: '{__name__=\"up\"}'\n  - selector: '{\"a.b\"=\"c\"}'\n", want: []string{
		`3:23: layout/bad-value: compact.selectors[0]: "{}" cannot be used: it names no label` + selectorHint,
		`3:29: layout/bad-value: compact.selectors[1]: "{a=~\"(\"}" cannot be used: 1:2: parse error: error parsing regexp: missing closing ): ` + "`(`" + selectorHint,
		`6:15: layout/bad-value: retention.rules[0].selector: "{__name__=\"up\"}" cannot be used: "__name__" is no external label` + selectorHint,
		`7:15: layout/bad-value: retention.rules[1].selector: "{\"a.b\"=\"c\"}" cannot be used: "a.b" is no external label` + selectorHint,
	}},
	{schema: "environment", name: "too many selectors", content: "namespace: a\nobjectStore: {bucket: abc, region: r}\ncompact:\n  selectors: ['{a=\"x\"}'" + strings.Repeat(", '{a=\"x\"}'", 64) + "]\n", want: []string{
		"4:14: layout/bad-value: compact.selectors holds 65 items, and may hold 64",
	}},
	{schema: "team", name: "the least", content: aTeam},
	{schema: "team", name: "all of it", content: `
owner: a
routes:
- severities: [critical]
  receivers:
  - slack: {channel: "#a", urlKey: slack.url, title: t, text: t}
  - pagerDuty: {integrationKey: a_b, description: d}
  - email: {to: "a@example.org, b@example.org", from: Alerts <c@example.org>, smartHost: "[::1]:25", username: u, passwordKey: p}
  - webhook: {url: "http://localhost:9/x"}
  groupBy: [a]
  groupWait: 1s
  groupInterval: 1m
  repeatInterval: 1d
`},
	{schema: "team", name: "nothing that must be there", content: "{}\n", want: []string{
		`1:1: layout/missing-key: the key "owner" is missing`,
		`1:1: layout/missing-key: the key "routes" is missing`,
	}},
	{schema: "team", name: "empty values", content: "owner: ''\nroutes: []\n", want: []string{
		"1:8: layout/bad-value: owner is empty",
		"2:9: layout/bad-value: routes is empty",
	}},
	{schema: "team", name: "a channel that became a comment", content: receiver("slack: {urlKey: a, channel: #alerts\n    }"), want: []string{
		"4:24: layout/wrong-type: routes[0].receivers[0].slack.channel should be text, but is empty | give it a value or leave the key out; a value that begins with # needs quotes",
	}},
	{schema: "team", name: "a secret in the repo", content: receiver("slack: {channel: a, urlKey: 'https://hooks.example.org/x'}"), want: []string{
		`4:33: layout/bad-value: routes[0].receivers[0].slack.urlKey: this value cannot be used: it has another form | write the name of a key of the receivers' Secret (letters, digits, dashes, dots); the secret itself never stands in the repo`,
	}},
	{schema: "team", name: "no receiver", content: receiver("{}"), want: []string{
		"4:5: layout/one-of: one of slack, pagerDuty, email, webhook must be set in routes[0].receivers[0]",
	}},
	{schema: "team", name: "two receivers in one", content: receiver("webhook: {urlKey: a, url: 'http://a'}\n    pagerDuty: {integrationKey: a}"), want: []string{
		"4:5: layout/one-of: pagerDuty and webhook exclude each other in routes[0].receivers[0] | keep one of them",
		"4:14: layout/one-of: url and urlKey exclude each other in routes[0].receivers[0].webhook | keep one of them",
	}},
	{schema: "team", name: "a misspelt receiver", content: receiver("pagerduty: {integrationKey: a}"), want: []string{
		"4:5: layout/one-of: one of slack, pagerDuty, email, webhook must be set in routes[0].receivers[0]",
		`4:5: layout/unknown-key: unknown key "pagerduty" in routes[0].receivers[0] | did you mean "pagerDuty"?`,
	}},
	{schema: "team", name: "bad addresses", content: receiver("email: {to: nobody, from: a@b, smartHost: smtp.example.org}\n  - webhook: {url: 'http://user:pass@example.org'}"), want: []string{
		`4:17: layout/bad-value: routes[0].receivers[0].email.to: "nobody" cannot be used: mail: missing '@' or angle-addr | write an e-mail address, or several with commas between`,
		`4:47: layout/bad-value: routes[0].receivers[0].email.smartHost: "smtp.example.org" cannot be used: it has another form | write a host and port such as "smtp.example.org:587"`,
		`5:20: layout/bad-value: routes[0].receivers[1].webhook.url: this value cannot be used: it has another form | write a URL such as "https://example.org/hook" without user and password; a URL that is a secret goes into the receivers' Secret, named by urlKey`,
	}},
	{schema: "team", name: "labels to group by", content: route + "groupBy: [a.b]\n", want: []string{
		`4:13: layout/bad-value: routes[0].groupBy[0]: "a.b" cannot be used: it has another form | write a label's name, or "..." for all labels`,
	}},
	{schema: "team", name: "mute times", content: aTeam + `  mute: [nights]
muteTimes:
- name: nights
  times:
  - times: ["00:00-06:00", "22:00-24:00"]
    weekdays: ["monday:friday", sunday]
    daysOfMonth: ["1", "1:7", "-3:-1"]
    months: [december, "12", "january:3"]
    timeZone: Asia/Tokyo
`},
	{schema: "team", name: "mute times that are none", content: aTeam + `muteTimes:
- name: Nights
  times: []
- name: a
  times:
  - times: ["22:00-6:00", 12]
    weekdays: [mon]
    daysOfMonth: ["-100"]
    months: ["0-1"]
    timezone: UTC
  - times: ["12:00-25:00"]
`, want: []string{
		`6:9: layout/bad-value: muteTimes[0].name: "Nights" cannot be used: it has another form | write a lower-case word such as "critical"`,
		"7:10: layout/bad-value: muteTimes[0].times is empty",
		`10:13: layout/bad-value: muteTimes[1].times[0].times[0]: "22:00-6:00" cannot be used: couldn't parse timestamp 6:00, invalid format` + clockHint,
		`10:27: layout/wrong-type: muteTimes[1].times[0].times[1] should be text, but is the number 12 | put it in quotes: "12"`,
		`11:16: layout/bad-value: muteTimes[1].times[0].weekdays[0]: "mon" cannot be used: mon is not a valid weekday | write days such as "saturday" or "monday:friday"; the week begins on sunday`,
		`12:19: layout/bad-value: muteTimes[1].times[0].daysOfMonth[0]: "-100" cannot be used: -100 is not a valid day of the month: out of range | write days of the month such as "1", "1:7" or "-3:-1" (from its end)`,
		`13:14: layout/bad-value: muteTimes[1].times[0].months[0]: "0-1" cannot be used: 0-1 is not a valid month | write months such as "december", "12" or "1:3"`,
		`14:5: layout/unknown-key: unknown key "timezone" in muteTimes[1].times[0] | did you mean "timeZone"?`,
		`15:13: layout/bad-value: muteTimes[1].times[1].times[0]: "12:00-25:00" cannot be used: couldn't parse timestamp 25:00, invalid format` + clockHint,
	}},
	{schema: "team", name: "mute times that only Alertmanager refuses", lax: "a schema cannot compare", content: aTeam + `muteTimes:
- name: a
  times:
  - times: ["22:00-06:00"]
    weekdays: ["friday:monday"]
    months: [moon, "13"]
    daysOfMonth: ["0"]
- name: a
  times: [{timeZone: UTC}]
`, want: []string{
		`8:13: layout/bad-value: muteTimes[0].times[0].times[0]: "22:00-06:00" cannot be used: start time cannot be equal or greater than end time` + clockHint,
		`9:16: layout/bad-value: muteTimes[0].times[0].weekdays[0]: "friday:monday" cannot be used: start day cannot be before end day | write days such as "saturday" or "monday:friday"; the week begins on sunday`,
		`10:14: layout/bad-value: muteTimes[0].times[0].months[0]: "moon" cannot be used: moon is not a valid month | write months such as "december", "12" or "1:3"`,
		`10:20: layout/bad-value: muteTimes[0].times[0].months[1]: "13" cannot be used: a year has the months 1 to 12 | write months such as "december", "12" or "1:3"`,
		`11:19: layout/bad-value: muteTimes[0].times[0].daysOfMonth[0]: "0" cannot be used: 0 is not a valid day of the month: out of range | write days of the month such as "1", "1:7" or "-3:-1" (from its end)`,
		"12:3: layout/bad-value: muteTimes[1].name: \"a\" stands in line 6 already | give it another name",
		"13:11: layout/bad-value: muteTimes[1].times[0]: without any of these it would mute for ever | add times, weekdays, daysOfMonth or months",
	}},
}

// parseOwnDocument reads a document as the loader does.
func parseOwnDocument(schema, content string) []Problem {
	files := map[string]item{
		"watchbill":   {kind: stackFile, path: "f"},
		"environment": {kind: environmentFile, path: "f"},
		"team":        {kind: teamFile, path: "f"},
	}
	out := parse(files[schema], "", &File{Path: "f", Content: []byte(content)})
	sortProblems(out.problems)
	return out.problems
}

func TestDecode(t *testing.T) {
	for _, d := range ownDocuments {
		t.Run(d.schema+"/"+d.name, func(t *testing.T) {
			var got []string
			for _, p := range parseOwnDocument(d.schema, d.content) {
				got = append(got, strings.TrimPrefix(line(p), "f:"))
			}
			if diff := cmp.Diff(d.want, got); len(d.want)+len(got) > 0 && diff != "" {
				t.Error(diff)
			}
			err := schemaError(compileSchema(t, d.schema), []byte(d.content))
			switch {
			case len(d.want) == 0 && err != nil:
				t.Errorf("the loader takes it, the schema does not: %v", err)
			case len(d.want) > 0 && d.lax == "" && err == nil:
				t.Error("the loader refuses it, the schema does not")
			case d.lax != "" && err != nil:
				t.Errorf("the schema refuses it after all: %v", err)
			}
		})
	}
}
