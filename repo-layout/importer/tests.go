package importer

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// moved is where a rule file of the input went.
type moved struct {
	files  []string // one for each team
	edited bool     // a label is not what it was
}

// writeTests moves unit tests to the rules that they test, where these went to
// one team as they were. Others would have to be cut, or changed, by somebody
// who knows what they are about.
func (im *importing) writeTests() {
	for _, d := range im.tests {
		pos := repolayout.Pos{File: d.file, Line: d.root.Line}
		const hint = "copy it to teams/TEAM/tests/ and let its rule_files name the files in ../rules/"
		files, why := im.testedBy(d)
		if why != "" {
			im.note(Lost, pos, hint, "these unit tests of rules are not moved: %s", plain(why))
			continue
		}
		team := strings.Split(files[0], "/")[1]
		var names []*yaml.Node
		for _, file := range files {
			names = append(names, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "../rules/" + path.Base(file)})
		}
		root := without(d.root)
		set(root, "rule_files", list(names...))
		folder := "teams/" + team + "/tests/"
		im.write(folder+im.free(folder, stemOf(d.file), ".yaml")+".yaml", encode(root))
	}
}

// testedBy are the rule files of the result that a test file names in the input,
// or why it cannot go with them.
func (im *importing) testedBy(d *document) (files []string, why string) {
	patterns := texts(d.root, "rule_files")
	if len(patterns) == 0 {
		return nil, "they name no rule files"
	}
	for _, pattern := range patterns {
		from := pattern
		if !path.IsAbs(from) {
			from = path.Join(path.Dir(d.file), from)
		}
		found := false
		for _, source := range im.movedFrom {
			if ok, err := path.Match(from, path.Clean(source)); err != nil || !ok {
				continue
			}
			to := im.moved[source]
			if len(to.files) != 1 {
				return nil, "their rules are of several teams"
			}
			if to.edited {
				return nil, "the label team of their rules is another now"
			}
			found, files = true, append(files, to.files[0])
		}
		if !found {
			return nil, "the rule files that they name are not among what is imported"
		}
	}
	slices.Sort(files)
	files = slices.Compact(files)
	if slices.ContainsFunc(files, func(file string) bool { return path.Dir(file) != path.Dir(files[0]) }) {
		return nil, "their rules are of several teams"
	}
	return files, ""
}
