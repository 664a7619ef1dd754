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
`},
	{schema: "environment", name: "aliases and merge keys", content: "namespace: a\nprometheus: &p\n  replicas: 2\n  resources: &r {requests: {cpu: 50m}}\nalertmanager:\n  <<: [*p]\n  replicas: 1\n  resources: *r\n"},
	{schema: "environment", name: "an unknown key by way of a merge", content: "namespace: a\nprometheus: &p {retention: 1d}\nalertmanager:\n  <<: *p\n", want: []string{
		`2:17: layout/unknown-key: unknown key "retention" in alertmanager | known here: replicas, resources, storage`,
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
		`2:10: layout/bad-name: labels: "replica" cannot be used: it is reserved | write a label's name, but not "replica" (Watchbill sets it) and none that begins with "__"`,
		`2:22: layout/bad-name: labels: "__x" cannot be used: it is reserved | write a label's name, but not "replica" (Watchbill sets it) and none that begins with "__"`,
		`2:30: layout/bad-name: labels: "a-b" cannot be used: it has another form | write a label's name, but not "replica" (Watchbill sets it) and none that begins with "__"`,
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
