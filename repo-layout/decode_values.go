package repolayout

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

func (d *decoder) list(n *yaml.Node, v reflect.Value, b bounds, path string) {
	if !d.want(n, "!!seq", "a list", path) {
		return
	}
	if len(n.Content) < b.minItems {
		d.add(badValue, d.at(n.Line, n.Column), "", "%s is empty", path)
	}
	if b.maxItems > 0 && len(n.Content) > b.maxItems {
		d.add(badValue, d.at(n.Line, n.Column), "", "%s holds %d items, and may hold %d", path, len(n.Content), b.maxItems)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	seen := map[string]bool{}
	for i, item := range n.Content {
		d.value(item, v.Index(i), b, fmt.Sprintf("%s[%d]", path, i))
		if text := follow(item).Value; b.unique && seen[text] {
			d.add(badValue, d.at(item.Line, item.Column), "keep one of the two", "%s holds %q twice", path, text)
		} else {
			seen[text] = true
		}
	}
}

func (d *decoder) stringMap(n *yaml.Node, v reflect.Value, b bounds, path string) {
	if !d.want(n, "!!map", "a mapping", path) {
		return
	}
	d.checkMerges(n, path)
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]Pos{}
	for key, value := range each(n) {
		place, inside := d.at(key.Line, key.Column), join(path, key.Value)
		if d.again(key, place, seen, path) || !d.textOK(key.Value, place, bounds{format: b.keys}, path) {
			continue
		}
		text := reflect.New(v.Type().Elem()).Elem()
		d.value(placed(value, key), text, bounds{format: b.values}, inside)
		v.SetMapIndex(reflect.ValueOf(key.Value), text)
	}
}

func (d *decoder) textOK(s string, at Pos, b bounds, path string) bool {
	if len(s) < b.minLength {
		d.add(badValue, at, "", "%s is empty", path)
		return false
	}
	if len(b.enum) > 0 && !slices.Contains(b.enum, s) {
		d.add(badValue, at, didYouMean(s, b.enum), "%s: %q cannot be used", path, s)
		return false
	}
	f, ok := formats[b.format]
	if !ok {
		return true
	}
	err := f.errOf(s)
	if err == nil {
		return true
	}
	written := fmt.Sprintf("%q", s)
	if f.secret {
		written = "this value"
	}
	d.add(cmp.Or(f.id, badValue), at, "write "+f.like, "%s: %s cannot be used: %v", path, written, err)
	return false
}

func (d *decoder) integer(n *yaml.Node, v reflect.Value, at Pos, b bounds, path string) {
	if !d.want(n, "!!int", "a whole number", path) {
		return
	}
	var i int64
	if err := n.Decode(&i); err != nil || i < b.min || (b.max > 0 && i > b.max) {
		d.add(badValue, at, fmt.Sprintf("write a whole number from %d to %d", b.min, b.max), "%s: %s cannot be used", path, n.Value)
		return
	}
	v.SetInt(i)
}

// want checks a node's type.
func (d *decoder) want(n *yaml.Node, tag, word, path string) bool {
	if n.ShortTag() == tag {
		return true
	}
	if path == "" {
		path = "the file"
	}
	d.add(wrongType, d.at(n.Line, n.Column), typeHint(n, tag), "%s should be %s, but is %s", path, word, kindOf(n))
	return false
}

func typeHint(n *yaml.Node, want string) string {
	switch {
	case isNull(n) && want == "!!str":
		return "give it a value or leave the key out; a value that begins with # needs quotes"
	case isNull(n):
		return "give it a value or leave the key out"
	case want == "!!bool" && n.Kind == yaml.ScalarNode:
		return "write true or false, without quotes"
	case want == "!!str" && n.Kind == yaml.ScalarNode:
		return fmt.Sprintf("put it in quotes: %q", n.Value)
	case want == "!!seq":
		return `put "- " before each item`
	}
	return ""
}

func kindOf(n *yaml.Node) string {
	switch tag := n.ShortTag(); tag {
	case "!!str":
		return "text"
	case "!!map":
		return "a mapping"
	case "!!seq":
		return "a list"
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return "the truth value " + n.Value
	case "!!null":
		return "empty"
	case "!!timestamp":
		return "the date " + n.Value
	default:
		return "tagged " + tag
	}
}
