package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// What one file may hold, so that no input makes an import run away.
const (
	MaxFile    = 4 << 20
	maxParts   = 250_000 // lines and commas
	maxNodes   = 400_000 // with all aliases followed
	maxNesting = 100
)

// document is one YAML document of the input. Its aliases and merge keys are
// written out, so that a part of it means the same by itself.
type document struct {
	file string
	// name of a file that stands within this one.
	name string
	root *yaml.Node
	// whole is the file, where it holds no other document.
	whole []byte
	// first is set for the one that Prometheus would read of a rule file.
	first bool
	left  *writeOut // for what the file's documents still may hold
}

func (d *document) at(n *yaml.Node) repolayout.Pos {
	return repolayout.Pos{File: d.file, Line: n.Line, Column: n.Column}
}

var (
	errTooLarge  = errors.New("it is too large or too deeply nested")
	errNotUTF8   = errors.New("it is not plain UTF-8 text")
	errMergeKind = errors.New("a merge key (<<) names something else than mappings")
)

// parse reads the documents of a file, within what w still lets it hold.
func parse(s Source, w *writeOut) ([]document, error) {
	content := s.Content
	switch {
	case !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0:
		return nil, errNotUTF8
	case len(content) > MaxFile || bytes.Count(content, []byte("\n"))+bytes.Count(content, []byte(",")) > maxParts:
		return nil, errTooLarge
	}
	var docs []document
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var doc yaml.Node
		switch err := decode(decoder, &doc); {
		case errors.Is(err, io.EOF):
			if len(docs) == 1 {
				docs[0].whole = content
			}
			return docs, nil
		case err != nil: // its text may repeat what it stumbles over
			return nil, fmt.Errorf("it is not YAML: %s", scrub(err))
		case len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null":
			continue
		}
		root, err := w.node(doc.Content[0], 0)
		if err != nil {
			return nil, err
		}
		root.HeadComment = joinComments(doc.HeadComment, root.HeadComment)
		docs = append(docs, document{file: s.Path, root: root, first: len(docs) == 0, left: w})
	}
}

func joinComments(a, b string) string {
	if a != "" && b != "" {
		return a + "\n\n" + b
	}
	return a + b
}

// decode is the parser's, which gives up on some texts by a panic.
func decode(decoder *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the parser gave up: %v", p)
		}
	}()
	return decoder.Decode(into)
}

// writeOut copies nodes with what their aliases stand for in place of these.
type writeOut struct{ left int }

func (w *writeOut) node(n *yaml.Node, depth int) (*yaml.Node, error) {
	if w.left--; w.left < 0 || depth > maxNesting {
		return nil, errTooLarge
	}
	if n.Kind == yaml.AliasNode {
		return w.node(n.Alias, depth+1)
	}
	out := *n
	out.Anchor, out.Content = "", nil
	if n.Kind == yaml.MappingNode {
		return &out, w.mapping(&out, n, depth)
	}
	for _, child := range n.Content {
		c, err := w.node(child, depth+1)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, c)
	}
	return &out, nil
}

func (w *writeOut) mapping(out, n *yaml.Node, depth int) error {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, err := w.node(n.Content[i], depth+1)
		if err != nil {
			return err
		}
		value, err := w.node(n.Content[i+1], depth+1)
		switch {
		case err != nil:
			return err
		case key.ShortTag() == "!!merge" && value.Kind == yaml.SequenceNode:
			merged = append(merged, value.Content...)
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
		default:
			out.Content = append(out.Content, key, value)
		}
	}
	for _, from := range merged {
		if from.Kind != yaml.MappingNode {
			return errMergeKind
		}
		have := map[string]bool{}
		for i := 0; i < len(out.Content); i += 2 {
			have[out.Content[i].Value] = true
		}
		for i := 0; i+1 < len(from.Content); i += 2 {
			if !have[from.Content[i].Value] {
				out.Content = append(out.Content, from.Content[i], from.Content[i+1])
			}
		}
	}
	return nil
}

// field is the value of a key of a mapping, or nil.
func field(n *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		_, n = entry(n, key)
	}
	return n
}

func entry(n *yaml.Node, key string) (k, v *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// text is the value of a scalar, and empty for everything else.
func text(n *yaml.Node, path ...string) string {
	if n = field(n, path...); n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	return n.Value
}

// items are those of a list.
func items(n *yaml.Node, path ...string) []*yaml.Node {
	if n = field(n, path...); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// texts are the scalars of a list.
func texts(n *yaml.Node, path ...string) []string {
	var out []string
	for _, item := range items(n, path...) {
		out = append(out, text(item))
	}
	return out
}

// mapping goes over keys and values.
func mapping(n *yaml.Node, each func(key, value *yaml.Node)) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		each(n.Content[i], n.Content[i+1])
	}
}

// without is a mapping less some keys.
func without(n *yaml.Node, keys ...string) *yaml.Node {
	out := *n
	out.Content = nil
	mapping(n, func(key, value *yaml.Node) {
		for _, k := range keys {
			if key.Value == k {
				return
			}
		}
		out.Content = append(out.Content, key, value)
	})
	return &out
}

// set replaces the value of a key of a mapping, or adds it.
func set(n *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content[i+1] = value
			return
		}
	}
	n.Content = append(n.Content, scalar(key), value)
}

func scalar(value string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(value)
	return n
}

func list(values ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: values}
}

func object(pairs ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: pairs}
}
