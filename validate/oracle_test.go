package validate

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// oracleModules are the sources whose files are put before our checks and
// before the real programs. Alertmanager stands twice: our library is newer
// than the program that runs.
var oracleModules = []struct{ name, from, module string }{
	{"prometheus", ".", "github.com/prometheus/prometheus"},
	{"alertmanager", ".", "github.com/prometheus/alertmanager"},
	{"alertmanager-program", "../test/programs/alertmanager", "github.com/prometheus/alertmanager"},
	{"thanos", "../test/programs/thanos", "github.com/thanos-io/thanos"},
}

// corpusFile is a file of upstream's sources.
type corpusFile struct {
	name    string // with the module's in front
	path    string
	content string
}

const differencesFile = "testdata/oracle_differences.txt"

// TestOracle wants the same verdict on every file of upstream's sources as
// promtool's and amtool's, but for the differences that are listed with a reason.
func TestOracle(t *testing.T) {
	known, found := knownDifferences(t), map[string]bool{}
	corpus := readCorpus(t)
	for _, kind := range oracleKinds() {
		files := kind.files(corpus)
		theirs := kind.theirs(t, files)
		refused := 0
		for _, f := range files {
			ours := kind.ours(f)
			accept, ok := theirs[f.name]
			if !ok {
				t.Fatalf("the program says nothing of the %s file %s", kind.name, f.name)
			}
			if !accept {
				refused++
			}
			if accept == (len(ours) == 0) {
				continue
			}
			line := fmt.Sprintf("%s %s: ours=%s theirs=%s", kind.name, f.name, verdictWord(len(ours) == 0), verdictWord(accept))
			found[line] = true
			if known[line] == "" {
				t.Errorf("%s: [reason]\n\t%s", line, strings.Join(ours, "\n\t"))
			}
		}
		t.Logf("%d %s files are compared, of which the program refuses %d", len(files), kind.name, refused)
		if len(files) < kind.least {
			t.Errorf("only %d %s files were found, fewer than %d", len(files), kind.name, kind.least)
		}
	}
	for line := range known {
		if !found[line] {
			t.Errorf("%s lists a difference that there is not: %s", differencesFile, line)
		}
	}
}

func verdictWord(accept bool) string {
	if accept {
		return "accept"
	}
	return "refuse"
}

// readCorpus reads every file that could be of some kind, in order.
func readCorpus(t *testing.T) []corpusFile {
	t.Helper()
	var corpus []corpusFile
	for _, m := range oracleModules {
		root := moduleDir(t, m.from, m.module)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || strings.HasPrefix(d.Name(), ".") && d.IsDir() {
				return err
			}
			if d.IsDir() || strings.HasPrefix(d.Name(), ".") || !slices.Contains([]string{".yml", ".yaml", ".rules", ".tmpl", ".json"}, filepath.Ext(path)) {
				return nil
			}
			content, err := os.ReadFile(path)
			corpus = append(corpus, corpusFile{m.name + strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(root)), path, string(content)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return corpus
}

// knownDifferences are the reasons, by what differs.
func knownDifferences(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile(differencesFile)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, ": ")
		verdicts, reason, _ := strings.Cut(rest, ": ")
		if reason == "" {
			t.Fatalf("%s: %q has no reason", differencesFile, line)
		}
		known[name+": "+verdicts] = reason
	}
	return known
}
