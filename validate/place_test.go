package validate

import (
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// placeIn finds where the byte at offset of a YAML scalar's value stands in the
// file, given where the scalar begins.
func placeIn(content []byte, scalar repolayout.Pos, value string, offset int) repolayout.Pos {
	if offset > len(value) {
		return scalar
	}
	var f Finding
	f.Mark(content, scalar, value, offset, offset)
	return f.Pos
}

// TestPlaceIn marks a place in the source by ^ and says at which byte of the value it stands.
func TestPlaceIn(t *testing.T) {
	tests := []struct{ name, yaml, value string }{
		{"plain", "expr: sum(^up)", "sum(^up)"},
		{"characters of several bytes", "expr: äöü ^up", "äöü ^up"},
		{"plain in several lines", "expr: sum(up)\n    /\n    ^down", "sum(up) / ^down"},
		{"single quotes", "expr: 'up{a=''b'',^c=''d''}'", "up{a='b',^c='d'}"},
		{"double quotes", `expr: "up{a=\"b\",^c=\"d\"}"`, `up{a="b",^c="d"}`},
		{"escapes", `expr: "a\n\x41\u00e9 \` + "\n" + `   ^b"`, "a\nAé ^b"},
		{"literal", "expr: |\n  sum(\n    up\n  ) / ^down\n", "sum(\n  up\n) / ^down\n"},
		{"literal, blank lines and a comment", "expr: |- # why\n\n  sum(\n\n  ^up)\n", "\nsum(\n\n^up)"},
		{"literal, deeper at first", "expr: |2\n    up\n  / ^down\n", "  up\n/ ^down\n"},
		{"folded", "expr: >-\n  sum(\n    up)\n\n  / ^down\n", "sum(\n  up)\n\n/ ^down"},
		{"end", "expr: sum(up^\nother: x", "sum(up^"},
		{"end of a literal", "expr: |\n  sum(up^\n", "sum(up^\n"},
		{"blank inside", "expr: a  ^  b", "a  ^  b"},
		{"tag and anchor", "expr: !!str &a sum(^up)", "sum(^up)"},
		{"windows lines", "expr: |\r\n  sum(\r\n  ^up)\r\n", "sum(\n^up)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source := strings.Replace(tt.yaml, "^", "", 1)
			line, column := lineColumn([]byte(source), strings.Index(tt.yaml, "^"))
			want := fmt.Sprintf("%d:%d", line, column)

			var doc struct {
				Expr yaml.Node `yaml:"expr"`
			}
			if err := yaml.Unmarshal([]byte(source), &doc); err != nil {
				t.Fatal(err)
			}
			value := strings.Replace(tt.value, "^", "", 1)
			if doc.Expr.Value != value {
				t.Fatalf("the value is %q, not %q", doc.Expr.Value, value)
			}
			start := repolayout.Pos{Line: doc.Expr.Line, Column: doc.Expr.Column}
			at := placeIn([]byte(source), start, value, strings.Index(tt.value, "^"))
			if got := fmt.Sprintf("%d:%d", at.Line, at.Column); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestPlaceInFallsBack(t *testing.T) {
	start := repolayout.Pos{File: "a", Line: 1, Column: 7}
	for _, source := range []string{"expr: *alias", "", "expr:", "expr: other"} {
		if got := placeIn([]byte(source), start, "sum(up)", 4); got != start {
			t.Errorf("%q: got %+v, want the scalar's place", source, got)
		}
	}
}
