package repolayout

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder reads one YAML document into a struct of the spec files. It is strict, it
// goes on after every problem, and it remembers where everything stood. It is
// the one reader of all our own types, driven by their tags.
type decoder struct {
	*report
	places Places
}

var posType = reflect.TypeFor[Pos]()

// decode reads a mapping into what target points at; what is there already stays
// where the document says nothing.
func (r *report) decode(n *yaml.Node, target any) Places {
	d := decoder{report: r}
	d.value(n, reflect.ValueOf(target).Elem(), bounds{}, "")
	return d.places
}

// value reads a node into v, whatever that is.
func (d *decoder) value(n *yaml.Node, v reflect.Value, b bounds, path string) {
	at := d.at(n.Line, n.Column)
	d.places = append(d.places, Place{Path: path, Pos: at})
	n = follow(n)
	switch v.Kind() {
	case reflect.Struct:
		d.object(n, v, at, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), b, path)
	case reflect.Slice:
		d.list(n, v, b, path)
	case reflect.Map:
		d.stringMap(n, v, b, path)
	case reflect.String:
		if d.want(n, "!!str", "text", path) && d.textOK(n.Value, at, b, path) {
			v.SetString(n.Value)
		}
	case reflect.Int32:
		d.integer(n, v, at, b, path)
	case reflect.Bool:
		var set bool
		if d.want(n, "!!bool", "true or false", path) && n.Decode(&set) == nil {
			v.SetBool(set)
		}
	}
}

// object reads a mapping into a struct.
func (d *decoder) object(n *yaml.Node, v reflect.Value, at Pos, path string) {
	if p := v.FieldByName("Pos"); p.IsValid() && p.Type() == posType {
		p.Set(reflect.ValueOf(at))
	}
	if !d.want(n, "!!map", "a mapping", path) {
		return
	}
	d.checkMerges(n, path)
	fields := fieldsOf(v.Type())
	seen := map[string]Pos{}
	for key, value := range each(n) {
		place := d.at(key.Line, key.Column)
		if d.again(key, place, seen, path) {
			continue
		}
		f, ok := find(fields, key.Value)
		if !ok {
			d.add(unknownKey, place, didYouMean(key.Value, keysOf(fields)), "unknown key %q%s", key.Value, in(path))
			continue
		}
		d.value(placed(value, key), v.FieldByIndex(f.index), f.bounds, join(path, f.key))
	}
	d.missing(fields, seen, at, path)
	d.oneOf(fields, seen, at, path)
}

// checkMerges wants mappings behind the merge keys, see each.
func (d *decoder) checkMerges(n *yaml.Node, path string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], follow(n.Content[i+1])
		if key.ShortTag() != "!!merge" {
			continue
		}
		merged := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			merged = value.Content
		}
		for _, m := range merged {
			if inner := join(path, key.Value); d.want(follow(m), "!!map", "a mapping", inner) {
				d.checkMerges(follow(m), inner)
			}
		}
	}
}

// placed gives a value that is not there the place of its key; the parser's own
// is that of whatever comes next.
func placed(value, key *yaml.Node) *yaml.Node {
	if !isNull(value) || value.Value != "" {
		return value
	}
	out := *value
	out.Line, out.Column = key.Line, key.Column
	return &out
}

// again reports a key that stands a second time.
func (d *decoder) again(key *yaml.Node, place Pos, seen map[string]Pos, path string) bool {
	first, twice := seen[key.Value]
	if !twice {
		seen[key.Value] = place
		return false
	}
	d.add(duplicateKey, place, "keep one of the two", "the key %q%s stands in line %d already", key.Value, in(path), first.Line)
	return true
}

func (d *decoder) missing(fields []field, seen map[string]Pos, at Pos, path string) {
	for _, f := range fields {
		if _, ok := seen[f.key]; f.required && !ok {
			d.add(missingKey, at, "", "the key %q is missing%s", f.key, in(path))
		}
	}
}

func (d *decoder) oneOf(fields []field, seen map[string]Pos, at Pos, path string) {
	var all, set []string
	for _, f := range fields {
		if !f.oneOf {
			continue
		}
		all = append(all, f.key)
		if _, ok := seen[f.key]; ok {
			set = append(set, f.key)
		}
	}
	switch {
	case len(all) == 0 || len(set) == 1:
	case len(set) == 0:
		d.add(oneOf, at, "", "one of %s must be set%s", strings.Join(all, ", "), in(path))
	default:
		d.add(oneOf, at, "keep one of them", "%s exclude each other%s", strings.Join(set, " and "), in(path))
	}
}

func find(fields []field, key string) (field, bool) {
	for _, f := range fields {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

func keysOf(fields []field) []string {
	keys := make([]string, 0, len(fields))
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	return keys
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}
