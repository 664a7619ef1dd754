package repolayout

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// CodeOwners is the file by which GitHub knows who has to approve a change.
type CodeOwners struct {
	*File
	rules []codeOwnersRule // the last that matches holds
}

type codeOwnersRule struct {
	line    int
	pattern *regexp.Regexp
	owned   bool // it names somebody
}

// codeOwnersFolders are where GitHub looks for the file, in its order.
var codeOwnersFolders = []string{".github", ".", "docs"}

// maxCodeOwners bounds its lines.
const maxCodeOwners = 10_000

// codeOwners reads the file, nil where there is none.
func (l *Loader) codeOwners(fsys fs.FS) (*CodeOwners, []Problem) {
	root, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, nil // the walk has said so
	}
	for _, dir := range codeOwnersFolders {
		entries := root
		if dir != "." {
			if !slices.ContainsFunc(root, func(e fs.DirEntry) bool { return e.Name() == dir && e.IsDir() }) {
				continue
			}
			if entries, err = fs.ReadDir(fsys, dir); err != nil {
				continue
			}
		}
		i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "CODEOWNERS" && e.Type().IsRegular() })
		if i < 0 {
			continue
		}
		f := l.file(fsys, item{codeOwnersFile, path.Join(dir, "CODEOWNERS"), "", entries[i]}, "")
		parsed, _ := f.parsed.(*CodeOwners)
		return parsed, f.problems
	}
	return nil, nil
}

func (r *report) parseCodeOwners(f *File) any {
	if !r.encodingOK(f.Content) {
		return nil
	}
	out := &CodeOwners{File: f}
	for i, line := range bytes.Split(f.Content, []byte("\n")) {
		if len(out.rules) == maxCodeOwners {
			break
		}
		text, _, _ := strings.Cut(strings.ReplaceAll(string(line), `\ `, "\x00"), " #")
		words := strings.Fields(text)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if p := codeOwnersPattern(strings.ReplaceAll(words[0], "\x00", " ")); p != nil {
			out.rules = append(out.rules, codeOwnersRule{i + 1, p, len(words) > 1})
		}
	}
	return out
}

var patternPart = regexp.MustCompile(`\*\*/|/\*\*$|\*\*|\*|\?|[^*?/]+|/`)

// codeOwnersPattern is a pattern as GitHub reads it: that of .gitignore, but for
// ! and [], which it does not know, and for an asterisk at the end, which does not
// go into folders. It is nil for what is no pattern.
func codeOwnersPattern(pattern string) *regexp.Regexp {
	if strings.ContainsAny(pattern, "![]\\") || len(pattern) > 1000 {
		return nil
	}
	anchored := strings.Contains(strings.TrimSuffix(pattern, "/"), "/")
	folder := strings.HasSuffix(pattern, "/")
	shallow := strings.HasSuffix(pattern, "/*")
	var b strings.Builder
	if b.WriteString("^"); !anchored {
		b.WriteString("(?:.*/)?")
	}
	for _, part := range patternPart.FindAllString(strings.Trim(pattern, "/"), -1) {
		switch part {
		case "**/":
			b.WriteString("(?:.*/)?")
		case "/**":
			b.WriteString("/.*")
		case "**":
			b.WriteString(".*")
		case "*":
			b.WriteString("[^/]*")
		case "?":
			b.WriteString("[^/]")
		default:
			b.WriteString(regexp.QuoteMeta(part))
		}
	}
	switch {
	case folder:
		b.WriteString("/.*$")
	case shallow:
		b.WriteString("$")
	default:
		b.WriteString("(?:/.*)?$")
	}
	compiled, err := regexp.Compile(b.String())
	if err != nil {
		return nil
	}
	return compiled
}

// Owned says whether somebody owns a file, and else by which line nobody does; 0
// is that no line speaks of it.
func (c *CodeOwners) Owned(file string) (owned bool, line int) {
	for _, rule := range slices.Backward(c.rules) {
		if rule.pattern.MatchString(file) {
			return rule.owned, rule.line
		}
	}
	return false, 0
}
