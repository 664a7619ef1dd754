package importer

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// teamLabel is the label that Watchbill gives every alert from its folder.
const teamLabel = "team"

// ruleDoc is a rule file, or what a PrometheusRule holds.
type ruleDoc struct {
	document
	namespace, stem string
	groups          []*yaml.Node
	read            []Group // the same groups
}

func (im *importing) addRuleFile(d *document) {
	if !d.first {
		im.note(Lost, repolayout.Pos{File: d.file, Line: d.root.Line}, "make it a file of its own", "Prometheus reads only the first document of a rule file, so these rules do not run today")
		return
	}
	stem := stemOf(d.file)
	if d.name != "" {
		stem = stemOf(d.name)
	}
	im.addRules(&ruleDoc{document: *d, stem: stem, groups: items(d.root, "groups")})
}

// addManifest takes the spec of a PrometheusRule, which is a rule file but for
// the fields that only the operator and Thanos know.
func (im *importing) addManifest(d *document) {
	namespace, name := text(d.root, "metadata", "namespace"), text(d.root, "metadata", "name")
	spec := field(d.root, "spec")
	if field(spec, "groups") == nil {
		im.note(Lost, repolayout.Pos{File: d.file, Line: d.root.Line}, "", "the PrometheusRule %q has no groups", name)
		return
	}
	stem := name
	if namespace != "" {
		stem = namespace + "-" + name
	}
	r := &ruleDoc{document: document{file: d.file, root: spec}, namespace: namespace, stem: safe(stem)}
	for _, group := range items(spec, "groups") {
		if k, v := entry(group, "partial_response_strategy"); v != nil {
			im.note(Changed, d.at(k), "it is for Thanos Ruler; Prometheus evaluates the rules here", "partial_response_strategy of the group %q is left out", text(group, "name"))
			group = without(group, "partial_response_strategy")
		}
		r.groups = append(r.groups, group)
	}
	im.addRules(r)
}

func (im *importing) addRules(r *ruleDoc) {
	for _, n := range r.groups {
		g := Group{Pos: r.at(n), Namespace: r.namespace}
		if err := n.Decode(&g.RuleGroup); err != nil {
			im.note(Lost, g.Pos, "promtool check rules says more", "the file is no rule file that Prometheus would take: %s", scrub(err))
			return
		}
		if rules := items(n, "rules"); len(rules) != len(g.Rules) {
			im.note(Lost, g.Pos, "promtool check rules says more", "the rules of group %q are no list", g.Name)
			return
		}
		r.read = append(r.read, g)
	}
	im.rules = append(im.rules, r)
}

// writeRules writes every rule into the folder of the team that it names.
func (im *importing) writeRules() {
	unnamed := 0
	for _, r := range im.rules {
		im.assign(r)
		for k := range r.read {
			g := &r.read[k]
			g.assume = g.Namespace != "" && len(im.configs) > 0
			for i := range g.Rules {
				if g.Rules[i].Alert != "" && im.named(g.labels(i), g.Namespace) == "" {
					unnamed++
				}
			}
		}
		im.res.Groups = append(im.res.Groups, r.read...)
		im.writeRuleDoc(r)
	}
	if unnamed > 0 {
		im.note(ToDo, repolayout.Pos{}, "move the rules into the folders of their teams; --team gives the folder another name, --team-label another label",
			"alerts without a fixed label %s are in teams/%s: %d", im.TeamLabel, im.Team, unnamed)
	}
}

// labels are those of one rule, with those of its group below them.
func (g *Group) labels(rule int) map[string]string {
	out := maps.Clone(g.Labels)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, g.Rules[rule].Labels)
	return out
}

// Static are the labels that an alert of the group goes out with, templates as
// they are written. Where there are AlertmanagerConfigs, which ask for it, an
// alert is taken to be of the namespace that its manifest is in.
func (g *Group) Static(rule int) map[string]string {
	out := g.labels(rule)
	if g.assume && out["namespace"] == "" {
		out["namespace"] = g.Namespace
	}
	return out
}

// named is the team that labels name, or that has its routes in the namespace.
func (im *importing) named(labels map[string]string, namespace string) string {
	if v := labels[im.TeamLabel]; v != "" && !strings.Contains(v, "{{") {
		name := im.team(v)
		if other, ok := im.labels[name]; ok && other != v {
			im.note(Changed, repolayout.Pos{}, "rename the team in the rules", "%s=%q and %s=%q are one team, %s, as names of teams are lower-case letters, digits and dashes", im.TeamLabel, other, im.TeamLabel, v, name)
		}
		im.labels[name] = v
		return name
	}
	for _, c := range im.configs {
		if namespace != "" && c.namespace == namespace {
			return im.team(namespace)
		}
	}
	return ""
}

// assign says which team each rule goes to. A recording rule goes with the alert
// after it in its group, as it is there for that.
func (im *importing) assign(r *ruleDoc) {
	count := map[string]int{}
	for i := range r.read {
		g := &r.read[i]
		g.Teams = make([]string, len(g.Rules))
		for j := range g.Rules {
			if g.Rules[j].Alert == "" {
				continue
			}
			g.Teams[j] = im.named(g.labels(j), r.namespace)
			if g.Teams[j] == "" {
				g.Teams[j] = im.Team
			}
			count[g.Teams[j]]++
		}
	}
	most := ""
	for _, team := range slices.Sorted(maps.Keys(count)) {
		if most == "" || count[team] > count[most] {
			most = team
		}
	}
	for i := range r.read {
		im.assignRecords(&r.read[i], most)
	}
}

func (im *importing) assignRecords(g *Group, most string) {
	next := ""
	for j := len(g.Teams) - 1; j >= 0; j-- {
		if g.Teams[j] == "" {
			g.Teams[j] = next
		}
		next = g.Teams[j]
	}
	last := ""
	for j := range g.Teams {
		if g.Teams[j] == "" { // no alert after it
			g.Teams[j] = last
		}
		if g.Teams[j] == "" && most == "" {
			g.Teams[j] = im.named(g.labels(j), g.Namespace)
		}
		for _, team := range []string{most, im.Team} {
			if g.Teams[j] == "" {
				g.Teams[j] = team
			}
		}
		last = g.Teams[j]
	}
}

// writeRuleDoc writes one file for each team. What is one team's is written as
// it is, byte for byte if it was a file.
func (im *importing) writeRuleDoc(r *ruleDoc) {
	teams := map[string]bool{}
	edited := false
	for i := range r.read {
		for j, team := range r.read[i].Teams {
			teams[team] = true
			edited = edited || foreign(&r.read[i], j, team)
		}
	}
	if len(teams) == 0 {
		teams[im.Team] = true
	}
	for _, team := range slices.Sorted(maps.Keys(teams)) {
		folder := "teams/" + team + "/rules/"
		file := folder + im.free(folder, r.stem, ".yaml") + ".yaml"
		im.move(r, file, edited)
		if len(teams) == 1 && !edited && r.whole != nil && !bytes.HasPrefix(r.whole, []byte("\uFEFF")) {
			im.write(file, r.whole)
			return
		}
		root := &yaml.Node{Kind: yaml.MappingNode, HeadComment: r.root.HeadComment}
		key, _ := entry(r.root, "groups")
		var groups []*yaml.Node
		for i, n := range r.groups {
			if part := im.partOf(r, i, n, team, len(teams) == 1); part != nil {
				groups = append(groups, part)
			}
		}
		root.Content = []*yaml.Node{key, list(groups...)}
		im.write(file, encode(root))
	}
}

// move notes where a rule file went; what stands within another file has no path.
func (im *importing) move(r *ruleDoc, file string, edited bool) {
	if !r.first || r.name != "" {
		return
	}
	to, known := im.moved[r.file]
	if !known {
		im.movedFrom = append(im.movedFrom, r.file)
	}
	im.moved[r.file] = moved{append(to.files, file), to.edited || edited}
}

// foreign says whether an alert has a label that is not its folder's.
func foreign(g *Group, rule int, team string) bool {
	value, set := g.labels(rule)[teamLabel]
	return g.Rules[rule].Alert != "" && set && value != team
}

// partOf is what a team gets of a group.
func (im *importing) partOf(r *ruleDoc, nth int, n *yaml.Node, team string, whole bool) *yaml.Node {
	g := &r.read[nth]
	if len(g.Rules) == 0 && !whole {
		return nil
	}
	var kept []*yaml.Node
	drop := false // the group's own label
	for i, rule := range items(n, "rules") {
		if g.Teams[i] != team {
			continue
		}
		if foreign(g, i, team) {
			if _, own := g.Rules[i].Labels[teamLabel]; own {
				rule = withoutLabel(rule)
			}
			im.relabelled(r.at(rule), g, i, team)
		}
		drop = drop || (g.Rules[i].Alert != "" && g.Labels[teamLabel] != "" && g.Labels[teamLabel] != team)
		kept = append(kept, rule)
	}
	if len(kept) == 0 && len(g.Rules) > 0 {
		return nil
	}
	out := without(n)
	if drop {
		out = withoutLabel(out)
	}
	if len(kept) < len(g.Rules) {
		im.note(Changed, r.at(n), "if one of its rules needs what another records, put them into one team's folder",
			"the group %q has rules of several teams and is cut: %d of its %d rules are in teams/%s; rules of one group are evaluated in order, those of two are not", g.Name, len(kept), len(g.Rules), team)
	}
	if field(out, "rules") != nil {
		set(out, "rules", list(kept...))
	}
	return out
}

// relabelled says what becomes of a team label that is not the folder's name.
func (im *importing) relabelled(pos repolayout.Pos, g *Group, i int, team string) {
	value := g.labels(i)[teamLabel]
	if strings.Contains(value, "{{") {
		im.note(Changed, pos, "make one rule for each team, in the team's folder", "the alert %q takes its team from a template; now it is always %s", g.Rules[i].Alert, team)
		return
	}
	im.note(Changed, pos, "", "the label team of the alert %q is now %q, as its folder's name; it was %q", g.Rules[i].Alert, team, value)
}

// withoutLabel is a rule or group less its label team.
func withoutLabel(n *yaml.Node) *yaml.Node {
	out := without(n)
	labels := without(field(n, "labels"), teamLabel)
	if len(labels.Content) == 0 {
		return without(n, "labels")
	}
	set(out, "labels", labels)
	return out
}

// encode writes YAML in the style of all files of the layout.
func encode(n *yaml.Node) []byte {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if enc.Encode(n) != nil || enc.Close() != nil {
		return nil // a node that was parsed can be written
	}
	return out.Bytes()
}
