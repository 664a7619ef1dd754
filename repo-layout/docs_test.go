package repolayout

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
)

const reference = "../docs/reference/repo-layout.md"

// TestReferenceIsInStep writes the tables of the reference page from the types.
func TestReferenceIsInStep(t *testing.T) {
	page, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, d := range documents {
		var rows strings.Builder
		rows.WriteString("| key | value | default | |\n| --- | --- | --- | --- |\n")
		keyRows(&rows, schemaOf(t, d.title, d.value), "")
		text = fill(t, text, "keys of "+d.name, rows.String())
	}
	text = fill(t, text, "forms", formRows())
	var rows strings.Builder
	rows.WriteString("| check | what |\n| --- | --- |\n")
	for _, c := range Checks() {
		fmt.Fprintf(&rows, "| `%s` | %s |\n", c.ID, c.Title)
	}
	golden(t, reference, []byte(fill(t, text, "checks", rows.String())))
}

func formRows() string {
	var rows strings.Builder
	rows.WriteString("| form | write |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		fmt.Fprintf(&rows, "| %s | %s |\n", name, strings.ReplaceAll(formats[name].like, `"`, "`"))
	}
	return rows.String()
}

// fill puts text between a marker and the next end.
func fill(t *testing.T, page, marker, text string) string {
	t.Helper()
	re := regexp.MustCompile(`(?s)(<!-- ` + marker + `:[^>]*-->\n).*?(<!-- end -->)`)
	if !re.MatchString(page) {
		t.Fatalf("the page has no place for the %s", marker)
	}
	return re.ReplaceAllStringFunc(page, func(old string) string {
		m := re.FindStringSubmatch(old)
		return m[1] + text + m[2]
	})
}

func keyRows(b *strings.Builder, s *jsonschema.Schema, path string) {
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		key := join(path, p.Key)
		value, inner := valueOf(p.Value)
		if slices.Contains(s.Required, p.Key) {
			value += ", required"
		}
		def := ""
		if p.Value.Default != nil {
			def = "`" + strings.Trim(strings.ReplaceAll(fmt.Sprint(p.Value.Default), " ", ", "), "[]") + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", key, value, def, strings.ReplaceAll(p.Value.Description, "|", `\|`))
		if inner != nil && inner.Properties != nil {
			if p.Value.Type == "array" {
				key += "[]"
			}
			keyRows(b, inner, key)
		}
	}
}

func formatOfKeys(s *jsonschema.Schema) string {
	for name, f := range formats {
		if s.PropertyNames.Pattern == f.pattern.String() && (name == "externalLabel") == (s.PropertyNames.Not != nil) {
			return name
		}
	}
	return "text"
}

// valueOf says what a key holds, and gives the schema of what is inside.
func valueOf(s *jsonschema.Schema) (string, *jsonschema.Schema) {
	switch s.Type {
	case "array":
		what, _ := valueOf(s.Items)
		return "list of " + what, s.Items
	case "object":
		if s.Properties.Len() == 0 {
			what, _ := valueOf(s.AdditionalProperties)
			return "mapping of [" + formatOfKeys(s) + "](#forms) to " + what, nil
		}
		return "mapping", s
	case "boolean":
		return "true or false", nil
	case "integer":
		return fmt.Sprintf("whole number from %s to %s", s.Minimum, s.Maximum), nil
	}
	if len(s.Enum) > 0 {
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Enum), "[]"), " ", " or "), nil
	}
	for name, f := range formats {
		if s.Pattern == f.pattern.String() {
			return "[" + name + "](#forms)", nil
		}
	}
	return "text", nil
}
