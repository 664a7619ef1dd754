package validate

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

const pages = "../docs/checks"

func pageOf(id string) string { return strings.ReplaceAll(id, "/", "-") + ".md" }

// TestPages holds the pages in step with the checks, both ways.
func TestPages(t *testing.T) {
	want := map[string]bool{"layout.md": true, "README.md": true}
	for _, c := range Checks() {
		want[pageOf(c.ID)] = true
		text, err := os.ReadFile(filepath.Join(pages, pageOf(c.ID)))
		if err != nil {
			t.Error(err)
			continue
		}
		if title := fmt.Sprintf("# %s: %s\n", c.ID, c.Title); !strings.HasPrefix(string(text), title) {
			t.Errorf("%s does not begin with %q", pageOf(c.ID), title)
		}
		for _, part := range []string{"\n## Why\n", "\n## Bad\n", "\n## Good\n", "\n## How to fix it\n"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s has no part %q", pageOf(c.ID), part)
			}
		}
	}
	entries, err := os.ReadDir(pages)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("%s is the page of no check", e.Name())
		}
	}
}

// TestGeneratedPages holds the index, and the page of the loader's checks.
func TestGeneratedPages(t *testing.T) {
	var index, layout strings.Builder
	index.WriteString("# Checks\n\nWhat Watchbill looks at before it writes anything. A finding names the id of its check.\n\n")
	index.WriteString("An error blocks its owner's change: a team that has one keeps its last good files, and everyone else's change goes out. A warning is only reported.\n\n")
	index.WriteString("| check | says that |\n| --- | --- |\n| [layout/*](layout.md) | the repo has the layout and the form that it should have |\n")
	for _, c := range Checks() {
		fmt.Fprintf(&index, "| [%s](%s) | %s |\n", c.ID, pageOf(c.ID), c.Title)
	}
	golden(t, filepath.Join(pages, "README.md"), []byte(index.String()))

	layout.WriteString("# layout/*: the repo has the layout and the form that it should have\n\n")
	layout.WriteString("These are found while the repo is read. What could be read is checked further all the same. A finding in a team's folder is the team's; any other is the whole repo's. ")
	layout.WriteString("The JSON schemas that the first lines of `watchbill.yaml`, `team.yaml` and `environments/*.yaml` name let an editor say most of this while you type.\n\n")
	layout.WriteString("| check | what is wrong |\n| --- | --- |\n")
	for _, c := range repolayout.Checks() {
		fmt.Fprintf(&layout, "| `%s` | %s |\n", c.ID, c.Title)
	}
	golden(t, filepath.Join(pages, "layout.md"), []byte(layout.String()))
}

// block is an example with the path that it stands for.
var block = regexp.MustCompile("(?s)```\\w+ (\\S+)\n(.*?)```")

// TestExamplesOfPages wants that each bad example is found by its check, and
// that nothing is found in the good ones.
func TestExamplesOfPages(t *testing.T) {
	for _, c := range Checks() {
		bad, good := examplesOf(t, c.ID)
		if c.ID == teamDuplicate || c.ID == repoSize { // their examples are no files, or too large; TestDuplicateTeams and TestSizes have them
			continue
		}
		if strings.HasPrefix(c.ID, "live/") { // they need series; package live tries them
			continue
		}
		found := checkExample(t, bad)
		if len(found) == 0 {
			t.Errorf("%s: nothing is found in the bad example", c.ID)
		}
		for _, f := range found {
			if f.Check != c.ID {
				t.Errorf("%s: the bad example has %v", c.ID, f)
			}
		}
		if diff := cmp.Diff([]string(nil), lines(checkExample(t, good))); diff != "" {
			t.Errorf("%s: the good example (-want +got):\n%s", c.ID, diff)
		}
	}
}

// examplesOf are the parts of a check's page that show what is bad and what is good.
func examplesOf(t *testing.T, id string) (bad, good string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(pages, pageOf(id)))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n## Bad\n")
	bad, rest, _ = strings.Cut(rest, "\n## Good\n")
	good, _, _ = strings.Cut(rest, "\n## How to fix it\n")
	return bad, good
}

func checkExample(t *testing.T, text string) []Finding {
	t.Helper()
	blocks := block.FindAllStringSubmatch(text, -1)
	if len(blocks) == 0 {
		t.Fatalf("no example in %q", text)
	}
	files, before := map[string]string{}, map[string]string{}
	for _, m := range blocks {
		if m[1] == "prometheus.yml" {
			return PrometheusConfig(m[1], []byte(m[2]))
		}
		if path, ok := strings.CutPrefix(m[1], "before/"); ok {
			before[path] = m[2]
			continue
		}
		files[m[1]] = m[2]
	}
	if len(before) == 0 {
		return checkRouted(t, files)
	}
	return WithRemoved(checkRouted(t, files), Removed(loaded(t, before), loaded(t, files), time.Time{}))
}
