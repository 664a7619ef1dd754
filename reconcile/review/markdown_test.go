package review

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchbill/watchbill/reconcile/forge"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

func TestEscapes(t *testing.T) {
	for _, tc := range []struct {
		name       string
		got, wants string
	}{
		{"a mention", prose("ask @everyone"), "ask @\u200beveryone"},
		{"an issue", prose("fixes #1, GH-2"), "fixes #\u200b1, GH\u200b-2"},
		{"HTML", prose("<img src=x onerror=y> & </details>"), "&lt;img src=x onerror=y&gt; &amp; &lt;/details&gt;"},
		{"a link", prose("[x](https://example.org)"), `\[x\](https:` + "\u200b" + `//example.org)`},
		{"emphasis, code, a table", prose("*a* _b_ `c` | d"), "\\*a\\* \\_b\\_ \\`c\\` \\| d"},
		{"several lines", prose("a\n# b\r\n- c"), "a #\u200b b - c"},
		{"what turns the writing", prose("a\u202eb"), "a�b"},
		{"a long text", prose(strings.Repeat("x", 2*maxProse)), strings.Repeat("x", maxProse-1) + "…"},
		{"code", code("a"), "`a`"},
		{"code with a fence", code("a`b``c"), "``` a`b``c ```"},
		{"code of nothing", code(""), "` `"},
		{"a block", fenced("diff", "a"), "```diff\na\n```\n"},
		{"a block with a fence", fenced("", "+````\n</details>"), "`````\n+````\n</details>\n`````\n"},
	} {
		if diff := cmp.Diff(tc.wants, tc.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestRedact(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"get https://user:hunter2@example.org/x: refused", "get https://<redacted>@example.org/x: refused"},
		{"https://user:p@ss@example.org", "https://<redacted>@example.org"},
		{"https://example.org/x?token=hunter2&a=b", "https://example.org/x?token=<redacted>&a=b"},
		{"https://example.org/?a=b&access_token=hunter2", "https://example.org/?a=b&access_token=<redacted>"},
		{"https://hooks.slack.com/services/T0/B0/hunter2 x", "https://hooks.slack.com/services/<redacted> x"},
		{"+    password: hunter2", "+    password: <redacted>"},
		{" - bearer_token: hunter2\n   credentials: \"a b\"\n+  x: y", " - bearer_token: <redacted>\n   credentials: <redacted>\n+  x: y"},
		{"-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\nx", "<redacted>\nx"},
		{"passwordKey: smtp-password\npassword_file: /etc/x\nexpr: password > 1", "passwordKey: smtp-password\npassword_file: /etc/x\nexpr: password > 1"},
		{"https://example.org/a:b@c", "https://example.org/a:b@c"},
	} {
		if diff := cmp.Diff(tc.want, redact(tc.in)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestComment is what is said of changes that a repo can hardly be made to hold.
func TestComment(t *testing.T) {
	hostile := "</details> @all #1 ```\n# x"
	many := func(n int, s validate.Severity) []validate.Finding {
		var out []validate.Finding
		for i := range n {
			out = append(out, validate.Finding{
				Check: "rules/for", Severity: s, Pos: repolayout.Pos{File: "teams/x/rules/a.yaml", Line: i + 1},
				Message: fmt.Sprint(i, hostile, strings.Repeat("long ", 100)), Hint: hostile,
			})
		}
		return out
	}
	for _, tc := range []struct {
		name   string
		report report
		has    []string
	}{
		{"many errors", report{findings: many(10_000, validate.Error)}, []string{"Not valid: 10000 errors", "… and 9975 more"}},
		{"many warnings", report{findings: many(10_000, validate.Warning)}, []string{"Valid, with 10000 warnings", "<details><summary>10000 warnings"}},
		{"many alerts lose their state", report{lost: manyLost(10_000)}, []string{"Alerts that lose their state", "more\n"}},
		{"many tests fail", report{tests: testsChange{failures: manyFailures(3_000)}}, []string{"Tests that fail", "more\n"}},
		{"many environments", report{environments: manyEnvironments(3_000)}, []string{"and 2990 more", "groups of environments more"}},
		{"an answer that did not come", report{unanswered: []string{hostile}}, []string{"Not answered: &lt;/details&gt;"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.report.pull = forge.Pull{Number: 7, Base: "main", Head: "head"}
			tc.report.live = true
			for _, url := range []string{"", "https://watchbill.example.org/pulls/7"} {
				got := tc.report.comment(url)
				if len(got) > commentRoom {
					t.Errorf("%d bytes", len(got))
				}
				for _, want := range tc.has {
					if !strings.Contains(got, want) {
						t.Errorf("%q is not in it: %.2000s", want, got)
					}
				}
				if open, closed := strings.Count(got, "<details>"), strings.Count(got, "</details>"); open != closed {
					t.Errorf("%d details are opened, %d closed", open, closed)
				}
				if strings.Contains(outsideCode(got), "@all") {
					t.Error("somebody is mentioned")
				}
			}
			if page := tc.report.page(); len(page) > pageRoom {
				t.Errorf("the page has %d bytes", len(page))
			}
		})
	}
}

// outsideCode leaves code out, in blocks and within lines.
func outsideCode(markdown string) string {
	var out []string
	fence := ""
	for line := range strings.Lines(markdown) {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence == "" && strings.HasPrefix(trimmed, "```"):
			fence = strings.TrimRight(trimmed, "difyaml")
		case fence != "" && trimmed == fence:
			fence = ""
		case fence == "":
			out = append(out, outsideSpans(line))
		}
	}
	return strings.Join(out, "")
}

func outsideSpans(line string) string {
	var out strings.Builder
	for line != "" {
		before, rest, found := strings.Cut(line, "`")
		out.WriteString(before)
		if !found || strings.HasSuffix(before, `\`) {
			line = rest
			continue
		}
		run := "`" + rest[:len(rest)-len(strings.TrimLeft(rest, "`"))]
		_, line, _ = strings.Cut(strings.TrimLeft(rest, "`"), run)
	}
	return out.String()
}

func manyLost(n int) []lostAlert {
	var out []lostAlert
	for i := range n {
		out = append(out, lostAlert{environment: "prod", why: "its rule is removed", gone: true, alert: LiveAlert{
			Name: fmt.Sprint("Alert", i), State: "firing", Since: time.Unix(0, 0), Labels: map[string]string{"who": "` @all"},
		}})
	}
	return out
}

func manyFailures(n int) []testFailure {
	var out []testFailure
	for i := range n {
		out = append(out, testFailure{
			file: "teams/x/tests/a.yaml", test: "```", line: i, message: "expected 1 alert",
			diff: []string{"- " + strings.Repeat("x", 10_000), "+ ``` @all"},
		})
	}
	return out
}

// manyEnvironments differ in one thing each.
func manyEnvironments(n int) []environmentChange {
	var out []environmentChange
	for i := range n {
		f := textChange{verb: added, name: fmt.Sprint("prometheus/", i), diff: "+ @all\n" + strings.Repeat("+ x\n", 100), plus: 101}
		out = append(out, environmentChange{name: fmt.Sprint("env-", i), verb: changed, files: []textChange{f}})
	}
	return out
}
