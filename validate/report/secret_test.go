package report

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

// TestSecretsAreNotShown has mistakes of many checks on the lines of secrets, and
// looks at all that is written about them.
func TestSecretsAreNotShown(t *testing.T) {
	const scrape = "teams/payments/scrape/a.yaml"
	for _, tt := range []struct {
		name, file, content string
		check               string // that finds something on the line
	}{
		{"beside a wrong key", scrape, "scrape_configs:\n- {job_name: a, sheme: b, bearer_token: hunter22}\n", "scrape/syntax"},
		{"an unknown key", scrape, "scrape_configs:\n- job_name: a\n  pasword: a\n  token: hunter22\n", "scrape/syntax"},
		{"text in place of a mapping", scrape, "scrape_configs:\n- job_name: a\n  basic_auth: user:hunter22\n", "scrape/syntax"},
		{"a word in place of a mapping", scrape, "scrape_configs:\n- job_name: a\n  basic_auth: hunter22\n", "scrape/syntax"},
		{"a mapping in place of text", scrape, "scrape_configs:\n- job_name: a\n  bearer_token: {a: hunter22}\n", "scrape/syntax"},
		{"a URL that is none", scrape, "scrape_configs:\n- job_name: a\n  proxy_url: 'http://user:hunter22@b:x/'\n", "scrape/syntax"},
		{"a URL as target", scrape, "scrape_configs:\n- job_name: a\n  static_configs: [{targets: ['http://user:hunter22@b/']}]\n", "scrape/syntax"},
		{"a URL that relabelling looks at", scrape, "scrape_configs:\n- job_name: a\n  static_configs: [{targets: ['b:1'], labels: {url: 'http://user:hunter22@b/'}}]\n  relabel_configs: [{source_labels: [url], regex: b, action: keep}]\n", "scrape/relabel-drop"},
		{"no YAML", scrape, "scrape_configs:\n- job_name: a\n  bearer_token: *hunter22\n", "layout/yaml-syntax"},
		{"a tab", scrape, "scrape_configs:\n- job_name: a\n  basic_auth:\n\tpassword: hunter22\n", "layout/yaml-syntax"},
		{"twice", scrape, "scrape_configs:\n- job_name: a\n  bearer_token: hunter22\n  bearer_token: hunter22\n", "scrape/syntax"},
		{"a comment that silences nothing", scrape, "scrape_configs:\n- job_name: a\n  bearer_token: hunter22 # watchbill:ignore scrape/timeout it is hunter22\n", "rules/ignore"},
		{"a receiver's URL", "teams/payments/team.yaml", "owner: {name: a}\nroutes:\n- receivers: [{slack: {channel: '#a', urlKey: 'https://hooks.example/hunter22'}}]\n", "layout/bad-value"},
		{"a number for a key", "teams/payments/team.yaml", "owner: {name: a}\nroutes:\n- receivers: [{slack: {channel: '#a', urlKey: 22222222}}]\n", "layout/wrong-type"},
		{"a key of the stack that we do not know", "watchbill.yaml", "smtp: {password: hunter22}\n", "layout/unknown-key"},
		{"in a rule's annotation", "teams/payments/rules/a.yaml", "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up ==\n    annotations: {token: hunter22, b: '{{'}\n", "rules/syntax"},
		{"in a patch", "patches/a.yaml", "kind: Secret\nstringData: {a: hunter22}\nstringData: {a: hunter22}\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{tt.file: {Data: []byte(tt.content)}}
			repo, problems := repolayout.NewLoader().Load(fsys)
			found := append(validate.Problems(problems), validate.New().Repo(repo)...)
			if !slices.ContainsFunc(found, func(f validate.Finding) bool { return f.Check == tt.check || tt.check == "" }) {
				t.Fatalf("%v", found)
			}
			o := Options{Source: func(path string) []byte { content, _ := fs.ReadFile(fsys, path); return content }}
			var out bytes.Buffer
			for _, err := range []error{
				Text(&out, found, o), GitHub(&out, found, o), SARIF(&out, found, o), JUnit(&out, found, o), validate.PrintJSON(&out, found),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			for line := range strings.SplitSeq(out.String(), "\n") {
				if strings.Contains(line, "hunter22") || strings.Contains(line, "22222222") {
					t.Error(line)
				}
			}
		})
	}
}

// TestMarksBesideSecrets looks at where the mark stands.
func TestMarksBesideSecrets(t *testing.T) {
	const line = "- {a: b, password: hünter22, sheme: c} # token: hunter22"
	mark := func(from, to int) string {
		var out bytes.Buffer
		f := finding(validate.Error, "teams/a/scrape/a.yaml", 1, from, 1, to, "wrong", "")
		if to == 0 {
			f.EndLine = 0
		}
		if err := Text(&out, []validate.Finding{f}, Options{Source: func(string) []byte { return []byte(line) }}); err != nil {
			t.Fatal(err)
		}
		rows := strings.Split(out.String(), "\n")
		return rows[1] + "\n" + rows[2]
	}
	const shown = "  1 | - {a: b, password: <secret>, sheme: c} # token: <secret>\n"
	for _, tt := range []struct {
		from, to int
		want     string
	}{
		{4, 5, "    |    ^"},
		{10, 18, "    |          ^~~~~~~~"},
		{20, 28, "    |                    ^~~~~~~~"},
		{22, 24, "    |                    ^~~~~~~~"},
		{20, 0, "    |                    ^"},
		{30, 35, "    |                              ^~~~~"},
		{50, 58, "    |                                                 ^~~~~~~~"},
	} {
		if diff := cmp.Diff(shown+tt.want, mark(tt.from, tt.to)); diff != "" {
			t.Errorf("from %d to %d (-want +got):\n%s", tt.from, tt.to, diff)
		}
	}
}
