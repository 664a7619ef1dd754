package stores

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// checkKeys refuses keys that are no field of the struct that into points to, with their line.
func checkKeys(node *yaml.Node, into any) error {
	return checkFields(node, reflect.TypeOf(into).Elem())
}

func checkFields(node *yaml.Node, of reflect.Type) error {
	switch {
	case node.Kind == yaml.DocumentNode:
		return checkFields(node.Content[0], of)
	case node.Kind == yaml.AliasNode:
		return fmt.Errorf("line %d: an alias; write the value out", node.Line)
	case of.Kind() != reflect.Struct:
		return nil
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return nil
	case node.Kind != yaml.MappingNode:
		return fmt.Errorf("line %d: not a mapping of keys to values", node.Line)
	}
	known := map[string]reflect.Type{}
	for field := range of.Fields() {
		known[field.Tag.Get("yaml")] = field.Type
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field, found := known[key.Value]
		if !found {
			return unknownKey(key, slices.Sorted(maps.Keys(known)))
		}
		if err := checkFields(value, field); err != nil {
			return err
		}
	}
	return nil
}

func unknownKey(key *yaml.Node, known []string) error {
	if hint, found := refused[key.Value]; found {
		return fmt.Errorf("line %d: the key %s is not allowed here; %s", key.Line, key.Value, hint)
	}
	return fmt.Errorf("line %d: unknown key %.40q; there are %s", key.Line, key.Value, strings.Join(known, ", "))
}

// typeError matches yaml's own, which tells the value: that may be secret.
var typeError = regexp.MustCompile("^(line [0-9]+): cannot unmarshal !!([a-z]+).* into ([a-z]+).*$")

func plainTypes(err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return err
	}
	for _, text := range types.Errors {
		if m := typeError.FindStringSubmatch(strings.ReplaceAll(text, "\n", " ")); m != nil {
			return fmt.Errorf("%s: a value is %s where it should be %s", m[1], kind(m[2]), kind(m[3]))
		}
	}
	return errors.New(types.Errors[0])
}

// kind names a kind of value for people, by yaml's tag or Go's type.
func kind(name string) string {
	switch name {
	case "str", "string":
		return "text"
	case "seq":
		return "a list"
	case "map":
		return "a mapping"
	case "bool":
		return "true or false"
	}
	return "a number"
}
