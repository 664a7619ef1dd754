package ruletest

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// place is a node of the file's YAML, to find where things stand. A nil place
// stands nowhere, and so do all below it.
type place struct{ node *yaml.Node }

// placesOf reads the file a second time, for the positions. What decode took
// and this does not (a matter of YAML 1.1) has no positions.
func placesOf(content []byte) (p *place) {
	defer func() {
		if recover() != nil {
			p = nil
		}
	}()
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil || len(document.Content) == 0 {
		return nil
	}
	return &place{node: document.Content[0]}
}

func (p *place) position() Position {
	if p == nil {
		return Position{}
	}
	return Position{Line: p.node.Line, Column: p.node.Column}
}

// at is the i-th item of the list under a key.
func (p *place) at(key string, i int) *place {
	if p == nil {
		return nil
	}
	list := valueOf(resolved(p.node), key, 0)
	if list == nil || list.Kind != yaml.SequenceNode || i >= len(list.Content) {
		return nil
	}
	return &place{node: list.Content[i]}
}

// resolved follows an alias to what it stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// maxMerges bounds how deep merge keys are followed.
const maxMerges = 8

// valueOf is the value of a key of a mapping, its own or one that is merged in.
func valueOf(n *yaml.Node, key string, depth int) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode || depth > maxMerges {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolved(n.Content[i+1])
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		merged := resolved(n.Content[i+1])
		if merged != nil && merged.Kind == yaml.SequenceNode {
			for _, item := range merged.Content {
				if v := valueOf(resolved(item), key, depth+1); v != nil {
					return v
				}
			}
		}
		if v := valueOf(merged, key, depth+1); v != nil {
			return v
		}
	}
	return nil
}

// lineOf is the text of a line, from 1 on.
func lineOf(content []byte, line int) string {
	for ; line > 1; line-- {
		n := bytes.IndexByte(content, '\n')
		if n < 0 {
			return ""
		}
		content = content[n+1:]
	}
	text, _, _ := strings.Cut(string(content[:min(len(content), 1<<16)]), "\n")
	return text
}
