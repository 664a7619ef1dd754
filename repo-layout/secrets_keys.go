package repolayout

import (
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

var (
	maySecret = regexp.MustCompile(`(?i)passw|passphrase|token|secret|credential|authori[sz]ation|cookie|key\b|auth\b|oauth2|proxy_connect_header|://[^\s]*@`)
	// inURL takes more for a password than a URL would: people write / and @ in them too.
	inURL       = regexp.MustCompile(`(://[^\s/?#:@"']*:)[^\s"'/@][^\s"']*@`)
	portAndPath = regexp.MustCompile(`^[0-9]{1,5}/`)
	// secretKey is how keys are called under which secrets stand, in whatever file.
	secretKey = regexp.MustCompile(`(?i)(password|passwd|passphrase|token|(api|access|secret|private|auth|account)[-_]?key|secret|credentials?|authorization|^cookie)$`)
	// keyed is a key and its value in a line.
	keyed = regexp.MustCompile(`([\w.-]+)["']?[ \t]*[:=][ \t]*`)
	// besides are keys of what only says where a secret is.
	besides = regexp.MustCompile(`(?i)(^files?|[-_]file|path|ref|name|namespace)$`)
)

// passwords are those in the URLs of a text.
func passwords(text string) (parts []Part) {
	for _, m := range inURL.FindAllStringSubmatchIndex(text, -1) {
		if !portAndPath.MatchString(text[m[3]:]) {
			parts = append(parts, Part{m[3], m[1] - 1})
		}
	}
	return parts
}

// scrapeSecrets are the keys of Prometheus's scrape configs whose values it keeps
// secret; the last four hold such keys, and a text in their place is one too.
var scrapeSecrets = []string{
	"application_credential_secret", "application_secret", "auth_token", "bearer_token", "client_certificate_key", "client_secret",
	"consumer_key", "credentials", "key", "key_passphrase", "password", "private_key", "proxy_connect_header", "secret_key",
	"secrets", "service_account_key", "token", "basic_auth", "authorization", "oauth2", "http_headers",
}

const textOnly = 4 // of scrapeSecrets, from the end

// secretKeysOf says whether what stands under a key of a file is secret.
func secretKeysOf(file string) func(key string, value *yaml.Node) bool {
	base := strings.TrimSuffix(path.Base(file), path.Ext(file))
	own := file == base+path.Ext(file) && base == "watchbill" || path.Dir(file) == "environments" || base == "team"
	if strings.Contains(file, "/scrape/") {
		return func(key string, value *yaml.Node) bool {
			i := slices.Index(scrapeSecrets, key)
			if i >= len(scrapeSecrets)-textOnly {
				return value == nil || value.Kind == yaml.ScalarNode
			}
			return i >= 0 || secretKey.MatchString(key)
		}
	}
	return func(key string, value *yaml.Node) bool {
		names, known := ownKeys()[key]
		if !known {
			return secretKey.MatchString(key)
		}
		return own && slices.ContainsFunc(names, func(name string) bool {
			return formats[name].secret && (value == nil || value.Kind != yaml.ScalarNode || formats[name].errOf(value.Value) != nil)
		})
	}
}

// ownKeys are all keys of our own files, with the formats that they have.
var ownKeys = sync.OnceValue(func() map[string][]string {
	keys, seen := map[string][]string{}, map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		for _, f := range fieldsOf(t) {
			keys[f.key] = append(keys[f.key], f.format)
			walk(t.FieldByIndex(f.index).Type)
		}
	}
	for _, t := range []reflect.Type{reflect.TypeFor[Stack](), reflect.TypeFor[Environment](), reflect.TypeFor[TeamSpec]()} {
		walk(t)
	}
	return keys
})
