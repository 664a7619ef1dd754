package validate

import (
	"flag"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

var update = flag.Bool("update", false, "write the golden files")

// base is a small repo that has nothing wrong with it.
var base = map[string]string{
	"watchbill.yaml":         "prometheus:\n  scrapeInterval: 30s\n",
	"environments/prod.yaml": "namespace: monitoring\n",
	"environments/dev.yaml":  "namespace: monitoring-dev\n",
	"teams/payments/team.yaml": `owner: payments@example.org
routes:
- receivers:
  - slack: {channel: "#payments", urlKey: payments-slack}
`,
	"teams/search/team.yaml": `owner: search@example.org
routes:
- receivers:
  - slack: {channel: "#search", urlKey: search-slack}
`,
}

// repoOf is the base with files added or put in place of its own.
func repoOf(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, m := range []map[string]string{base, files} {
		for name, content := range m {
			fsys[name] = &fstest.MapFile{Data: []byte(content)}
		}
	}
	return fsys
}

// check loads and validates, and fails the test when the loader has something to say.
func check(t testing.TB, fsys fs.FS) []Finding {
	t.Helper()
	repo, problems := repolayout.NewLoader().Load(fsys)
	for _, p := range problems {
		t.Fatalf("the loader does not take the test's own repo: %+v", p)
	}
	return New().Repo(repo)
}

// lines are findings as the tests of the checks write them.
func lines(findings []Finding) []string {
	var out []string
	for _, f := range findings {
		line := f.String()
		if f.Owner != "" {
			line = f.Owner + ": " + line
		}
		if len(f.Others) > 0 {
			line += " with " + strings.Join(f.Others, ",")
		}
		if f.Hint != "" {
			line += " (" + f.Hint + ")"
		}
		out = append(out, line)
	}
	return out
}

// ruleFile is where the tests of rules put their file.
const ruleFile = "teams/payments/rules/a.yaml"

// ruleCase is a rule file and what is to be said of it, without place and owner.
type ruleCase struct {
	name    string
	content string
	want    []string
}

func runRuleCases(t *testing.T, cases []ruleCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, line := range lines(check(t, repoOf(map[string]string{ruleFile: tt.content}))) {
				got = append(got, strings.TrimPrefix(line, "payments: "+ruleFile+":"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExampleHasNoFindings(t *testing.T) {
	repo, problems := repolayout.NewLoader().Load(repolayout.Example())
	findings := append(Problems(problems), New().Repo(repo)...)
	if diff := cmp.Diff([]string(nil), lines(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestCheckIDs(t *testing.T) {
	last := ""
	for _, c := range Checks() {
		if c.ID <= last {
			t.Errorf("%s stands after %s", c.ID, last)
		}
		last = c.ID
	}
}
