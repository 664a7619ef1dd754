package importer

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// alertmanagerConfig is a manifest of the Prometheus operator, in the version
// v1alpha1 or v1beta1.
type alertmanagerConfig struct {
	document
	namespace, name string
}

// secretReference begins what stands in the place of a file for a secret that a
// manifest refers to.
const secretReference = "secret:"

// addConfigs puts AlertmanagerConfigs into the configuration as the operator
// does: before its own routes, for alerts of the manifest's namespace alone, with
// every alert going on, and with names that begin with the manifest's.
func (im *importing) addConfigs(r *routing) {
	if len(im.configs) == 0 {
		return
	}
	im.note(ToDo, repolayout.Pos{File: im.configs[0].file}, "where an expression returns another namespace, or none, the operator's routes do not take the alert today",
		"alerts are taken to have the label namespace of the PrometheusRule that they are in")
	var routes, receivers, inhibitions, times []*yaml.Node
	for _, c := range im.configs {
		o := operator{c, r}
		spec := field(c.root, "spec")
		if route := field(spec, "route"); route != nil {
			top := o.route(route, 0)
			set(top, "matchers", list(append([]*yaml.Node{scalar(fmt.Sprintf("namespace=%q", c.namespace))}, items(top, "matchers")...)...))
			set(top, "continue", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
			routes = append(routes, top)
		}
		for _, n := range items(spec, "receivers") {
			receivers = append(receivers, o.receiver(n))
		}
		for _, n := range items(spec, "inhibitRules") {
			inhibitions = append(inhibitions, o.inhibition(n))
		}
		for _, n := range append(items(spec, "muteTimeIntervals"), items(spec, "timeIntervals")...) {
			times = append(times, o.interval(n))
		}
	}
	root := without(field(r.root, "route"))
	root.Line, root.Column = r.root.Line, r.root.Column
	set(root, "routes", list(append(routes, items(root, "routes")...)...))
	set(r.root, "route", root)
	for key, more := range map[string][]*yaml.Node{"receivers": receivers, "inhibit_rules": inhibitions, "time_intervals": times} {
		if len(more) > 0 {
			set(r.root, key, list(append(slices.Clone(items(r.root, key)), more...)...))
		}
	}
}

// operator converts one manifest.
type operator struct {
	config *alertmanagerConfig
	r      *routing
}

// named is the name that something of the manifest has in the configuration.
func (o operator) named(name string) *yaml.Node {
	return scalar(o.config.namespace + "/" + o.config.name + "/" + name)
}

// at gives what was converted the place of what it was converted from.
func (o operator) at(to, from *yaml.Node) *yaml.Node {
	to.Line, to.Column = from.Line, from.Column
	o.r.origin[to] = &o.config.document
	return to
}

func (o operator) route(n *yaml.Node, depth int) *yaml.Node {
	out := o.at(object(), n)
	mapping(n, func(key, value *yaml.Node) {
		name := scalar(snake(key.Value))
		name.Line, name.Column = key.Line, key.Column
		switch key.Value {
		case "receiver":
			if value.Value != "" {
				set(out, "receiver", o.named(value.Value))
			}
		case "matchers":
			set(out, "matchers", o.matchers(value))
		case "muteTimeIntervals", "activeTimeIntervals":
			names := list()
			for _, item := range value.Content {
				names.Content = append(names.Content, o.named(item.Value))
			}
			out.Content = append(out.Content, name, names)
		case "routes":
			children := list()
			for _, child := range value.Content {
				if depth < maxNesting {
					children.Content = append(children.Content, o.route(child, depth+1))
				}
			}
			set(out, "routes", children)
		default:
			out.Content = append(out.Content, name, value)
		}
	})
	return out
}

// matchers are those of a route, as Alertmanager writes them.
func (o operator) matchers(n *yaml.Node) *yaml.Node {
	out := list()
	for _, m := range n.Content {
		kind := text(m, "matchType")
		switch {
		case kind == "" && text(m, "regex") == "true":
			kind = "=~"
		case kind == "":
			kind = "="
		}
		out.Content = append(out.Content, scalar(fmt.Sprintf("%s%s%q", text(m, "name"), kind, text(m, "value"))))
	}
	return out
}

func (o operator) receiver(n *yaml.Node) *yaml.Node {
	out := o.at(object(scalar("name"), o.named(text(n, "name"))), n)
	mapping(n, func(key, value *yaml.Node) {
		if strings.HasSuffix(key.Value, "Configs") {
			out.Content = append(out.Content, scalar(snake(key.Value)), o.settings(value))
		}
	})
	return out
}

// settings converts the names of keys, and references to Secrets.
func (o operator) settings(n *yaml.Node) *yaml.Node {
	out := *n
	out.Content = nil
	if n.Kind != yaml.MappingNode {
		for _, item := range n.Content {
			out.Content = append(out.Content, o.settings(item))
		}
		return &out
	}
	mapping(n, func(key, value *yaml.Node) {
		name, converted := strings.TrimSuffix(snake(key.Value), "_secret"), value
		if k := text(value, "key"); k != "" && text(value, "name") != "" {
			name += "_file"
			converted = scalar(secretReference + o.config.namespace + "/" + text(value, "name") + "/" + k)
			converted.Line, converted.Column = value.Line, value.Column
		} else if value.Kind != yaml.ScalarNode {
			converted = o.settings(value)
		}
		at := scalar(name)
		at.Line, at.Column = key.Line, key.Column
		out.Content = append(out.Content, at, converted)
	})
	return &out
}

func (o operator) inhibition(n *yaml.Node) *yaml.Node {
	out := o.at(object(), n)
	for _, side := range []string{"source", "target"} {
		own := scalar(fmt.Sprintf("namespace=%q", o.config.namespace))
		matchers := list(own)
		if given := field(n, side+"Match"); given != nil {
			matchers.Content = append(matchers.Content, o.matchers(given).Content...)
		}
		set(out, side+"_matchers", matchers)
	}
	if equal := field(n, "equal"); equal != nil {
		set(out, "equal", equal)
	}
	return out
}

// interval converts named times.
func (o operator) interval(n *yaml.Node) *yaml.Node {
	times := list()
	for _, i := range items(n, "timeIntervals") {
		one := object()
		mapping(i, func(key, value *yaml.Node) {
			converted := list()
			for _, item := range value.Content {
				switch key.Value {
				case "times":
					item = object(scalar("start_time"), scalar(text(item, "startTime")), scalar("end_time"), scalar(text(item, "endTime")))
				case "daysOfMonth":
					item = scalar(text(item, "start") + ":" + text(item, "end"))
				}
				converted.Content = append(converted.Content, item)
			}
			one.Content = append(one.Content, scalar(snake(key.Value)), converted)
		})
		times.Content = append(times.Content, one)
	}
	return o.at(object(scalar("name"), o.named(text(n, "name")), scalar("time_intervals"), times), n)
}

// snake writes apiURL as api_url.
func snake(camel string) string {
	var b strings.Builder
	runes := []rune(camel)
	for i, c := range runes {
		if unicode.IsUpper(c) && i > 0 && !unicode.IsUpper(runes[i-1]) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
