package ruletest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v2"
)

var (
	generated = flag.Int("generated", 200, "how many generated test files are held against promtool")
	seed      = flag.Uint64("seed", 1, "of the first generated test file")
)

// TestGenerated makes test files, fills in what we say comes of them, and spoils
// some: promtool must pass and fail the same ones. As the filled ones hold every
// alert, annotation and value that we computed, each has to be exactly promtool's.
func TestGenerated(t *testing.T) {
	promtool(t)
	dir := t.TempDir()
	var names, whys []string
	var want []bool
	passed := 0
	for i := range *generated {
		g := newGenerator(*seed + uint64(i))
		rules, tests := g.rules(), g.tests()
		ruleName, testName := fmt.Sprintf("rules-%d.yml", i), fmt.Sprintf("test-%d.yml", i)
		tests.RuleFiles = []string{ruleName}
		g.fill(t, rules, ruleName, tests)
		if g.IntN(4) == 0 {
			g.spoil(tests)
		}
		root := fstest.MapFS{ruleName: {Data: rules}, testName: {Data: marshal(t, tests)}}
		for name, file := range root {
			if err := os.WriteFile(filepath.Join(dir, name), file.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, why := ours(t, &Runner{FS: root}, testName, nil)
		if got {
			passed++
		}
		names, want, whys = append(names, testName), append(want, got), append(whys, why)
	}
	verdict := verdicts(t, dir, names)
	for i, name := range names {
		if verdict[name] != want[i] {
			rules, _ := os.ReadFile(filepath.Join(dir, fmt.Sprintf("rules-%d.yml", i)))
			tests, _ := os.ReadFile(filepath.Join(dir, name))
			t.Errorf("-seed %d: promtool passes: %v, we pass: %v\n%s\n%s\n%s", *seed+uint64(i), verdict[name], want[i], whys[i], rules, tests)
		}
	}
	t.Logf("%d of %d files pass", passed, len(names))
	if passed < len(names)*3/10 || passed > len(names)*9/10 {
		t.Errorf("%d of %d generated files pass: the set is one-sided", passed, len(names))
	}
}

func marshal(t *testing.T, f *rawFile) []byte {
	t.Helper()
	content, err := yaml.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// fill writes into the tests what comes of them.
func (g *generator) fill(t *testing.T, rules []byte, ruleName string, raw *rawFile) {
	t.Helper()
	f, problems := Parse("test.yml", marshal(t, raw))
	if f == nil {
		t.Fatal(problems)
	}
	results := (&Runner{FS: fstest.MapFS{ruleName: {Data: rules}, "test.yml": {}}}).Run(t.Context(), []*File{f}, Options{})
	for i, result := range results.Files[0].Tests {
		for _, failure := range result.Failures {
			switch failure.Kind {
			case KindAlert:
				for j := range f.Tests[i].AlertTests {
					if f.Tests[i].AlertTests[j].Position == failure.Position {
						raw.Tests[i].AlertRuleTests[j].ExpAlerts = expectedAlerts(t, failure.Got)
					}
				}
			case KindExpr:
				for j := range f.Tests[i].ExprTests {
					if f.Tests[i].ExprTests[j].Position == failure.Position {
						raw.Tests[i].PromqlExprTests[j].ExpSamples = expectedSamples(t, failure.Got)
					}
				}
			}
		}
	}
}

func expectedAlerts(t *testing.T, got []string) (alerts []rawAlert) {
	t.Helper()
	for _, text := range got {
		ls, annotations, _ := strings.Cut(text, " annotations ")
		a := rawAlert{ExpLabels: mapOf(t, ls), ExpAnnotations: mapOf(t, annotations)}
		delete(a.ExpLabels, labels.AlertName)
		alerts = append(alerts, a)
	}
	return alerts
}

func mapOf(t *testing.T, text string) map[string]string {
	t.Helper()
	if text == "" {
		return nil
	}
	l, err := promQL.ParseMetric(text)
	if err != nil {
		t.Fatal(err)
	}
	return l.Map()
}

func expectedSamples(t *testing.T, got []string) (samples []rawSample) {
	t.Helper()
	for _, text := range got {
		end := strings.LastIndexByte(text, '}') + 1
		if at := strings.Index(text, " {{"); at >= 0 {
			samples = append(samples, rawSample{Labels: text[:at], Histogram: text[at+1:]})
			continue
		}
		var v float64
		if _, err := fmt.Sscan(text[end:], &v); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		samples = append(samples, rawSample{Labels: text[:end], Value: v})
	}
	return samples
}
