package importer

import (
	"encoding/base64"
	"fmt"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// read takes one file in, whatever it is.
func (im *importing) read(s Source) {
	if strings.HasSuffix(s.Path, ".tmpl") {
		im.template(s)
		return
	}
	docs, err := parse(s, &writeOut{left: maxNodes})
	if err != nil {
		im.note(Lost, repolayout.Pos{File: s.Path}, "check it with promtool check rules, promtool check config or amtool check-config", "the file was not read: %v", err)
		return
	}
	for _, d := range docs {
		im.keys.learn(d.root)
	}
	im.docs = append(im.docs, docs...)
}

func (im *importing) template(s Source) {
	if len(s.Content) > MaxFile {
		im.note(Lost, repolayout.Pos{File: s.Path}, "", "the template was not read: %v", errTooLarge)
		return
	}
	im.write("alertmanager/templates/"+im.free("alertmanager/templates/", stemOf(s.Path), ".tmpl")+".tmpl", s.Content)
}

// sort finds out what a document is, by what it holds and not by its name.
func (im *importing) sort(d *document) {
	pos := repolayout.Pos{File: d.file, Line: d.root.Line}
	switch kind := text(d.root, "kind"); {
	case kind == "PrometheusRule":
		im.addManifest(d)
	case kind == "AlertmanagerConfig":
		im.configs = append(im.configs, &alertmanagerConfig{document: *d, namespace: text(d.root, "metadata", "namespace"), name: text(d.root, "metadata", "name")})
	case strings.HasSuffix(kind, "List") && field(d.root, "items") != nil:
		for _, item := range items(d.root, "items") {
			im.sort(&document{file: d.file, root: item, first: true, left: d.left})
		}
	case (kind == "Secret" || kind == "ConfigMap") && im.embedded(d, kind):
	case kind != "":
		im.note(Lost, pos, "Watchbill renders the objects that run the stack; what is your own stays where you apply it today", "the object of kind %s is not one that is imported", kind)
	case field(d.root, "tests") != nil:
		im.tests = append(im.tests, d)
	case field(d.root, "groups") != nil:
		im.addRuleFile(d)
	case field(d.root, "route") != nil && field(d.root, "receivers") != nil:
		im.only(&im.main, d, "Alertmanager's configuration")
	case isPrometheus(d.root):
		im.addPrometheus(d)
	default:
		im.note(Lost, pos, "give rule files, PrometheusRule, AlertmanagerConfig, alertmanager.yml, prometheus.yml or *.tmpl", "it is nothing that is known: %s", keysOf(d.root))
	}
}

// embedded takes files that stand in a Secret or ConfigMap, as the operator has
// Alertmanager's configuration and many have their rule files.
func (im *importing) embedded(d *document, kind string) (found bool) {
	take := func(encoded bool) func(key, value *yaml.Node) {
		return func(key, value *yaml.Node) {
			content := []byte(value.Value)
			if encoded {
				var err error
				if content, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Value), "")); err != nil {
					return
				}
			}
			docs, err := parse(Source{d.file, content}, d.left)
			if err != nil {
				return
			}
			for i := range docs {
				inner := &docs[i]
				known := field(inner.root, "groups") != nil || field(inner.root, "route") != nil || isPrometheus(inner.root)
				if !known || field(inner.root, "kind") != nil || field(inner.root, "tests") != nil {
					continue
				}
				found = true
				im.keys.learn(inner.root)
				inner.name, inner.whole = key.Value, nil
				moveTo(inner.root, value, !encoded)
				im.sort(inner)
			}
		}
	}
	mapping(field(d.root, "data"), take(kind == "Secret"))
	mapping(field(d.root, "stringData"), take(false))
	return found
}

// moveTo gives a text that was read out of a scalar the scalar's place.
func moveTo(n, scalar *yaml.Node, lines bool) {
	if lines && scalar.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		n.Line += scalar.Line
	} else {
		n.Line = scalar.Line
	}
	for _, child := range n.Content {
		moveTo(child, scalar, lines)
	}
}

func (im *importing) only(slot **document, d *document, what string) {
	if *slot != nil {
		im.note(Lost, repolayout.Pos{File: d.file, Line: d.root.Line}, "import one at a time", "%s is taken from %s already", what, (*slot).file)
		return
	}
	*slot = d
}

func isPrometheus(root *yaml.Node) bool {
	for _, key := range []string{"scrape_configs", "rule_files", "global", "scrape_config_files", "remote_write", "alerting"} {
		if field(root, key) != nil {
			return true
		}
	}
	return false
}

// keysOf names a few keys, for the person who looks for the file.
func keysOf(root *yaml.Node) string {
	if root.Kind != yaml.MappingNode {
		return "it has no keys"
	}
	var names []string
	mapping(root, func(key, _ *yaml.Node) { names = append(names, fmt.Sprintf("%.40q", key.Value)) })
	if len(names) > 5 {
		names = append(names[:5], "…")
	}
	return "its keys are " + strings.Join(names, ", ")
}

// References are the patterns of further files that a prometheus.yml or an
// alertmanager.yml names, as it writes them.
func References(s Source) []string {
	docs, err := parse(s, &writeOut{left: maxNodes})
	if err != nil {
		return nil
	}
	var out []string
	for _, d := range docs {
		if field(d.root, "kind") != nil || field(d.root, "tests") != nil {
			continue
		}
		for _, key := range []string{"rule_files", "scrape_config_files", "templates"} {
			out = append(out, texts(d.root, key)...)
		}
	}
	return out
}

// stemOf is a file's name without its ending, in letters that are safe everywhere.
func stemOf(file string) string {
	base := path.Base(strings.ReplaceAll(file, `\`, "/"))
	return safe(strings.TrimSuffix(base, path.Ext(base)))
}

func safe(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, name)
	name = strings.TrimLeft(name[:min(len(name), 100)], ".-")
	upper := strings.ToUpper(name)
	if name == "" || strings.HasPrefix(upper, "README") || strings.HasPrefix(upper, "LICENSE") || strings.HasSuffix(upper, ".MD") {
		name = "rules-" + strings.ReplaceAll(name, ".", "-") // the loader leaves the others to people
	}
	return name
}

// slug makes of a text the name of a team: a DNS label.
func slug(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.ToLower(s))
	s = strings.Trim(s, "-")
	return strings.Trim(s[:min(len(s), 63)], "-")
}

// free is a name that no file of the folder has.
func (im *importing) free(folder, stem, ext string) string {
	name := stem
	for n := 2; im.names[strings.ToLower(folder+name+ext)]; n++ {
		name = fmt.Sprintf("%s-%d", stem, n)
	}
	im.names[strings.ToLower(folder+name+ext)] = true
	return name
}

func (im *importing) write(file string, content []byte) {
	im.res.Files[file] = content
	if rest, ok := strings.CutPrefix(file, "teams/"); ok {
		name, _, _ := strings.Cut(rest, "/")
		im.teams[name] = true
	}
}
