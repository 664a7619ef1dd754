package importer

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// keys gives names of keys of the receivers' Secret to what is secret.
type keys struct {
	list  []Secret
	byID  map[string]string // key by the secret itself, or by where it is kept
	taken map[string]bool
	known map[string]bool // values that no note may hold
}

func newKeys() keys {
	return keys{byID: map[string]string{}, taken: map[string]bool{}, known: map[string]bool{}}
}

var keyForm = regexp.MustCompile(`^[-_a-zA-Z0-9][-._a-zA-Z0-9]{0,100}$`)

// of is the key of one secret. The same secret has the same key wherever it is used.
func (k *keys) of(id, like, from string, pos repolayout.Pos) string {
	if key, ok := k.byID[id]; ok {
		return key
	}
	if !keyForm.MatchString(like) {
		like = "key-" + slug(like)
	}
	key := like
	for n := 2; k.taken[key]; n++ {
		key = fmt.Sprintf("%s-%d", like, n)
	}
	k.taken[key], k.byID[id] = true, key
	k.list = append(k.list, Secret{Key: key, From: from, Pos: pos})
	return key
}

// setting is the key for a setting that is given by its value, or by a file
// that holds it. It is empty where the setting is not there.
func (k *keys) setting(d *document, n *yaml.Node, name, like string) string {
	if _, v := entry(n, name); text(v) != "" {
		return k.of("value\x00"+v.Value, like, "the value of "+name, d.at(v))
	}
	if _, v := entry(n, name+"_file"); text(v) != "" {
		if reference, ok := strings.CutPrefix(v.Value, secretReference); ok {
			like := path.Base(reference)
			if k.taken[like] {
				like = path.Base(path.Dir(reference)) + "-" + like
			}
			return k.of("file\x00"+v.Value, like, "what the key "+path.Base(reference)+" of the Secret "+path.Dir(reference)+" holds", d.at(v))
		}
		return k.of("file\x00"+v.Value, path.Base(v.Value), "what the file holds that "+name+"_file names", d.at(v))
	}
	return ""
}

// learn remembers every value of a document that is secret by its key.
func (k *keys) learn(n *yaml.Node) {
	manifest := text(n, "kind") != ""
	eachScalar(n, func(path []string, value *yaml.Node) {
		if last := path[len(path)-1]; manifest && (last == "name" || last == "key") {
			return // a manifest refers to its secrets
		}
		if len(value.Value) >= 4 && (secretPath(path) || hasPassword(value.Value) || addressSecret(path)) {
			k.known[value.Value] = true
		}
	})
}

// hide replaces what is known to be secret.
func (k *keys) hide(s string) string {
	for value := range k.known {
		if strings.Contains(s, value) {
			s = strings.ReplaceAll(s, value, "…")
		}
	}
	return s
}

// addressSecret says whether a setting of a receiver is a URL that may let anybody post.
func addressSecret(path []string) bool {
	last := path[len(path)-1]
	return last == "api_url" || last == "slack_api_url" || last == "webhook_url" || last == "incoming_webhook" ||
		(last == "url" && len(path) > 1 && (path[len(path)-2] == "webhook_configs" || path[len(path)-2] == "webhookConfigs"))
}

var (
	secretWord = regexp.MustCompile(`(?i)(password|passwd|passphrase|secret|token|credential|authorization|cookie|bearer)|(^|[_-])key$`)
	noSecret   = regexp.MustCompile(`(?i)(files?|_path|_url|_id|^type|^role|key_ref)$`)
)

// secretPath says whether the value at a path of keys is a secret.
func secretPath(path []string) bool {
	if len(path) == 0 || noSecret.MatchString(path[len(path)-1]) {
		return false
	}
	for _, key := range path {
		if secretWord.MatchString(key) && !noSecret.MatchString(key) {
			return true
		}
	}
	return false
}

// eachScalar goes over the values that are written out, with the keys above them.
func eachScalar(n *yaml.Node, do func(path []string, value *yaml.Node)) {
	var walk func(n *yaml.Node, path []string)
	walk = func(n *yaml.Node, path []string) {
		switch {
		case n == nil:
		case n.Kind == yaml.ScalarNode && len(path) > 0 && n.Value != "" && n.ShortTag() != "!!null":
			do(path, n)
		case n.Kind == yaml.SequenceNode:
			for _, item := range n.Content {
				walk(item, path)
			}
		case n.Kind == yaml.MappingNode:
			mapping(n, func(key, value *yaml.Node) { walk(value, append(path[:len(path):len(path)], key.Value)) })
		}
	}
	walk(n, nil)
}

// hasPassword says whether a text is a URL with a password in it.
func hasPassword(text string) bool {
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return false
	}
	u, err := url.Parse(text)
	if err != nil {
		return true
	}
	_, set := u.User.Password()
	return set
}

// quoted is where a library's error may repeat what it read.
var quoted = regexp.MustCompile("`[^`]*`|\"[^\"]*\"|'[^']*'|\\S*://\\S*")

// scrub makes an error of a library fit to be read by anybody.
func scrub(err error) string { return quoted.ReplaceAllString(err.Error(), "…") }
