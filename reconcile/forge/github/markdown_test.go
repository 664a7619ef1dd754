package github

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestCutMarkdown(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("0123456789\n", n) }
	const notice = cutNotice
	tests := []struct {
		name, text, want string
		most             int
	}{
		{"short", "one\ntwo", "one\ntwo", 7},
		{"at a line", lines(20), "0123456789\n0123456789" + notice, 60},
		{"in a fence", "```diff\n" + lines(20), "```diff\n0123456789\n0123456789\n```" + notice, 70},
		{"in a long fence", "text\n~~~~ diff\n~~~\n```\n" + lines(20), "text\n~~~~ diff\n~~~\n```\n0123456789\n~~~~" + notice, 80},
		{"after a fence", "```\na\n```\n" + lines(20), "```\na\n```\n0123456789\n0123456789" + notice, 70},
		{"a fence in a fence", "````\n```\n" + lines(20), "````\n```\n0123456789\n````" + notice, 66},
		{"not a fence", "``` a `b`\n    ```\n" + lines(20), "``` a `b`\n    ```\n0123456789" + notice, 66},
		{"in details", "<details>\n<summary>a</summary>\n\n" + lines(20), "<details>\n<summary>a</summary>\n\n0123456789\n\n</details>" + notice, 100},
		{"in two details", "<Details open>\n<details>\n</details>\n<details>\n\n" + lines(20), "<Details open>\n<details>\n</details>\n<details>\n\n0123456789\n\n</details>\n\n</details>" + notice, 125},
		{"in a fence in details", "<details>\n\n```\n<details>\n" + lines(20), "<details>\n\n```\n<details>\n0123456789\n```\n\n</details>" + notice, 90},
		{"one long line", strings.Repeat("ä", 100), strings.Repeat("ä", 60-len([]rune(notice))) + notice, 60},
		{"no utf-8", "a\xff\n" + lines(20), "a\uFFFD\n0123456789" + notice, 50},
	}
	for _, test := range tests {
		got := cutMarkdown(test.text, test.most, utf8.RuneCountInString)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
		if n := utf8.RuneCountInString(got); n > test.most {
			t.Errorf("%s: %d characters", test.name, n)
		}
	}
	if got := cutMarkdown(strings.Repeat("ä", 100), 99, byteLen); len(got) > 99 || len(got) < 97 || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func FuzzCutMarkdown(f *testing.F) {
	f.Add("```go\na\n```\n<details>\n\nb\n", 100)
	f.Add("~~~\n<details><details>\n"+strings.Repeat("x\n", 100), 120)
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = 40 + max(most, -most)%5000
		for _, size := range []func(string) int{byteLen, utf8.RuneCountInString} {
			got := cutMarkdown(text, most, size)
			if size(got) > most && size(text) > most || !utf8.ValidString(got) {
				t.Errorf("%d of %d: %q", size(got), most, got)
			}
		}
	})
}
