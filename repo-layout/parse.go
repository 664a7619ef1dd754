package repolayout

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseAs reads a file as what it is for, and returns nil where nothing of it
// could be read.
func (r *report) parseAs(it item, f *File) any {
	switch it.kind {
	case stackFile:
		return r.parseStack(f)
	case environmentFile:
		return r.parseEnvironment(f)
	case teamFile:
		return r.parseTeam(f)
	case ruleFile:
		if root, _ := r.upstream(f); root != nil {
			return &RuleFile{File: f, Environment: it.within, Groups: r.readGroups(root)}
		}
	case scrapeFile:
		root, more := r.upstream(f)
		if more {
			r.severalDocuments()
		}
		if root != nil {
			return &ScrapeFile{File: f, Environment: it.within, Jobs: r.readJobs(root)}
		}
	case testFile, patchFile:
		if root, _ := r.upstream(f); root != nil {
			return f
		}
	case dashboardFile:
		return r.parseJSON(f)
	case codeOwnersFile:
		return r.parseCodeOwners(f)
	case templateFile:
		if r.encodingOK(f.Content) {
			return f
		}
	}
	return nil
}

func (r *report) parseStack(f *File) *Stack {
	s := DefaultStack()
	s.Digest, s.Ignores = f.Digest, ignoresIn(f)
	if root := r.own(f); root != nil {
		s.Places = r.decode(root, &s)
		r.finishStack(&s)
	}
	return &s
}

func (r *report) parseEnvironment(f *File) *Environment {
	e := newEnvironment(f)
	e.Ignores = ignoresIn(f)
	r.nameOK(e.Name, "environment")
	if root := r.own(f); root != nil {
		e.Places = r.decode(root, e)
		r.finishEnvironment(e)
	}
	return e
}

func newEnvironment(f *File) *Environment {
	e := DefaultEnvironment()
	e.Name = strings.TrimSuffix(path.Base(f.Path), path.Ext(f.Path))
	e.Digest = f.Digest
	return &e
}

func (r *report) parseTeam(f *File) *TeamSpec {
	t := TeamSpec{Ignores: ignoresIn(f)}
	if root := r.own(f); root != nil {
		t.Places = r.decode(root, &t)
		r.finishTeam(&t)
	}
	return &t
}

// own reads one of our own files, which is one document that holds something.
func (r *report) own(f *File) *yaml.Node {
	before := len(r.found)
	root, more := r.parseYAML(f.Content)
	if more {
		r.severalDocuments()
	}
	if root == nil && len(r.found) == before {
		r.add(emptyFile, r.at(1, 1), "", "the file is empty")
	}
	return root
}

// upstream reads a file of an upstream format. One that is empty does no harm.
func (r *report) upstream(f *File) (root *yaml.Node, more bool) {
	root, more = r.parseYAML(f.Content)
	if root == nil && len(r.found) == 0 {
		r.warn(emptyFile, r.at(1, 1), "delete it", "the file is empty")
	}
	return root, more
}

func (r *report) severalDocuments() {
	r.add(severalDocuments, r.at(1, 1), "make it one file for each document", "the file holds several YAML documents, of which only the first would be read")
}

func (r *report) parseJSON(f *File) any {
	if !r.encodingOK(f.Content) {
		return nil
	}
	if len(bytes.TrimSpace(f.Content)) == 0 {
		r.warn(emptyFile, r.at(1, 1), "delete it", "the file is empty")
		return nil
	}
	var raw json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(f.Content, &raw); errors.As(err, &syntax) {
		r.add(jsonSyntax, r.offset(f.Content, int(syntax.Offset)-1), "", "%s", syntax.Error())
		return nil
	}
	return f
}

// nameOK checks a name that Kubernetes objects and labels are made of.
func (r *report) nameOK(name, what string) {
	f := formats["dnsLabel"]
	if err := f.errOf(name); err != nil {
		r.add(badName, r.at(0, 0), "rename it; write "+f.like, "%q cannot be the name of the %s", name, what)
	}
}
