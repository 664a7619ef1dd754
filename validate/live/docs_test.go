package live

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// block is an example with the path that it stands for.
var block = regexp.MustCompile("(?s)```\\w+ (\\S+)\n(.*?)```")

// TestExamplesOfPages wants that each bad example is found by its check alone, and
// that nothing is found in the good ones.
func TestExamplesOfPages(t *testing.T) {
	for _, id := range []string{costID, failsID, labelID, noSeriesID} {
		text, err := os.ReadFile("../../docs/checks/" + strings.ReplaceAll(id, "/", "-") + ".md")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\n## Bad\n")
		bad, rest, _ := strings.Cut(rest, "\n## Good\n")
		good, _, _ := strings.Cut(rest, "\n## How to fix it\n")
		for _, line := range example(t, bad) {
			if !strings.Contains(line, "["+id+"]") {
				t.Errorf("%s: the bad example has %s", id, line)
			}
		}
		if len(example(t, bad)) == 0 {
			t.Errorf("%s: nothing is found in the bad example", id)
		}
		if diff := cmp.Diff([]string(nil), example(t, good)); diff != "" {
			t.Errorf("%s: the good example (-want +got):\n%s", id, diff)
		}
	}
}

// example checks one, with a limit of samples that suits its few series.
func example(t *testing.T, text string) []string {
	t.Helper()
	files, series := map[string]string{}, ""
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		if m[1] == "series.load" {
			series = m[2]
		} else {
			files[m[1]] = m[2]
		}
	}
	if series == "" || len(files) == 0 {
		t.Fatalf("no example in %q", text)
	}
	return lines(Check(t.Context(), load(t, series).ask(), repoWith(t, files), Options{Now: after(time.Hour), MaxSamples: 100}))
}
