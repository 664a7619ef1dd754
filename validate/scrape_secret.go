package validate

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// secrets reports what is secret and stands in the file for all to read. No
// message repeats it.
func (j *scrapeJob) secrets() {
	seen := map[*yaml.Node]bool{}
	for _, s := range settings(j.ScrapeConfig) {
		header, isHeader := headerOf(s)
		if !s.secret && (!isHeader || !secretName.MatchString(header)) {
			continue
		}
		at := j.written(s)
		if seen[at] {
			continue // Prometheus has it under two keys
		}
		seen[at] = at != nil
		j.secret(s, header, at)
	}
	eachScalar(j.node, func(key string, n *yaml.Node) {
		if !seen[n] && hasPassword(n.Value) {
			j.reportSecret(n, "take user and password out of the URL, and write basic_auth with a password_file", "the URL in %s holds a password in clear text", key)
		}
	})
	j.secretParams()
}

// reportSecret makes a finding at the job's name, as what shows findings shows
// their lines too. Where the name stands on the secret's line, it has no line.
func (j *scrapeJob) reportSecret(at *yaml.Node, hint, format string, args ...any) {
	j.report(scrapeSecret, nil, hint, format, args...)
	f := &j.found[len(j.found)-1]
	switch {
	case at == nil || at.Line == f.Line:
		f.Pos = repolayout.Pos{File: f.File}
	default:
		f.Message += fmt.Sprintf(", in line %d", at.Line)
	}
}

func (j *scrapeJob) secret(s setting, header string, at *yaml.Node) {
	key := s.key
	if name := keyBefore(j.node, at); name != "" {
		key = name
	}
	what, hint := "the value of "+key, secretFileHint(s, key)
	if header != "" {
		what = "the value of the header " + header
	}
	switch {
	case s.value == "<secret>":
		j.reportSecret(at, hint, "%s is what Prometheus shows in place of a secret, so the secret itself is missing", what)
	case variable.MatchString(s.value):
		j.reportSecret(at, hint, "%s names a variable, but Prometheus replaces none here and would send the name itself", what)
	default:
		j.reportSecret(at, "change the secret where it is used, as everyone who reads the repo knows it; "+hint, "%s is a secret, and stands here in clear text", what)
	}
}

// variable is how people write what something else is to replace.
var variable = regexp.MustCompile(`^\$(\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Z_][A-Z0-9_]*)$|^\{\{.*\}\}$`)

// headerOf is the name of the header that a setting is a value of.
func headerOf(s setting) (name string, ok bool) {
	for i, step := range s.path {
		if step == "http_headers" && i+2 < len(s.path) && s.path[i+2] != "files" {
			name, ok = s.path[i+1].(string)
		}
	}
	return name, ok
}

// written is where the value of a setting stands in the file. Prometheus moves
// some from the key that they were written with.
func (j *scrapeJob) written(s setting) *yaml.Node {
	if n := nodeAt(j.node, s.path...); n != nil && n.Kind == yaml.ScalarNode {
		return n
	}
	for length := len(s.path); length >= 0; length-- {
		var found *yaml.Node
		eachScalar(nodeAt(j.node, s.path[:length]...), func(_ string, n *yaml.Node) {
			if found == nil && n.Value == s.value {
				found = n
			}
		})
		if found != nil {
			return found
		}
	}
	return nil
}

// keyBefore is the key that a value of the job is written with.
func keyBefore(job, value *yaml.Node) (key string) {
	eachScalar(job, func(name string, n *yaml.Node) {
		if n == value {
			key = name
		}
	})
	return key
}

// fileKeys are the keys that name a file in place of a secret.
var fileKeys = map[string]string{
	"bearer_token": "bearer_token_file", "credentials": "credentials_file", "auth_token": "auth_token_file",
	"key_passphrase": "key_passphrase_file", "service_account_key": "service_account_key_path", "private_key": "private_key_path",
	"key": "key_file", "values": "files", "secrets": "files",
}

// secretFileHint says where the secret belongs.
func secretFileHint(s setting, key string) string {
	const mount = "mount it from a Kubernetes Secret into Prometheus's pod, and name its file with %s in place of %s"
	owner, _ := s.path[0].(string)
	file := fileKeys[key]
	inside := func(names ...string) bool {
		return slices.ContainsFunc(s.path, func(step any) bool { name, _ := step.(string); return slices.Contains(names, name) })
	}
	switch {
	case key == "password" && inside("basic_auth") || key == "client_secret" && inside("oauth2"),
		key == "secret_key" && (owner == "scaleway_sd_configs" || owner == "outscale_sd_configs"):
		file = key + "_file"
	case key == "token" && owner == "consul_sd_configs":
		file = "authorization.credentials_file"
	}
	if _, known := fileKeys[key]; key == "password" && owner == "consul_sd_configs" && !known {
		file = "basic_auth.password_file"
	}
	if file == "" {
		return owner + " reads it from no file: give Prometheus's pod an identity where the cloud has that, or list the targets through file_sd_configs or http_sd_configs"
	}
	return fmt.Sprintf(mount, file, key)
}

// secretName is what parameters and headers that are secret are called.
var secretName = regexp.MustCompile(`(?i)^(x[-_])?(password|passwd|((access|auth|api|private|bearer|vault)[-_]?)?token|(api|access|secret|private)[-_]?key|client[-_]?secret|secret|(proxy[-_])?authorization|cookie)$`)

// secretParams reports parameters of the URL that are secret by their names.
func (j *scrapeJob) secretParams() {
	for _, name := range slices.Sorted(maps.Keys(j.Params)) {
		values := nodeAt(j.node, "params", name)
		if !secretName.MatchString(name) || values == nil {
			continue
		}
		for _, n := range values.Content {
			j.reportSecret(n, "use authorization with a credentials_file, or http_headers with files, if the target takes one of them",
				"the parameter %s is a secret by its name, and stands here in clear text", name)
		}
	}
}

// hasPassword says whether a text is a URL with a password in it.
func hasPassword(text string) bool {
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return false
	}
	password, set := u.User.Password()
	return set && password != ""
}

// eachScalar goes over the values of a node, with the key that each stands under.
// Aliases are not followed: what they stand for is looked at where it is written.
func eachScalar(n *yaml.Node, do func(key string, n *yaml.Node)) { scalars(n, "", 0, do) }

func scalars(n *yaml.Node, key string, depth int, do func(key string, n *yaml.Node)) {
	if n == nil || depth > 100 {
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		do(key, n)
	case yaml.SequenceNode:
		for _, child := range n.Content {
			scalars(child, key, depth+1, do)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			scalars(n.Content[i+1], n.Content[i].Value, depth+1, do)
		}
	}
}
