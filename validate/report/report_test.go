package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

var update = flag.Bool("update", false, "write the golden files anew")

var sources = map[string]string{
	"a.yaml": "one\n\texpr: ä sum(up\r\nthree\n" + strings.Repeat("0123456789", 30) + "\n\x1b[31mred\n" +
		"expr: 日本 sum(up) # 日本\nexpr: |\n  sum(\n    up)\n",
	"b, 100%:c.yaml": "last line",
}

func finding(severity validate.Severity, file string, line, column, endLine, endColumn int, message, hint string) validate.Finding {
	return validate.Finding{
		Check: "rules/syntax", Severity: severity, Pos: repolayout.Pos{File: file, Line: line, Column: column},
		EndLine: endLine, EndColumn: endColumn, Message: message, Hint: hint, Owner: "payments",
	}
}

func findings() []validate.Finding {
	out := []validate.Finding{
		finding(validate.Error, "a.yaml", 2, 10, 2, 13, "unclosed", "close it"),
		finding(validate.Warning, "a.yaml", 4, 250, 4, 255, "far right", ""),
		finding(validate.Warning, "a.yaml", 4, 1, 4, 290, "too long", "100%: record\nparts of it"),
		finding(validate.Error, "a.yaml", 5, 1, 0, 0, "an \x1b escape", ""),
		finding(validate.Error, "a.yaml", 6, 10, 6, 13, "after wide characters", ""),
		finding(validate.Error, "a.yaml", 8, 3, 9, 8, "over two lines\n- want: 1\n+ got:\t2", ""),
		finding(validate.Error, "a.yaml", 99, 1, 0, 0, "no such line", ""),
		finding(validate.Error, "b, 100%:c.yaml", 1, 10, 0, 0, "at the end: 5%, or so", ""),
		finding(validate.Error, "gone.yaml", 0, 0, 0, 0, "no line", "add it"),
		finding(validate.Error, "", 0, 0, 0, 0, "no file", ""),
	}
	out[1].Others = []string{"search", "web"}
	out[8].Check = "layout/missing-file"
	out[9].Check = "some/thing-new"
	return out
}

func options() Options {
	return Options{Version: "1.2.3", Files: []string{"a.yaml", "fine.yaml"}, Source: func(path string) []byte {
		if content, ok := sources[path]; ok {
			return []byte(content)
		}
		return nil
	}}
}

func TestGolden(t *testing.T) {
	in := func(change func(*Options)) Options {
		o := options()
		change(&o)
		return o
	}
	tests := []struct {
		name string
		to   func(io.Writer, []validate.Finding, Options) error
		o    Options
	}{
		{"text.txt", Text, options()},
		{"color.txt", Text, in(func(o *Options) { o.Color = true })},
		{"narrow.txt", Text, in(func(o *Options) { o.Width = 20 })},
		{"folder.txt", Text, in(func(o *Options) { o.Folder = "monitoring/repo" })},
		{"github.txt", GitHub, in(func(o *Options) { o.Folder = "monitoring" })},
		{"sarif.json", SARIF, in(func(o *Options) { o.Folder = "monitoring repo" })},
		{"junit.xml", JUnit, in(func(o *Options) { o.Folder = "monitoring" })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := tt.to(&out, findings(), tt.o); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, shortened(t, tt.name, out.Bytes()))
		})
	}
}

// shortened leaves the rules that found nothing out of a golden file, as they
// are every check that there is.
func shortened(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	if name != "sarif.json" {
		return content
	}
	log := readSARIF(t, content)
	var used []sarifRule
	for _, r := range log.Runs[0].Tool.Driver.Rules {
		for _, f := range findings() {
			if f.Check == r.ID {
				used = append(used, r)
				break
			}
		}
	}
	log.Runs[0].Tool.Driver.Rules = used
	for i := range log.Runs[0].Results {
		log.Runs[0].Results[i].RuleIndex = -1
	}
	out, err := json.MarshalIndent(log, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestNothingFound(t *testing.T) {
	for name, tt := range map[string]struct {
		to   func(io.Writer, []validate.Finding, Options) error
		want string
	}{
		"text":   {Text, "0 errors, 0 warnings\n"},
		"github": {GitHub, "0 errors, 0 warnings\n"},
	} {
		var out bytes.Buffer
		if err := tt.to(&out, nil, Options{}); err != nil || out.String() != tt.want {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
	}
	var out bytes.Buffer
	if err := SARIF(&out, nil, Options{}); err != nil || !strings.Contains(out.String(), `"results": []`) {
		t.Errorf("sarif: %s, %v", out.String(), err)
	}
}

func TestWordAt(t *testing.T) {
	for _, line := range []string{ // the mark stands between « and »
		"  «fro»: 10m", "- «\"a b\"»: 1", "  team: «search»", "  team: «search» # why", "- alert: «\"a \\\" b\" »# c",
		"  expr: «sum(rate(up[5m])) > 1»", "    «ratee»(up[5m])", "  + «job:up:sum» / 2", "    x«)») > 1", "  expr: «|»", "a«»",
		"日本: «sum»", "日本 «日本» x", "  - «name»: x", "  a: [«b», c]", "x «'it''s'» y",
	} {
		plain := strings.NewReplacer("«", "", "»", "").Replace(line)
		before, rest, _ := strings.Cut(line, "«")
		word, _, _ := strings.Cut(rest, "»")
		want := max(1, utf8.RuneCountInString(strings.TrimRight(word, " ")))
		if got := wordAt(plain, utf8.RuneCountInString(before)); got != want {
			t.Errorf("%s: %d characters, want %d", line, got, want)
		}
	}
}

// TestManyFindings: those of one check do not hide the others, and errors come first.
func TestManyFindings(t *testing.T) {
	var many []validate.Finding
	for i := range 1000 {
		many = append(many, finding(validate.Error, "a.yaml", i+1, 1, 0, 0, "wrong", ""))
	}
	rare := finding(validate.Error, "b.yaml", 1, 1, 0, 0, "rare", "")
	rare.Check = "rules/duplicate"
	warning := finding(validate.Warning, "c.yaml", 1, 1, 0, 0, "a warning", "")
	many = append(many, rare, warning)
	var out bytes.Buffer
	if err := Text(&out, many, Options{Limit: 4}); err != nil {
		t.Fatal(err)
	}
	want := `a.yaml:1:1: error: wrong [rules/syntax]
a.yaml:2:1: error: wrong [rules/syntax]
a.yaml:3:1: error: wrong [rules/syntax]
b.yaml:1:1: error: rare [rules/duplicate]

4 of 1002 findings are shown; --all shows the rest:
    1000 errors in 1 file, 3 shown [rules/syntax]
       1 error in 1 file, 1 shown [rules/duplicate]
       1 warning in 1 file, 0 shown [rules/syntax]
1001 errors, 1 warning in 3 files
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out.Reset()
	if err := Text(&out, many, Options{}); err != nil || strings.Count(out.String(), ": wrong [") != 1000 {
		t.Errorf("without a limit: %d bytes, %v", out.Len(), err)
	}
}

func readSARIF(t *testing.T, content []byte) sarifLog {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var log sarifLog
	if err := decoder.Decode(&log); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestSARIFStructure(t *testing.T) {
	var out bytes.Buffer
	if err := SARIF(&out, findings(), options()); err != nil {
		t.Fatal(err)
	}
	run := readSARIF(t, out.Bytes()).Runs[0]
	for _, r := range run.Tool.Driver.Rules {
		page, ok := strings.CutPrefix(r.HelpURI, pages)
		if !ok || r.Short.Text == "" || !regexp.MustCompile(`^(error|warning)$`).MatchString(r.Default.Level) {
			t.Errorf("rule %+v", r)
		}
		if _, err := os.Stat(filepath.Join("../../docs/checks", page)); err != nil && (r.ID == "rules/syntax" || r.ID == "layout/missing-file") {
			t.Errorf("rule %s: its page: %v", r.ID, err)
		}
	}
	seen := map[string]bool{}
	for i, r := range run.Results {
		if got := run.Tool.Driver.Rules[r.RuleIndex].ID; got != r.RuleID || r.RuleID != findings()[i].Check {
			t.Errorf("result %d is of %s by its index and of %s by its id", i, got, r.RuleID)
		}
		print := r.Fingerprints["watchbillFinding/v1"]
		if print == "" || seen[print] {
			t.Errorf("result %d: the fingerprint %q is not its own", i, print)
		}
		seen[print] = true
	}
}

// TestFingerprintStays when lines are added above a finding.
func TestFingerprintStays(t *testing.T) {
	of := func(source string, line int) string {
		var out bytes.Buffer
		f := finding(validate.Error, "a.yaml", line, 1, 0, 0, "wrong", "")
		if err := SARIF(&out, []validate.Finding{f}, Options{Source: func(string) []byte { return []byte(source) }}); err != nil {
			t.Fatal(err)
		}
		return readSARIF(t, out.Bytes()).Runs[0].Results[0].Fingerprints["watchbillFinding/v1"]
	}
	if of("expr: up\n", 1) != of("# new\n\n  expr: up\n", 3) {
		t.Error("it changed with the line's number")
	}
	if of("expr: up\n", 1) == of("expr: down\n", 1) {
		t.Error("it is the same for another line")
	}
}

// TestSARIFSchema holds the output against the standard's own schema, which a
// linter brings into the module cache.
func TestSARIFSchema(t *testing.T) {
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Skip("no go command")
	}
	found, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(cache)), "github.com/securego/gosec/v2@*/report/sarif/testdata/sarif-schema-2.1.0.json"))
	if len(found) == 0 {
		t.Skip("no schema of SARIF in the module cache")
	}
	compiled, err := jsonschema.NewCompiler().Compile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, given := range map[string][]validate.Finding{"findings": findings(), "nothing": nil} {
		var out bytes.Buffer
		if err := SARIF(&out, given, options()); err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJUnitIsXML(t *testing.T) {
	var out bytes.Buffer
	if err := JUnit(&out, findings(), options()); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	tests, failures := 0, 0
	for _, s := range got.Suites {
		names = append(names, s.Name)
		tests += len(s.Cases)
		for _, c := range s.Cases {
			if c.Failure != nil {
				failures++
			}
		}
	}
	if diff := cmp.Diff([]string{"the repo", "a.yaml", "b, 100%:c.yaml", "fine.yaml", "gone.yaml"}, names); diff != "" {
		t.Errorf("suites (-want +got):\n%s", diff)
	}
	if got.Tests != tests || got.Failures != failures || tests != 11 || failures != 8 {
		t.Errorf("%d tests and %d failures are said, %d and %d are there", got.Tests, got.Failures, tests, failures)
	}
}

// TestGitHubCommands: nothing that a user wrote makes a command of its own.
func TestGitHubCommands(t *testing.T) {
	evil := finding(validate.Error, "a\n::set-env name=x::y,line=9.yaml", 1, 1, 0, 0, "x\r\n::stop-commands::z", "%0A::debug::")
	var out bytes.Buffer
	if err := GitHub(&out, []validate.Finding{evil}, Options{}); err != nil {
		t.Fatal(err)
	}
	want := "::error file=a%0A%3A%3Aset-env name=x%3A%3Ay%2Cline=9.yaml,line=1,col=1,title=rules/syntax::x�%0A::stop-commands::z%0Ahint: %250A::debug::\n1 error, 0 warnings in 1 file\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
