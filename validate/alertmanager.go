package validate

import (
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/matcher/compat"
	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// AlertmanagerConfig checks a rendered alertmanager.yml: the whole, or one
// team's part of it to learn who is to blame, whom owner names. Where the repo's
// templates are given too, the texts of the receivers are run with them.
func AlertmanagerConfig(path, owner string, content []byte, templates ...*repolayout.File) (found []Finding) {
	defer survive(&found, routingConfig, owner, path)
	initMatchers()
	c := &alertmanagerChecker{owner: owner, file: &repolayout.File{Path: path, Content: content}}
	if len(templates) > 0 {
		c.templates = newTemplateSet(templates)
	}
	var root yaml.Node
	if yaml.Unmarshal(content, &root) == nil && len(root.Content) > 0 {
		c.walk(root.Content[0], nil)
	}
	if len(c.found) == 0 { // the library is not at its best with what the program does not know
		if _, err := amconfig.Load(string(content)); err != nil {
			c.found = yamlFindings(routingConfig, owner, c.file, err, slices.Values(alertmanagerKeys()))
		}
	}
	return Sort(c.found)
}

// initMatchers sets how Alertmanager's library reads matchers: as the program
// does without flags. It is a global of the library, and so set once.
var initMatchers = sync.OnceFunc(func() {
	silent := slog.New(slog.DiscardHandler)
	flags, err := featurecontrol.NewFlags(silent, "")
	if err == nil { // no features cannot be wrong ones
		compat.InitFromFlags(silent, flags)
	}
})

var alertmanagerKeys = sync.OnceValue(func() []string {
	keys := map[string]bool{}
	yamlKeys(reflect.TypeFor[amconfig.Config](), keys, map[reflect.Type]bool{})
	return slices.Sorted(maps.Keys(keys))
})

// alertmanagerChecker looks at what Load lets pass and the program does not.
type alertmanagerChecker struct {
	owner     string
	file      *repolayout.File
	templates *templateSet
	found     []Finding
}

// newerKeys are keys of the library that the program, Alertmanager 0.31, does
// not know and refuses, by the key that they stand under.
var newerKeys = map[string][]string{
	"":                {"event_recorder"},
	"global":          {"mattermost_webhook_url", "mattermost_webhook_url_file"},
	"route":           {"labels"},
	"routes":          {"labels"},
	"receivers":       {"labels"},
	"slack_configs":   {"update_message"},
	"webhook_configs": {"payload"},
	"sns_configs":     {"use_aws_http_client"},
	"sigv4":           {"session_name", "tags"},
	"mattermost_configs": {
		"author_icon", "author_link", "author_name", "color", "fallback", "fields", "footer", "footer_icon",
		"image_url", "pretext", "thumb_url", "title", "title_link",
	},
}

// walk looks at every key and every text; within are the keys around a node.
func (c *alertmanagerChecker) walk(n *yaml.Node, within []string) {
	parent := ""
	if len(within) > 0 {
		parent = within[len(within)-1]
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			c.walk(item, within)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if slices.Contains(newerKeys[parent], key.Value) {
				c.add(routingConfig, key, newerHint, "the key \""+key.Value+"\" is newer than Alertmanager "+alertmanagerVersion)
			}
			c.walk(n.Content[i+1], append(within, key.Value))
		}
	case yaml.ScalarNode:
		if c.templates != nil && len(within) > 0 && within[0] == "receivers" {
			c.text(n)
		}
	}
}

func (c *alertmanagerChecker) add(check string, n *yaml.Node, hint, message string) {
	c.found = append(c.found, Finding{
		Check: check, Severity: Error, Owner: c.owner, Message: message, Hint: hint,
		Pos: repolayout.Pos{File: c.file.Path, Line: n.Line, Column: n.Column},
	})
}

// text checks the template that a receiver's text may be.
func (c *alertmanagerChecker) text(n *yaml.Node) {
	at := repolayout.Pos{File: c.file.Path, Line: n.Line, Column: n.Column}
	c.found = append(c.found, c.templates.receiverText(n.Value, c.owner, at, c.file.Content)...)
}
