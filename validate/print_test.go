package validate

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func TestPrint(t *testing.T) {
	sources := map[string]string{
		"a.yaml": "one\n\texpr: ä sum(up\nthree\n" + string(bytes.Repeat([]byte("0123456789"), 30)) + "\n\x1b[31mred\n",
	}
	at := func(file string, line, column int) repolayout.Pos {
		return repolayout.Pos{File: file, Line: line, Column: column}
	}
	findings := []Finding{
		{Check: "rules/syntax", Severity: Error, Pos: at("a.yaml", 2, 10), Message: "unclosed", Hint: "close it"},
		{Check: "rules/syntax", Severity: Warning, Pos: at("a.yaml", 4, 250), Message: "far right", Others: []string{"search", "web"}},
		{Check: "rules/syntax", Severity: Error, Pos: at("a.yaml", 5, 1), Message: "an \x1b escape\nof the terminal"},
		{Check: "rules/syntax", Severity: Error, Pos: at("a.yaml", 99, 1), Message: "no such line"},
		{Check: "rules/syntax", Severity: Error, Pos: at("gone.yaml", 1, 1), Message: "no such file"},
		{Check: "layout/missing-file", Severity: Error, Pos: at("b.yaml", 0, 0), Message: "no line", Hint: "add it"},
	}
	var got bytes.Buffer
	if err := Print(&got, findings, func(path string) []byte { return []byte(sources[path]) }); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/print.txt", got.Bytes())

	got.Reset()
	if err := Print(&got, nil, nil); err != nil || got.String() != "0 errors, 0 warnings\n" {
		t.Errorf("without findings: %q, %v", got.String(), err)
	}
}

func TestPrintJSON(t *testing.T) {
	want := []Finding{{
		Check: "a/b", Severity: Error, Pos: repolayout.Pos{File: "f", Line: 1, Column: 2},
		Owner: "o", Message: "<m>", Hint: "h", Others: []string{"p"},
	}}
	var out bytes.Buffer
	if err := PrintJSON(&out, want); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/print.json", out.Bytes())
	var got []Finding
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	out.Reset()
	if err := PrintJSON(&out, nil); err != nil || out.String() != "[]\n" {
		t.Errorf("without findings: %q, %v", out.String(), err)
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
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
