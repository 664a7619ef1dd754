package repolayout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxDepth = 100
	// maxParts bounds the lines and commas of one file, and with them the memory that its values take.
	maxParts = 250_000
	// maxAliased bounds what the aliases of one file add to it when they are followed.
	maxAliased = 200_000
)

// parseYAML reads a file's first document and says whether there are more. The
// root is nil, with or without a problem, where there is nothing to read on.
func (r *report) parseYAML(content []byte) (root *yaml.Node, more bool) {
	if !r.encodingOK(content) {
		return nil, false
	}
	if parts := bytes.Count(content, []byte("\n")) + bytes.Count(content, []byte(",")); parts > maxParts {
		r.add(tooComplex, r.at(1, 1), "make several files of it", "the file has more than %d lines and commas", maxParts)
		return nil, false
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		doc, err := nextDocument(decoder)
		if err != nil {
			r.syntaxError(content, err)
			return nil, false
		}
		if doc == nil {
			return root, more
		}
		if len(doc.Content) == 0 || isNull(doc.Content[0]) {
			continue // nothing between two lines of ---
		}
		if at, why := tooMuch(doc.Content[0]); why != "" {
			r.add(tooComplex, r.at(at.Line, at.Column), "write it out, or make several files of it", "%s", why)
			return nil, false
		}
		if root == nil {
			root = doc.Content[0]
		} else {
			more = true
		}
	}
}

// nextDocument returns nil at the end. What the parser cannot cope with is an
// error like any other: the text comes from whoever can open a pull request.
func nextDocument(decoder *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			doc, err = nil, fmt.Errorf("yaml: the parser gave up: %v", p)
		}
	}()
	doc = new(yaml.Node)
	switch err := decoder.Decode(doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return doc, nil
}

var (
	yamlLine      = regexp.MustCompile(`^line (\d+): `)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// syntaxError reports the parser's error at the line that it names.
func (r *report) syntaxError(content []byte, err error) {
	text, at := strings.TrimPrefix(err.Error(), "yaml: "), r.at(1, 1)
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	} else if m := unknownAnchor.FindStringSubmatch(text); m != nil {
		if i := bytes.Index(content, []byte("*"+m[1])); i >= 0 {
			at = r.offset(content, i)
		}
	}
	hint := ""
	switch {
	case strings.Contains(text, "found character that cannot start any token"):
		hint = "YAML indents with spaces, not tabs; a value that begins with @, ` or % needs quotes"
	case strings.Contains(text, "mapping values are not allowed"):
		hint = "a value that holds a colon and a space needs quotes"
	}
	r.add(yamlSyntax, at, hint, "%s", text)
}

// offset is the place of a byte.
func (r *report) offset(content []byte, at int) Pos {
	before := content[:min(at, len(content))]
	line := bytes.Count(before, []byte("\n")) + 1
	start := bytes.LastIndexByte(before, '\n') + 1
	return r.at(line, len([]rune(string(before[start:])))+1)
}

// tooMuch says why a document is not safe to walk: nested too deeply, or an
// alias that holds itself, or aliases of aliases that multiply.
func tooMuch(root *yaml.Node) (at *yaml.Node, why string) {
	sizes := map[*yaml.Node]int{} // of anchored nodes with all aliases followed; 0 while open
	aliased := 0
	var weigh func(n *yaml.Node, depth int) int
	weigh = func(n *yaml.Node, depth int) int {
		if depth > maxDepth {
			at, why = n, fmt.Sprintf("nested more than %d deep", maxDepth)
		}
		if n.Anchor != "" {
			sizes[n] = 0
		}
		size := 1
		for _, child := range n.Content {
			if why != "" {
				return 0
			}
			if child.Kind != yaml.AliasNode {
				size += weigh(child, depth+1)
				continue
			}
			size += sizes[child.Alias]
			aliased += sizes[child.Alias]
			switch {
			case sizes[child.Alias] == 0: // still open: the alias stands inside of what it names
				at, why = child, fmt.Sprintf("the alias *%s holds itself", child.Value)
			case aliased > maxAliased:
				at, why = child, fmt.Sprintf("aliases make it more than %d values larger than it is", maxAliased)
			}
		}
		if n.Anchor != "" {
			sizes[n] = size
		}
		return size
	}
	weigh(root, 0)
	return at, why
}

// follow is the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// each goes over the keys and values of a mapping: aliases are followed and
// merge keys (<<) are filled in behind its own keys. For any other node there
// is nothing to go over.
func each(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			return
		}
		var merged []*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := follow(n.Content[i]), follow(n.Content[i+1])
			switch {
			case key.ShortTag() != "!!merge":
				if !yield(key, value) {
					return
				}
			case value.Kind == yaml.SequenceNode:
				merged = append(merged, value.Content...)
			default:
				merged = append(merged, value)
			}
		}
		eachMerged(n, merged, yield)
	}
}

func eachMerged(n *yaml.Node, merged []*yaml.Node, yield func(key, value *yaml.Node) bool) {
	if len(merged) == 0 {
		return
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		seen[follow(n.Content[i]).Value] = true
	}
	for _, m := range merged {
		for key, value := range each(follow(m)) {
			if seen[key.Value] {
				continue
			}
			seen[key.Value] = true
			if !yield(key, value) {
				return
			}
		}
	}
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
