package validate

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate/memory"
)

func loaded(t *testing.T, files map[string]string) *repolayout.Repo {
	t.Helper()
	repo, problems := repolayout.NewLoader().Load(repoOf(files))
	if len(problems) > 0 {
		t.Fatalf("the loader does not take the test's own repo: %+v", problems)
	}
	return repo
}

const (
	recordsRate = "groups: [{name: g, rules: [{record: 'job:a:rate5m', expr: 'sum(rate(a[5m]))'}, {record: plain, expr: up}]}]\n"
	readsRate   = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: >\n      0 <\n      job:a:rate5m + plain\n"
	asksRate    = `{"title": "A", "uid": "a", "panels": [{"title": "P", "targets": [{"expr": "sum(job:a:rate5m{a=\"b\"})"}]}]}`
	testsRate   = "tests:\n- name: one\n  promql_expr_test:\n  - expr: job:a:rate5m * 2\n    eval_time: 1m\n- name: brings it\n  input_series: [{series: 'job:a:rate5m{}', values: 1}]\n  promql_expr_test:\n  - expr: job:a:rate5m\n    eval_time: 1m\n"
)

// TestRemovedRecords has payments record series that search reads, and changes both.
func TestRemovedRecords(t *testing.T) {
	const records, rules, dashboard, test = "teams/payments/rules/a.yaml", "teams/search/rules/b.yaml", "teams/search/dashboards/b.json", "teams/search/tests/b.yaml"
	base := map[string]string{records: recordsRate, rules: readsRate, dashboard: asksRate, test: testsRate}
	was := "which this change records no more: the rule stood at " + records + ":1 [rules/removed-record] with payments"
	const keep = " (keep the rule, or change what reads it in the same pull request)"
	for _, tt := range []struct {
		name   string
		change map[string]string
		want   []string
	}{
		{"nothing", nil, nil},
		{"what has nothing to do with it", map[string]string{rules: readsRate + "# more\n", records: strings.Replace(recordsRate, "sum", "max", 1)}, nil},
		{"removed", map[string]string{records: "groups: []\n"}, []string{
			`search: ` + dashboard + `:1:80: error: panel "P" reads job:a:rate5m, ` + was + keep,
			`search: ` + rules + `:7:7: error: alert "A" reads job:a:rate5m, ` + was + keep,
			`search: ` + rules + `:7:22: error: alert "A" reads plain, ` + was + keep,
			`search: ` + test + `:4:5: error: test "one" reads job:a:rate5m, ` + was + keep,
		}},
		{"renamed", map[string]string{records: strings.Replace(recordsRate, "job:a:rate5m", "sum:a:rate", 1), dashboard: "", test: ""}, []string{
			`search: ` + rules + `:7:7: error: alert "A" reads job:a:rate5m, ` + was + ` (it is recorded as "sum:a:rate" now: read that)`,
		}},
		{"renamed and changed", map[string]string{records: strings.NewReplacer("job:a:rate5m", "job:a:rate1m", "5m", "1m").Replace(recordsRate), dashboard: "", test: ""}, []string{
			`search: ` + rules + `:7:7: error: alert "A" reads job:a:rate5m, ` + was + ` (did you mean "job:a:rate1m"?)`,
		}},
		{"read no more", map[string]string{records: "groups: []\n", rules: "groups: []\n", dashboard: "", test: ""}, nil},
		{"another team's now", map[string]string{records: "groups: []\n", "teams/search/rules/c.yaml": recordsRate}, nil},
		{"moved into an environment", map[string]string{records: "groups: []\n", "teams/payments/rules/prod/a.yaml": recordsRate}, []string{
			`search: ` + rules + `:7:7: error: alert "A" reads job:a:rate5m, which this change records no more in dev: the rule stood at ` + records + `:1 [rules/removed-record] with payments` + keep,
			`search: ` + rules + `:7:22: error: alert "A" reads plain, which this change records no more in dev: the rule stood at ` + records + `:1 [rules/removed-record] with payments` + keep,
		}},
		{"moved into every environment", map[string]string{records: "groups: []\n", "teams/payments/rules/prod/a.yaml": recordsRate, "teams/payments/rules/dev/a.yaml": recordsRate}, nil},
		{"silenced", map[string]string{records: "groups: []\n", rules: strings.Replace(readsRate, "    expr", "    # watchbill:ignore rules/removed-record until=2030-01-01 it goes\n    expr", 1), dashboard: "", test: ""}, nil},
		{"silenced until yesterday", map[string]string{records: "groups: []\n", rules: strings.Replace(readsRate, "    expr", "    # watchbill:ignore rules/removed-record until=2029-12-31 it goes\n    expr", 1), dashboard: "", test: ""}, []string{
			`search: ` + rules + `:8:7: error: alert "A" reads job:a:rate5m, ` + was + keep,
			`search: ` + rules + `:8:22: error: alert "A" reads plain, ` + was + keep,
		}},
		{"by policy", map[string]string{records: "groups: []\n", "watchbill.yaml": "policies: {severity: {rules/removed-record: off}}\n"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{}
			for path, content := range base {
				files[path] = content
			}
			for path, content := range tt.change {
				if files[path] = content; content == "" {
					delete(files, path)
				}
			}
			head := loaded(t, files)
			day := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
			removed := Removed(loaded(t, base), head, day)
			if diff := cmp.Diff(tt.want, lines(removed)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			v := New()
			v.Now = func() time.Time { return day }
			for _, f := range WithRemoved(v.Repo(head), removed) {
				if f.Check == rulesMissingRecord && len(removed) > 0 || f.Check == rulesIgnore {
					t.Errorf("said beside it: %v", f)
				}
			}
		})
	}
}

func TestMissingRecords(t *testing.T) {
	const rules, dashboard, test = "teams/search/rules/b.yaml", "teams/search/dashboards/b.json", "teams/search/tests/b.yaml"
	const reads = "groups: [{name: g, rules: [{alert: A, expr: 'job:a:rate5m > 0'}]}]\n"
	const hint = " (record it with a rule, or correct the name; if its series come from elsewhere, silence this check)"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"recorded by another team", map[string]string{ruleFile: recordsRate, rules: readsRate, dashboard: asksRate, test: testsRate}, nil},
		{"by none", map[string]string{rules: readsRate, dashboard: asksRate, test: testsRate}, []string{
			`search: ` + dashboard + `:1:80: warning: panel "P" reads job:a:rate5m, which no rule of this repo records [rules/missing-record]` + hint,
			`search: ` + rules + `:7:7: warning: alert "A" reads job:a:rate5m, which no rule of this repo records [rules/missing-record]` + hint,
			`search: ` + test + `:4:5: warning: test "one" reads job:a:rate5m, which no rule of this repo records [rules/missing-record]` + hint,
		}},
		{"a slip", map[string]string{ruleFile: recordsRate, rules: strings.Replace(readsRate, "rate5m", "rat5m", 1)}, []string{
			`search: ` + rules + `:7:7: warning: alert "A" reads job:a:rat5m, which no rule of this repo records [rules/missing-record] (did you mean "job:a:rate5m"?)`,
		}},
		{"what only looks like it", map[string]string{rules: `groups:
- name: g
  rules:
  - alert: A
    expr: |
      up{a="b:c", d='\'e:f', g=~` + "`h:i\\.`" + `} > 0 # j:k
        and max_over_time(up[5m:1m]) > 0 and up > 5m
`}, nil},
		{"twice in one rule", map[string]string{rules: strings.Replace(reads, " > 0", " > job:a:rate5m and k:b", 1)}, []string{
			`search: ` + rules + `:1:46: warning: alert "A" reads job:a:rate5m, which no rule of this repo records [rules/missing-record]` + hint,
			`search: ` + rules + `:1:78: warning: alert "A" reads k:b, which no rule of this repo records [rules/missing-record]` + hint,
		}},
		{"in another environment", map[string]string{"teams/payments/rules/prod/a.yaml": recordsRate, rules: reads, "teams/search/rules/prod/b.yaml": reads, "teams/search/rules/dev/b.yaml": reads, dashboard: asksRate}, []string{
			`search: ` + rules + `:1:46: warning: alert "A" reads job:a:rate5m, which no rule records in dev [rules/missing-record] (it is recorded in rules/prod/ alone: move that rule up to rules/, or this one down)`,
			`search: teams/search/rules/dev/b.yaml:1:46: warning: alert "A" reads job:a:rate5m, which no rule records in dev [rules/missing-record] (it is recorded in rules/prod/ alone: move that rule up to rules/, or this one down)`,
		}},
		{"in each environment", map[string]string{"teams/payments/rules/prod/a.yaml": recordsRate, "teams/payments/rules/dev/a.yaml": recordsRate, rules: reads}, nil},
		{"where another Prometheus is scraped", map[string]string{rules: readsRate, "teams/payments/scrape/a.yaml": "scrape_configs: [{job_name: a, metrics_path: /federate, params: {'match[]': ['{job=\"a\"}']}, static_configs: [{targets: [a:1]}]}]\n"}, nil},
		{"part of a name by a variable", map[string]string{dashboard: `{"title": "A", "uid": "a", "templating": {"list": [{"name": "x"}]}, "panels": [{"targets": [{"expr": "job:$x:rate"}, {"expr": "up{a=\"job:$x\"}"}]}]}`}, nil},
		{"silenced", map[string]string{rules: strings.Replace(readsRate, "    expr", "    # watchbill:ignore rules/missing-record the exporter names it so\n    expr", 1)}, nil},
		{"by policy", map[string]string{dashboard: asksRate, "watchbill.yaml": "policies: {severity: {rules/missing-record: off}}\n"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range check(t, repoOf(tt.files)) {
				if f.Check == rulesMissingRecord || f.Check == rulesIgnore || f.Severity == Error {
					got = append(got, lines([]Finding{f})...)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMissingRecordsRemember goes through revisions in which the rule that
// records and the files that read change, each by itself.
func TestMissingRecordsRemember(t *testing.T) {
	files := map[string]string{ruleFile: recordsRate, "teams/search/rules/b.yaml": readsRate, "teams/search/dashboards/b.json": asksRate, "teams/search/tests/b.yaml": testsRate}
	loader, v := repolayout.NewLoader(), New()
	kept, err := memory.Open(t.TempDir(), "repo", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		file, content string
		want          int
	}{
		{"watchbill.yaml", "prometheus: {scrapeInterval: 30s}\n", 0},
		{ruleFile, "groups: []\n", 3},
		{"teams/search/tests/b.yaml", "tests: []\n", 2},
		{"teams/search/dashboards/b.json", `{"title": "A", "uid": "a"}`, 1},
		{ruleFile, recordsRate, 0},
	} {
		files[step.file] = step.content
		repo, problems := loader.Load(repoOf(files))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		got := v.Repo(repo)
		for range 2 { // of another process, before and after it keeps what it found
			other := New()
			other.Memory = kept
			if diff := cmp.Diff(lines(other.Repo(repo)), lines(got)); diff != "" {
				t.Errorf("%s: other findings than another's (-other +this):\n%s", step.file, diff)
			}
		}
		if len(got) != step.want {
			t.Errorf("%s: %d findings, want %d: %v", step.file, len(got), step.want, lines(got))
		}
	}
}
