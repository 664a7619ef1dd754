package repolayout

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestCodeOwners has the examples of GitHub's documentation among others.
func TestCodeOwners(t *testing.T) {
	for _, tt := range []struct {
		text, file string
		owned      bool
		line       int
	}{
		{"* @a", "teams/a/team.yaml", true, 1},
		{"*.js @a", "teams/a/x.js", true, 1},
		{"*.js @a", "teams/a/x.jsx", false, 0},
		{"/build/logs/ @a", "build/logs/x/y", true, 1},
		{"/build/logs/ @a", "x/build/logs/y", false, 0},
		{"docs/* a@example.org", "docs/x.md", true, 1},
		{"docs/* a@example.org", "docs/x/y.md", false, 0},
		{"apps/ @a", "x/apps/y", true, 1},
		{"apps/ @a", "apps", false, 0},
		{"/docs/ @a", "docs/x", true, 1},
		{"**/logs @a", "build/logs/x", true, 1},
		{"**/logs @a", "logs/x", true, 1},
		{"/teams/a @a", "teams/a/rules/x", true, 1},
		{"/teams/a @a", "teams/ab/rules/x", false, 0},
		{"/teams/** @a", "teams/a/rules/x", true, 1},
		{"teams/a/ @a", "x/teams/a/y", false, 0},
		{"teams/?/ @a", "teams/a/y", true, 1},
		{"# all\n\n* @a # everybody\n/teams/a/\n", "teams/a/y", false, 4},
		{"/teams/a/\n* @a\n", "teams/a/y", true, 2},
		{"/teams/a\\ b/ @a", "teams/a b/y", true, 1},
		{"!teams/a @a\nteams/[ab] @a", "teams/a/y", false, 0},
		{"* @a\r\n/teams/a/\r\n", "teams/a/y", false, 2},
	} {
		c := new(report).parseCodeOwners(&File{Content: []byte(tt.text)}).(*CodeOwners)
		if owned, line := c.Owned(tt.file); owned != tt.owned || line != tt.line {
			t.Errorf("%q of %q: %t by line %d, want %t by line %d", tt.file, tt.text, owned, line, tt.owned, tt.line)
		}
	}
}

// TestCodeOwnersPlaces: GitHub takes the first file that there is.
func TestCodeOwnersPlaces(t *testing.T) {
	fsys := fstest.MapFS{"watchbill.yaml": {Data: []byte("components: {}\n")}}
	got := []string{}
	for _, file := range []string{"", "docs/CODEOWNERS", "CODEOWNERS", ".github/CODEOWNERS"} {
		if file != "" {
			fsys[file] = &fstest.MapFile{Data: []byte("* @a\n")}
		}
		repo, _ := NewLoader().Load(fsys)
		found := "none"
		if repo.CodeOwners != nil {
			found = repo.CodeOwners.Path
		}
		got = append(got, fmt.Sprint(found))
	}
	if diff := cmp.Diff([]string{"none", "docs/CODEOWNERS", "CODEOWNERS", ".github/CODEOWNERS"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	fsys[".github/CODEOWNERS"].Data = []byte("\xff")
	if repo, problems := NewLoader().Load(fsys); repo.CodeOwners != nil || len(problems) == 0 || problems[0].Check != encoding {
		t.Errorf("of bytes that are no text: %v, %v", repo.CodeOwners, problems)
	}
}
