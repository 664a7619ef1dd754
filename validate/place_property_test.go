package validate

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	yamlv2 "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// TestMarkEveryByte writes random expressions in every style of YAML, by two
// encoders and by hand, and wants of every byte of what YAML reads that it stands
// at its place in the file.
func TestMarkEveryByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	written := map[string]int{}
	for range 1000 {
		value := randomExpression(rng)
		for style, source := range writings(t, rng, value) {
			var doc struct {
				Groups []struct {
					Expr yaml.Node `yaml:"expr"`
				} `yaml:"groups"`
			}
			if err := yaml.Unmarshal([]byte(source), &doc); err != nil || len(doc.Groups) != 1 {
				continue // written in a style that cannot hold it
			}
			expr := doc.Groups[0].Expr
			if strings.TrimSpace(expr.Value) == "" {
				continue
			}
			written[style]++
			if why := everyByte(source, &expr); why != "" {
				t.Fatalf("%s: %s\nvalue %q\nfile  %q", style, why, expr.Value, source)
			}
		}
	}
	for _, style := range []string{"v2", "v3 literal", "v3 folded", "v3 single", "v3 double", "v3 plain", "plain", "single", "double", "literal", "folded"} {
		if written[style] < 150 {
			t.Errorf("%s: tried only %d times", style, written[style])
		}
	}
}

func everyByte(source string, expr *yaml.Node) string {
	scalar := repolayout.Pos{Line: expr.Line, Column: expr.Column}
	if _, _, ok := originsOf([]byte(source), scalar, expr.Value); !ok {
		return "not found in the file"
	}
	before := -1
	for i, r := range expr.Value {
		var f Finding
		f.Mark([]byte(source), scalar, expr.Value, i, i+utf8.RuneLen(r))
		from, ok := offsetOf([]byte(source), f.Line, f.Column)
		if !ok || from <= before {
			return fmt.Sprintf("byte %d stands at %d:%d, before or at the byte before it", i, f.Line, f.Column)
		}
		to, ok := offsetOf([]byte(source), f.EndLine, f.EndColumn)
		if !ok || to <= from {
			return fmt.Sprintf("byte %d ends at %d:%d", i, f.EndLine, f.EndColumn)
		}
		if raw := source[from:to]; !standsFor(raw, r) {
			return fmt.Sprintf("byte %d is %q and the file has %q there", i, r, raw)
		}
		before = from
	}
	return ""
}

// standsFor says whether the raw text is a character, in any of its writings.
func standsFor(raw string, r rune) bool {
	switch {
	case raw == string(r), r == '\'' && raw == "''":
		return true
	case (r == ' ' || r == '\n') && (raw == "\n" || raw == "\r\n" || raw == "\u0085"):
		return true
	case !strings.HasPrefix(raw, `\`):
		return false
	}
	var read string
	err := yaml.Unmarshal([]byte(`"`+raw+`"`), &read)
	return err == nil && read == string(r)
}

func randomExpression(rng *rand.Rand) string {
	words := []string{
		"sum", "by", "(", ")", "up", "==", "0", " ", " ", " ", "  ", "\n", "\n", "\n  ", "\n\n", "[5m]", "{", "}", "'", `"`, `\`, "äö", "日本", "😀",
		"#", " # ", ": ", "a=~\"b.+\"", ",", "/", "\t", "-", "| ", "> ", "&a", "*b", "!", "%", "@", "\u00a0", "\x1b", "\u2028", "\u0085",
	}
	var b strings.Builder
	for range 1 + rng.IntN(14) {
		b.WriteString(words[rng.IntN(len(words))])
	}
	return b.String()
}

func writings(t *testing.T, rng *rand.Rand, value string) map[string]string {
	t.Helper()
	out := map[string]string{
		"plain":   byHand(strings.Join(strings.Fields(value), pick(rng, " ", "  ", "\n      ", "\n\n     ", " \n \n      "))),
		"single":  byHand("'" + strings.ReplaceAll(refold(rng, value), "'", "''") + "'"),
		"double":  byHand(`"` + escaped(rng, value) + `"`),
		"literal": byHand(blockByHand(rng, "|", value)),
		"folded":  byHand(blockByHand(rng, ">", value)),
	}
	if rng.IntN(4) == 0 {
		for style, source := range out {
			out[style] = strings.ReplaceAll(source, "\n", "\r\n")
		}
	}
	for style, kind := range map[string]yaml.Style{
		"v3 literal": yaml.LiteralStyle, "v3 folded": yaml.FoldedStyle, "v3 single": yaml.SingleQuotedStyle,
		"v3 double": yaml.DoubleQuotedStyle, "v3 plain": 0, "v3 tagged": yaml.TaggedStyle,
	} {
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: kind}
		content, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"expr": node}}})
		if err != nil {
			t.Fatal(err)
		}
		out[style] = string(content)
	}
	content, err := yamlv2.Marshal(map[string]any{"groups": []any{map[string]any{"expr": strings.Repeat(value+" ", 1+rng.IntN(9))}}})
	if err != nil {
		t.Fatal(err)
	}
	out["v2"] = string(content)
	return out
}

func byHand(scalar string) string {
	return "# before äö\ngroups:\n  - name: 日本\n    expr: " + scalar + "\n    other: x\n"
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// refold breaks lines where there are blanks, and indents the lines that there are.
func refold(rng *rand.Rand, value string) string {
	var b strings.Builder
	for _, r := range value {
		switch {
		case r == '\n':
			b.WriteString(pick(rng, "\n\n     ", " \n\n\t  "))
		case r == ' ' && rng.IntN(3) == 0:
			b.WriteString(pick(rng, "\n     ", "  \n     "))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func escaped(rng *rand.Rand, value string) string {
	var b strings.Builder
	for _, r := range value {
		switch {
		case rng.IntN(12) == 0:
			b.WriteString("\\\n      ")
			fallthrough
		case rng.IntN(6) == 0:
			b.WriteString(strings.ReplaceAll(fmt.Sprintf("\\U%8x", r), " ", "0"))
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(pick(rng, `\n`, "\n\n     ", `\n`+"\\\n     "))
		case r == '\x1b':
			b.WriteString(`\e`)
		case r == ' ':
			b.WriteString(pick(rng, " ", `\ `, "\n     "))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func blockByHand(rng *rand.Rand, style, value string) string {
	indent := 1 + rng.IntN(4)
	header := style + pick(rng, "", "+", "-")
	if strings.HasPrefix(strings.TrimLeft(value, "\n"), " ") || rng.IntN(3) == 0 {
		header += fmt.Sprint(indent)
	}
	header += pick(rng, "", " ", "  # why | > ")
	pad := strings.Repeat(" ", 4+indent)
	var b strings.Builder
	b.WriteString(header)
	for line := range strings.SplitSeq(value, "\n") {
		b.WriteString("\n")
		if line != "" || rng.IntN(2) == 0 {
			b.WriteString(pad + line)
		}
	}
	return b.String()
}

func TestMark(t *testing.T) {
	tests := []struct {
		name, yaml string // the span stands between « and »
		value      string
	}{
		{"plain", "expr: sum(«up»)", "sum(«up»)"},
		{"all of it", "expr: «sum(up)»", "«sum(up)»"},
		{"over lines", "expr: |\n  sum(«up\n    + down»)\n", "sum(«up\n  + down»)\n"},
		{"blanks at the end are left out", "expr: |\n  sum(\n    «up»\n\n  )\n", "sum(\n  «up\n\n»)\n"},
		{"an escape", `expr: "up{a=«\"b\"»}"`, `up{a=«"b"»}`},
		{"doubled quotes", "expr: 'up{a=«''b''»}'", "up{a=«'b'»}"},
		{"folded", "expr: >\n  sum(\n  «äö»)\n", "sum( «äö»)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plain := strings.NewReplacer("«", "", "»", "")
			source, value := plain.Replace(tt.yaml), plain.Replace(tt.value)
			begin := strings.Index(tt.yaml, "«")
			end := strings.Index(tt.yaml, "»") - len("«")
			from, to := strings.Index(tt.value, "«"), strings.Index(tt.value, "»")-len("«")
			var doc struct{ Expr yaml.Node }
			if err := yaml.Unmarshal([]byte(source), &doc); err != nil || doc.Expr.Value != value {
				t.Fatalf("the value is %q, not %q: %v", doc.Expr.Value, value, err)
			}
			f := Finding{EndLine: 99}
			f.Mark([]byte(source), repolayout.Pos{Line: doc.Expr.Line, Column: doc.Expr.Column}, value, from, to)
			line, column := lineColumn([]byte(source), begin)
			endLine, endColumn := lineColumn([]byte(source), end)
			want := fmt.Sprintf("%d:%d to %d:%d", line, column, endLine, endColumn)
			if got := fmt.Sprintf("%d:%d to %d:%d", f.Line, f.Column, f.EndLine, f.EndColumn); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	f := Finding{EndLine: 7, EndColumn: 7}
	f.Mark([]byte("expr: *alias"), repolayout.Pos{Line: 1, Column: 7}, "sum(up)", 0, 3)
	if f.Line != 1 || f.Column != 7 || f.EndLine != 0 || f.EndColumn != 0 {
		t.Errorf("where it is not found: %+v", f)
	}
}
