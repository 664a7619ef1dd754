package routes

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Receiver is a receiver and where it sends to.
type Receiver struct {
	Name string `json:"name"`
	// Destinations are what it tells, as far as that is no secret: "slack #payments", "pagerduty pd-key". Without any, it tells nobody.
	Destinations []string `json:"destinations,omitempty"`

	// address is equal only for receivers that tell the same; it covers the
	// secrets that Destinations leave out.
	address string
}

// readReceivers reads where the receivers send to out of the text itself:
// Alertmanager's own types hide what may be secret, and two addresses that are
// both hidden would look alike.
func readReceivers(content []byte) (map[string]Receiver, []string, error) {
	var file struct {
		Receivers []map[string]yaml.Node `yaml:"receivers"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		return nil, nil, fmt.Errorf("parse the list of receivers: %w", err)
	}
	receivers, names := make(map[string]Receiver, len(file.Receivers)), make([]string, 0, len(file.Receivers))
	for _, fields := range file.Receivers {
		name := fields["name"]
		r := Receiver{Name: follow(&name).Value}
		for _, key := range sortedKeys(fields) {
			if kind, ok := strings.CutSuffix(key, "_configs"); ok {
				list := fields[key]
				r.add(kind, &list)
			}
		}
		receivers[r.Name] = r
		names = append(names, r.Name)
	}
	return receivers, names, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// follow is the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// add takes the integrations of one kind.
func (r *Receiver) add(kind string, list *yaml.Node) {
	var items []map[string]yaml.Node
	if list.Decode(&items) != nil {
		return
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s %q\n", r.address, kind)
	for _, item := range items {
		words, further := []string{kind}, []string(nil)
		for _, key := range sortedKeys(item) {
			node := item[key]
			value := follow(&node)
			if value.Kind != yaml.ScalarNode || !addresses(key) {
				continue
			}
			fmt.Fprintf(hash, "%q: %q\n", key, value.Value)
			switch word := shown(key, value.Value); word {
			case "":
			case value.Value:
				words = append(words, word)
			default:
				further = append(further, word)
			}
		}
		fmt.Fprintln(hash)
		r.Destinations = append(r.Destinations, strings.Join(append(words, further...), " "))
	}
	r.address = hex.EncodeToString(hash.Sum(nil))
}

// addresses says whether a setting is part of where a message goes, and not of how it looks.
func addresses(key string) bool {
	key = strings.TrimSuffix(key, "_file")
	switch key {
	case "to", "channel", "channel_id", "smarthost", "topic", "target_arn", "topic_arn", "phone_number", "room_id":
		return true
	}
	for _, end := range []string{"url", "key", "token", "secret", "chat_id", "_id"} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

// shown is the part of a setting that everybody may read.
func shown(key, value string) string {
	switch {
	case key == "to" || key == "channel" || key == "channel_id" || strings.HasSuffix(key, "_arn") || strings.HasSuffix(key, "chat_id"):
		return value
	case strings.HasSuffix(key, "_file"):
		return path.Base(value)
	case strings.HasSuffix(key, "url"): // the rest may be a secret
		if u, err := url.Parse(value); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return ""
}
