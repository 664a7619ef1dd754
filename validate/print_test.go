package validate

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

func TestPrintJSON(t *testing.T) {
	want := []Finding{{
		Check: "a/b", Severity: Error, Pos: repolayout.Pos{File: "f", Line: 1, Column: 2},
		EndLine: 1, EndColumn: 5, Owner: "o", Message: "<m>", Hint: "h", Others: []string{"p"},
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
