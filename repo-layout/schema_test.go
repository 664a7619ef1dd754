package repolayout

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	checker "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the generated files anew")

// documents are our own files: what each is read into, and what holds where it says nothing.
var documents = []struct {
	name, title string
	value       any
}{
	{"watchbill", "watchbill.yaml", DefaultStack()},
	{"environment", "environments/NAME.yaml", DefaultEnvironment()},
	{"team", "teams/NAME/team.yaml", TeamSpec{}},
}

func TestSchemasAreInStep(t *testing.T) {
	for _, d := range documents {
		want, err := json.MarshalIndent(schemaOf(t, d.title, d.value), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "schemas/"+d.name+".json", append(want, '\n'))
		golden(t, "example/.schemas/"+d.name+".json", append(want, '\n'))
	}
}

// golden compares a generated file with the one that is checked in.
func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, want, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the types say (go test ./repo-layout -update writes it): %s", name, diff)
	}
}

// schemaOf makes a draft-07 schema of a type, its tags, its comments and its defaults.
func schemaOf(t *testing.T, title string, value any) *jsonschema.Schema {
	t.Helper()
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true}
	if err := r.AddGoComments("github.com/watchbill/watchbill/repo-layout", "./", jsonschema.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	// The reflector knows the package by its path, the comments by the folder's.
	for key, comment := range r.CommentMap {
		r.CommentMap[key] = oneLine(comment)
	}
	s := r.Reflect(value)
	s.Version, s.Title = "http://json-schema.org/draft-07/schema#", title
	complete(s, reflect.ValueOf(value), bounds{})
	return s
}

func oneLine(s string) string { return string(bytes.Join(bytes.Fields([]byte(s)), []byte(" "))) }

// complete adds what the reflector does not know: our formats and our defaults.
func complete(s *jsonschema.Schema, v reflect.Value, b bounds) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v = reflect.New(v.Type().Elem())
		}
		complete(s, v.Elem(), b)
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			property, ok := s.Properties.Get(f.key)
			if !ok {
				panic("no property " + f.key)
			}
			property.Description = byKey(property.Description, v.Type().FieldByIndex(f.index).Name, f.key)
			complete(property, v.FieldByIndex(f.index), f.bounds)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			s.Default = v.Interface()
		}
		complete(s.Items, reflect.New(v.Type().Elem()).Elem(), b)
	case reflect.Map:
		s.PropertyNames = withFormat(&jsonschema.Schema{}, b.keys)
		withFormat(s.AdditionalProperties, b.values)
	default:
		if !v.IsZero() {
			s.Default = v.Interface()
		}
		withFormat(s, b.format)
	}
}

// byKey makes a Go comment speak of the key instead of the field.
func byKey(comment, name, key string) string {
	if rest, ok := strings.CutPrefix(comment, name+" "); ok {
		return key + " " + rest
	}
	return comment
}

func withFormat(s *jsonschema.Schema, name string) *jsonschema.Schema {
	s.Format = ""
	if f, ok := formats[name]; ok {
		s.Pattern = f.pattern.String()
		if name == "externalLabel" {
			s.Not = &jsonschema.Schema{Pattern: "^(replica|shard|__.*)$"}
		}
	}
	return s
}

func compileSchema(t testing.TB, name string) *checker.Schema {
	t.Helper()
	raw, err := fs.ReadFile(Schemas(), name+".json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := checker.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := checker.NewCompiler()
	if err := c.AddResource(name+".json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// schemaError is what an editor would say of a YAML document.
func schemaError(s *checker.Schema, content []byte) error {
	var v any
	if err := yaml.Unmarshal(content, &v); err != nil {
		return err
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	doc, err := checker.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

func TestExampleFitsTheSchemas(t *testing.T) {
	files := map[string]string{
		"watchbill.yaml": "watchbill", "environments/*.yaml": "environment", "teams/*/team.yaml": "team",
	}
	for pattern, name := range files {
		s := compileSchema(t, name)
		matches, err := fs.Glob(Example(), pattern)
		if err != nil || len(matches) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(matches), err)
		}
		for _, file := range matches {
			content, err := fs.ReadFile(Example(), file)
			if err != nil {
				t.Fatal(err)
			}
			if err := schemaError(s, content); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			line, _, _ := bytes.Cut(content, []byte("\n"))
			ref, ok := bytes.CutPrefix(line, []byte("# yaml-language-server: $schema="))
			if got := path.Join(path.Dir(file), string(ref)); !ok || got != ".schemas/"+name+".json" {
				t.Errorf("%s: the modeline points to %s", file, got)
			}
		}
	}
}
