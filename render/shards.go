package render

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/watchbill/watchbill/render/bundle"
	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// shardDir is the folder of the bundle with what is one shard's alone.
func shardDir(shard int32) string { return fmt.Sprintf("shards/%d/", shard) }

// scrapeFiles are a scrape file of a team in the bundle: as it stands, or once
// for each shard, with the rules that pick the shard's targets at the end of
// every job's relabelling.
func scrapeFiles(team string, f *repolayout.ScrapeFile, shards int32) ([]bundle.File, error) {
	path := bundlePath(team, f.Path)
	if shards <= 1 {
		return []bundle.File{{Path: path, Content: string(f.Content)}}, nil
	}
	var out []bundle.File
	for shard := range shards {
		content, err := shardScrape(f.Content, shard, shards)
		if err != nil {
			return nil, fmt.Errorf("pick the targets of shard %d in %s: %w", shard, f.Path, err)
		}
		out = append(out, bundle.File{Path: shardDir(shard) + path, Content: content})
	}
	return out, nil
}

// shardRules deal targets out by the hash of their address, or of __tmp_hash
// where a job's own relabelling has set it to keep some targets together.
func shardRules(shard, shards int32) []promRelabel {
	return []promRelabel{
		{SourceLabels: []string{"__address__", "__tmp_hash"}, Separator: ";", Regex: "(.+);", TargetLabel: "__tmp_hash", Action: "replace"},
		{SourceLabels: []string{"__tmp_hash"}, Modulus: shards, TargetLabel: "__tmp_hash", Action: "hashmod"},
		{SourceLabels: []string{"__tmp_hash"}, Regex: strconv.Itoa(int(shard)), Action: "keep"},
	}
}

func shardScrape(content []byte, shard, shards int32) (string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return "", err
	}
	if doc.Kind != yaml.DocumentNode {
		return string(content), nil // nothing but comments
	}
	// A list that an anchor shares with another job, or with what is no target
	// relabelling, must not grow there too: every job gets lists of its own.
	copier := unsharer{left: 1 << 20}
	root, err := copier.copy(doc.Content[0], 0)
	if err != nil {
		return "", err
	}
	var rules yaml.Node
	if err := rules.Encode(shardRules(shard, shards)); err != nil {
		return "", err
	}
	if jobs := valueOf(root, "scrape_configs"); jobs != nil && jobs.Kind == yaml.SequenceNode {
		for _, job := range jobs.Content {
			extend(job, "relabel_configs", rules.Content)
		}
	}
	var out bytes.Buffer
	err = writeYAML(&out, "", root)
	return out.String(), err
}

// unsharer copies nodes, each alias as a copy of its own of what it stands for.
type unsharer struct {
	left int // nodes that may still be made: a few aliases can stand for more than any memory holds
}

func (u *unsharer) copy(n *yaml.Node, depth int) (*yaml.Node, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if u.left--; u.left < 0 || depth > 10_000 {
		return nil, errors.New("its aliases stand for too much, or for themselves; write out what they stand for")
	}
	own := *n
	own.Anchor, own.Content = "", make([]*yaml.Node, 0, len(n.Content))
	for _, child := range n.Content {
		c, err := u.copy(child, depth+1)
		if err != nil {
			return nil, err
		}
		own.Content = append(own.Content, c)
	}
	return &own, nil
}

// valueOf is the value of a key of a mapping, its own or one that it merges in by <<.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	var merged *yaml.Node
	for i := 0; mapping.Kind == yaml.MappingNode && i+1 < len(mapping.Content); i += 2 {
		switch name, value := mapping.Content[i], mapping.Content[i+1]; {
		case name.Value == key:
			return value
		case name.Tag == "!!merge" && value.Kind == yaml.SequenceNode:
			for _, from := range slices.Backward(value.Content) {
				if found := valueOf(from, key); found != nil {
					merged = found
				}
			}
		case name.Tag == "!!merge":
			merged = valueOf(value, key)
		}
	}
	return merged
}

// extend adds items to the list that is the value of a mapping's key.
func extend(mapping *yaml.Node, key string, items []*yaml.Node) {
	if mapping.Kind != yaml.MappingNode {
		return
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if before := valueOf(mapping, key); before != nil {
		list.Content = before.Content
	}
	list.Content = slices.Concat(list.Content, items)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = list
			return
		}
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, list)
}
