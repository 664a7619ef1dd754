package validate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// structureOf decodes a rule file as strictly as Prometheus does, and reports
// what does not fit. The loader has read what fits, so the expressions of such a
// file are checked all the same.
func structureOf(team string, f *repolayout.RuleFile) []Finding {
	if n := largeMapping(f.Content); n != nil {
		w := &structureWalk{team: team, path: f.Path}
		w.add(n, "", fmt.Sprintf("a mapping of %d keys; the most is %d", len(n.Content)/2, maxKeys))
		return w.found
	}
	var groups rulefmt.RuleGroups
	decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
	decoder.KnownFields(true)
	err := decoder.Decode(&groups)
	if err == nil || errors.Is(err, io.EOF) {
		if !sameGroups(groups.Groups, f.Groups) {
			return []Finding{{
				Check: rulesSyntax, Severity: Error, Owner: team, Pos: repolayout.Pos{File: f.Path},
				Message: "Prometheus reads this file otherwise than it was loaded",
				Hint:    "write it in plain YAML, without tags and merge keys; and please report it",
			}}
		}
		return nil
	}
	w := &structureWalk{team: team, path: f.Path}
	var root yaml.Node
	if yaml.Unmarshal(f.Content, &root) == nil && len(root.Content) > 0 {
		w.value(root.Content[0], reflect.TypeFor[rulefmt.RuleGroups](), "")
	}
	if len(w.found) == 0 { // it errs where the walk does not look
		return yamlFindings(rulesSyntax, team, f.File, err, nil)
	}
	return w.found
}

// The decoder compares each key of a mapping with every other.
const (
	maxKeys    = 5000
	smallRules = 32 << 10 // of a file that cannot hold many more
)

// largeMapping finds a mapping that would hold the decoder up.
func largeMapping(content []byte) *yaml.Node {
	var root yaml.Node
	if len(content) <= smallRules || yaml.Unmarshal(content, &root) != nil {
		return nil
	}
	var find func(n *yaml.Node) *yaml.Node
	find = func(n *yaml.Node) *yaml.Node {
		if n.Kind == yaml.MappingNode && len(n.Content) > 2*maxKeys {
			return n
		}
		for _, child := range n.Content {
			if found := find(child); found != nil {
				return found
			}
		}
		return nil
	}
	return find(&root)
}

// sameGroups compares what upstream decoded with what the loader did.
func sameGroups(a []rulefmt.RuleGroup, b []repolayout.RuleGroup) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := &a[i], &b[i].RuleGroup
		if x.Name != y.Name || x.Interval != y.Interval || x.Limit != y.Limit || !maps.Equal(x.Labels, y.Labels) ||
			!sameDuration(x.QueryOffset, y.QueryOffset) || len(x.Rules) != len(y.Rules) {
			return false
		}
		for j := range x.Rules {
			if !sameRule(&x.Rules[j], &y.Rules[j]) {
				return false
			}
		}
	}
	return true
}

func sameRule(x, y *rulefmt.Rule) bool {
	return x.Record == y.Record && x.Alert == y.Alert && x.Expr == y.Expr && x.For == y.For &&
		x.KeepFiringFor == y.KeepFiringFor && maps.Equal(x.Labels, y.Labels) && maps.Equal(x.Annotations, y.Annotations)
}

func sameDuration(x, y *model.Duration) bool {
	return x == y || x != nil && y != nil && *x == *y
}

// structureWalk holds a document against upstream's types, to say where each
// thing stands that the decoder refused: the decoder knows lines only, and ends
// at the first bad duration.
type structureWalk struct {
	team, path string
	found      []Finding
	steps      int
}

// maxSteps bounds the walk: aliases let a small file be walked for long.
const maxSteps = 1 << 20

func (w *structureWalk) add(n *yaml.Node, hint, message string) {
	if len(w.found) > maxFindings {
		return
	}
	w.found = append(w.found, Finding{
		Check: rulesSyntax, Severity: Error, Owner: w.team, Hint: hint, Message: message,
		Pos: repolayout.Pos{File: w.path, Line: n.Line, Column: n.Column},
	})
}

// value walks a node that stands for a value of type t, under the given key.
func (w *structureWalk) value(n *yaml.Node, t reflect.Type, key string) {
	at := n
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if w.steps++; w.steps > maxSteps || n.ShortTag() == "!!null" {
		return
	}
	switch {
	case t.Kind() == reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			w.add(at, "put `- ` before each item", key+" should be a list")
			return
		}
		for _, item := range n.Content {
			w.value(item, t.Elem(), "an item of "+key)
		}
	case t.Kind() == reflect.Struct || t.Kind() == reflect.Map:
		w.mapping(n, t, key)
	default:
		w.leaf(at, n, t, key)
	}
}

// mapping walks the keys of a struct or of a map.
func (w *structureWalk) mapping(n *yaml.Node, t reflect.Type, within string) {
	if n.Kind != yaml.MappingNode {
		w.add(n, "", cmp.Or(within, "the file")+" should be a mapping")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			w.value(value, t, within)
			continue
		}
		if line, twice := seen[key.Value]; twice {
			w.add(key, "keep one of the two", fmt.Sprintf("the key %q stands twice, first at line %d", key.Value, line))
			continue
		}
		seen[key.Value] = key.Line
		if t.Kind() == reflect.Map {
			w.value(value, t.Elem(), key.Value)
			continue
		}
		fields := fieldsByKey(t)
		if field, ok := fields[key.Value]; ok {
			w.value(value, field, key.Value)
			continue
		}
		w.add(key, didYouMean(key.Value, maps.Keys(fields)), fmt.Sprintf("unknown key %q", key.Value))
	}
}

// fieldsByKey are the types of a struct's fields, by their YAML keys.
func fieldsByKey(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); key != "" && key != "-" {
			fields[key] = f.Type
		}
	}
	return fields
}

// leaf lets the decoder judge a single value.
func (w *structureWalk) leaf(at, n *yaml.Node, t reflect.Type, key string) {
	err := n.Decode(reflect.New(t).Interface())
	if err == nil {
		return
	}
	switch {
	case t == reflect.TypeFor[model.Duration](), t == reflect.TypeFor[*model.Duration]():
		w.add(at, `write a duration such as "30s", "5m" or "1h30m"`, fmt.Sprintf("%s: %v", key, err))
	case n.Kind != yaml.ScalarNode:
		w.add(at, "", key+" should be a single value")
	default:
		w.add(at, "", fmt.Sprintf("%s: %q is not of the type %s", key, n.Value, t))
	}
}
