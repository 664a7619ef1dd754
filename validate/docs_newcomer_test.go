package validate

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// TestExamplesOfPagesInTheExample tries the pages' examples as a newcomer does,
// who puts them into the example repo: there the bad one has the page's finding,
// and the good one has none at all. Nobody can put in what is only rendered.
func TestExamplesOfPagesInTheExample(t *testing.T) {
	tried, n := 0, newNewcomer()
	for _, c := range Checks() {
		bad, good := examplesOf(t, c.ID)
		rendered := strings.Contains(bad, "yaml alertmanager.yml\n") || strings.Contains(bad, "yaml prometheus.yml\n")
		if strings.HasPrefix(c.ID, "live/") || !block.MatchString(bad) || rendered {
			continue
		}
		tried++
		t.Run(c.ID, func(t *testing.T) {
			found, shown := n.tries(t, bad)
			isPages := func(f Finding) bool { _, ok := shown[f.File]; return ok && f.Check == c.ID }
			if !slices.ContainsFunc(found, isPages) {
				t.Errorf("the bad example has only %q", lines(found))
			}
			found, shown = n.tries(t, good)
			if shown["watchbill.yaml"] != "" { // policies are for all files
				found = slices.DeleteFunc(found, func(f Finding) bool { return shown[f.File] == "" })
			}
			if diff := cmp.Diff([]string(nil), lines(found)); diff != "" {
				t.Errorf("the good example (-want +got):\n%s", diff)
			}
		})
	}
	if tried < 30 {
		t.Errorf("only %d pages have an example to try", tried)
	}
}

// newcomer remembers what was found in the example repo itself.
type newcomer struct {
	loader    *repolayout.Loader
	validator *Validator
	tests     Tests
	routing   Routing
}

func newNewcomer() *newcomer { return &newcomer{loader: repolayout.NewLoader(), validator: New()} }

// tries is what is found when the files that a page shows are put into
// the example repo, and these files.
func (n *newcomer) tries(t *testing.T, text string) (found []Finding, shown map[string]string) {
	t.Helper()
	shown, before := map[string]string{}, map[string]string{}
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		if path, ok := strings.CutPrefix(m[1], "before/"); ok {
			before[path] = m[2]
		} else {
			shown[m[1]] = m[2]
		}
	}
	found = n.check(t, shown)
	if len(before) > 0 {
		removed := Removed(loaded(t, exampleWith(t, before)), loaded(t, exampleWith(t, shown)), time.Time{})
		found = WithRemoved(found, removed)
	}
	return found, shown
}

// exampleWith is the example repo with files added, or put in place of its own.
func exampleWith(t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(repolayout.Example(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(repolayout.Example(), path)
		all[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range files {
		if strings.HasPrefix(path, "teams/search/") {
			all["teams/search/team.yaml"] = base["teams/search/team.yaml"]
		}
	}
	maps.Copy(all, files)
	return all
}

// check looks at all that can be looked at: the routes only where no error stands in the way.
func (n *newcomer) check(t *testing.T, files map[string]string) []Finding {
	t.Helper()
	fsys := fstest.MapFS{}
	for path, content := range exampleWith(t, files) {
		fsys[path] = &fstest.MapFile{Data: []byte(content)}
	}
	repo, problems := n.loader.Load(fsys)
	found := append(Problems(problems), n.validator.Repo(repo)...)
	found = append(found, n.tests.Check(fsys, repo)...)
	if len(Blocking(found)) == 0 {
		found = append(found, checkRoutes(t, &n.routing, repo, nil)...)
	}
	return found
}
