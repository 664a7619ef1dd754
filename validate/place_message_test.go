package validate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// marked takes « and » out of a text and says between which places they stood;
// where there is no », only the beginning is known.
func marked(text string) (plain, span string) {
	plain = strings.NewReplacer("«", "", "»", "").Replace(text)
	line, column := lineColumn([]byte(plain), strings.Index(text, "«"))
	end := strings.Index(text, "»") - len("«")
	if end < 0 {
		return plain, fmt.Sprintf("%d:%d to 0:0", line, column)
	}
	endLine, endColumn := lineColumn([]byte(plain), end)
	return plain, fmt.Sprintf("%d:%d to %d:%d", line, column, endLine, endColumn)
}

func spanOf(f Finding) string {
	return fmt.Sprintf("%d:%d to %d:%d", f.Line, f.Column, f.EndLine, f.EndColumn)
}

// TestSpansOfRules marks in a rule file what the first finding of it speaks of.
func TestSpansOfRules(t *testing.T) {
	for _, tt := range []struct{ name, rule, message string }{
		{"plain", "expr: sum(rate(«up»))", "expected type range vector"},
		{"plain over lines", "expr: sum(\n      «reat»(up[5m]))", "unknown function"},
		{"single quotes", "expr: 'up{a=''b'', «c=~''[''»}'", "missing closing ]"},
		{"double quotes", `expr: "up{a=\"b\"} + «reat»(up)"`, "unknown function"},
		{"escapes", `expr: "up{a='\x41\u00e9'} \` + "\n" + `        + rate(«up»)"`, "expected type range vector"},
		{"literal", "expr: |\n      sum(up)\n        / rate(\n          «down{a='b'}»\n        )", "expected type range vector"},
		{"literal, over lines", "expr: |\n      sum(«rate(\n        up[5m]\n      )[5m:1m]»)", "expected type instant vector"},
		{"literal, stripped", "expr: |-\n\n      sum by (a) «b»", `unexpected identifier "b"`},
		{"literal with an indicator", "expr: |4\n          sum(up)\n        + rate(«up»)", "expected type range vector"},
		{"literal with both", "expr: |+4  # why\n          sum(up)\n\n        + rate(«up»)\n\n", "expected type range vector"},
		{"folded", "expr: >\n      sum(up)\n      + rate(«up»)", "expected type range vector"},
		{"folded, with deeper lines and blank ones", "expr: >-\n      sum(\n        up)\n\n      + rate(«up»)", "expected type range vector"},
		{"folded with an indicator", "expr: >2-\n          sum(up)\n      + rate(«up»)", "expected type range vector"},
		{"the end", "expr: up ==«", "unexpected end of input"},
		{"the end of a literal", "expr: |\n      sum(up«\n\n", "unclosed left parenthesis"},
		{"a parenthesis too many", "expr: |\n      sum(up)«)» + 1", "unexpected right parenthesis"},
		{"a parenthesis too many in a range", "expr: up[5m + 1m«)» + 1m]", "unexpected right parenthesis"},
		{"a character that is none", "expr: up «$x + 1", "unexpected character"},
		{"an unclosed string", "expr: up + «'abc + 1", "unterminated quoted string"},
		{"a name in a template", "annotations: {a: 'b {{ «humanise» 1 }} {{ $value }}'}", `function "humanise" not defined`},
		{"the only action of a line", "annotations:\n      a: |\n        b\n          é {{ $value }} \n          c «{{ end }}» d", "unexpected {{end}}"},
		{"an open action", "annotations: {a: \"\\u00e9 «{{ $labels.pod»\"}", "unclosed action"},
		{"one of two actions", "annotations:\n      a: >\n        «{{ $value }} {{ end }}\n        b»", "unexpected {{end}}"},
		{"a later document", "expr: up\n---\ngroups:\n- name: h\n  rules:\n  - record: a\n    expr: >\n      sum(up)\n      + rate(«up»)", "expected type range vector"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kind := "record: a"
			if !strings.HasPrefix(tt.rule, "expr") {
				kind = "expr: up == 0\n    alert: A"
			}
			plain, want := marked("groups:\n- name: g\n  rules:\n  - " + kind + "\n    " + tt.rule + "\n")
			found := check(t, repoOf(map[string]string{ruleFile: plain}))
			i := slices.IndexFunc(found, func(f Finding) bool { return f.Check == rulesSyntax })
			if i < 0 || !strings.Contains(found[i].Message, tt.message) {
				t.Fatalf("found %v in\n%s", found, plain)
			}
			if got := spanOf(found[i]); got != want {
				t.Errorf("%s\nstands at %s, want %s", plain, got, want)
			}
		})
	}
}

// TestSpansOfTemplates does so for notification templates, and for the texts of receivers.
func TestSpansOfTemplates(t *testing.T) {
	const config = "route: {receiver: a}\nreceivers:\n- name: a\n  slack_configs:\n  - api_url_file: /x\n    channel: '#a'\n    text: "
	for _, tt := range []struct{ name, file, text, message string }{
		{"a function", "alertmanager/templates/a.tmpl", "{{ define \"a\" }}\n  é {{ .Status | «toUppr» }}{{ end }}", `function "toUppr" not defined`},
		{"a field of a field", "alertmanager/templates/a.tmpl", "{{ define \"a\" }}é {{ «.Alerts.Firin» }}{{ end }}", "can't evaluate field Firin"},
		{"a template", "alertmanager/templates/a.tmpl", "{{ define \"a\" }}{{ template «\"b\"» . }}{{ end }}", `no template is called "b"`},
		{"a newer field", "alertmanager/templates/a.tmpl", "{{ define \"a\" }}{{ .GroupLabels.Values«.Join» \",\" }}{{ end }}", `the field "Join" is newer`},
		{"a text", "alertmanager.yml", config + "'it''s {{ «.Statu» }}'\n", "can't evaluate field Statu"},
		{"a literal text", "alertmanager.yml", config + "|\n        {{ .Status }}\n          {{ range .Alerts }}\n        «{{ .» \n", "unclosed action"},
		{"a folded text", "alertmanager.yml", config + ">-\n        {{ .Status }}\n        {{ template «\"b\"» . }}\n", `no template is called "b"`},
		{"an escaped text", "alertmanager.yml", config + `"\u00e9 {{ template «\"b\"» . }}"` + "\n", `no template is called "b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plain, want := marked(tt.text)
			var found []Finding
			if strings.HasSuffix(tt.file, ".tmpl") {
				found = Templates([]*repolayout.File{{Path: tt.file, Content: []byte(plain)}})
			} else {
				found = AlertmanagerConfig(tt.file, "payments", []byte(plain), &repolayout.File{Path: "a.tmpl"})
			}
			if len(found) == 0 || !strings.Contains(found[0].Message, tt.message) {
				t.Fatalf("found %v in\n%s", found, plain)
			}
			if got := spanOf(found[0]); got != want {
				t.Errorf("%s\nstands at %s, want %s", plain, got, want)
			}
		})
	}
}
