package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/matcher/compat"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// encodeSpec writes one of our own types as YAML, with the keys in the order of
// its fields and without what is empty.
func encodeSpec(v any) []byte {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	var doc yaml.Node
	if enc.Encode(v) != nil || yaml.Unmarshal(text.Bytes(), &doc) != nil || len(doc.Content) == 0 {
		return nil // our own types, in JSON, which is YAML
	}
	tidy(doc.Content[0])
	return encode(doc.Content[0])
}

// tidy takes empty mappings out, and lets YAML choose the style.
func tidy(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.SequenceNode && !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Kind != yaml.ScalarNode }) {
		n.Style = yaml.FlowStyle
	}
	for _, child := range n.Content {
		tidy(child)
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		n.SetString(n.Value)
		n.Style |= quoteIfNeeded(n.Value)
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if v := n.Content[i+1]; v.Kind != yaml.MappingNode || len(v.Content) > 0 {
			kept = append(kept, n.Content[i], v)
		}
	}
	n.Content = kept
}

// quoteIfNeeded quotes what other readers of YAML take for something else.
func quoteIfNeeded(s string) yaml.Style {
	if strings.ContainsAny(s, "#:{}") && !strings.Contains(s, "\n") {
		return yaml.DoubleQuotedStyle
	}
	return 0
}

// writeStack writes watchbill.yaml, the environment, and the schemas that
// editors complete them with.
func (im *importing) writeStack() {
	defaults := repolayout.DefaultStack().Components
	im.stack.Components = repolayout.Components{
		Prometheus:   repolayout.Component{Version: defaults.Prometheus.Version},
		Alertmanager: repolayout.Component{Version: defaults.Alertmanager.Version},
		Thanos:       repolayout.Component{Version: defaults.Thanos.Version},
		Grafana:      repolayout.Component{Version: defaults.Grafana.Version},
	}
	noGroups := false
	if r := im.routing; r != nil {
		o := im.rootTimes()
		im.stack.Alertmanager = repolayout.AlertmanagerDefaults{
			GroupBy: groupBy(o), GroupWait: duration(o.GroupWait), GroupInterval: duration(o.GroupInterval), RepeatInterval: duration(o.RepeatInterval),
		}
		noGroups = len(im.stack.Alertmanager.GroupBy) == 0
		for _, hit := range r.onCall {
			rec := r.receivers[hit.RouteOpts.Receiver]
			if rec == nil {
				continue
			}
			im.stack.OnCall.Receivers = append(im.stack.OnCall.Receivers, rec.tells...)
		}
		im.noteInhibition()
	}
	content := encodeSpec(im.stack)
	if noGroups { // one group of all alerts, where the layout's default is one for each name
		content = bytes.Replace(content, []byte("\nalertmanager:\n"), []byte("\nalertmanager:\n  groupBy: []\n"), 1)
	}
	im.write("watchbill.yaml", append([]byte("# yaml-language-server: $schema=.schemas/watchbill.json\n"), content...))
	im.env.Namespace = im.Namespace
	im.write("environments/"+im.Environment+".yaml", append([]byte("# yaml-language-server: $schema=../.schemas/environment.json\n"), encodeSpec(im.env)...))
	for _, name := range []string{"watchbill.json", "environment.json", "team.json"} {
		if schema, err := fs.ReadFile(repolayout.Schemas(), name); err == nil {
			im.write(".schemas/"+name, schema)
		}
	}
	im.note(ToDo, repolayout.Pos{}, "put a person, list or handle there", "owner in every team.yaml is the team's name")
}

// noteInhibition says what is other about which alerts keep which quiet.
func (im *importing) noteInhibition() {
	own := map[string]bool{}
	for i := 0; i+1 < len(im.stack.Severities); i++ {
		rest := im.stack.Severities[i+1:]
		target := fmt.Sprintf("severity=%q", rest[0])
		if len(rest) > 1 {
			target = fmt.Sprintf("severity=~%q", strings.Join(rest, "|"))
		}
		own[fmt.Sprintf("%q %q %q", []string{fmt.Sprintf("severity=%q", im.stack.Severities[i])}, []string{target}, []string{"alertname", "namespace", teamLabel})] = true
	}
	const says = "Watchbill keeps an alert quiet while the same one (team, alertname, namespace) fires more gravely, and has no other inhibition"
	for _, n := range items(im.routing.root, "inhibit_rules") {
		equal := texts(n, "equal")
		slices.Sort(equal)
		id := fmt.Sprintf("%q %q %q", inhibitMatchers(n, "source"), inhibitMatchers(n, "target"), equal)
		if own[id] {
			delete(own, id)
			continue
		}
		im.note(Lost, im.routing.docOf(n).at(n), says, "inhibit rule: %s quiets %s where %s are equal", strings.Join(inhibitMatchers(n, "source"), ", "), strings.Join(inhibitMatchers(n, "target"), ", "), strings.Join(equal, ", "))
	}
	if len(own) > 0 {
		im.note(Changed, repolayout.Pos{File: im.routing.main.file}, "", "%s; that is new here", says)
	}
}

// inhibitMatchers are those of one side of an inhibition rule.
func inhibitMatchers(n *yaml.Node, side string) []string {
	out := []string{}
	mapping(field(n, side+"_match"), func(k, v *yaml.Node) { out = append(out, fmt.Sprintf("%s=%q", k.Value, v.Value)) })
	mapping(field(n, side+"_match_re"), func(k, v *yaml.Node) { out = append(out, fmt.Sprintf("%s=~%q", k.Value, v.Value)) })
	for _, m := range append(texts(n, side+"_matchers"), text(n, side+"_matchers")) {
		if m == "" {
			continue
		}
		parsed, err := compat.Matchers(m, "import")
		if err != nil {
			continue // the configuration was loaded with it
		}
		for _, one := range parsed {
			out = append(out, one.String())
		}
	}
	slices.Sort(out)
	return out
}
