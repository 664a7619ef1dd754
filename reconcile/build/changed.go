package build

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/validate"
)

// Load reads a revision as Check and Build do, and remembers it with them.
func (b *Builder) Load(fsys fs.FS) (*repolayout.Repo, []repolayout.Problem) {
	return b.loader.Load(fsys)
}

// Files lists the files of a repo that may be looked at.
func Files(repo fs.FS) (files []string, err error) {
	err = fs.WalkDir(repo, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case file != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case entry.Type().IsRegular() && slices.Contains([]string{".yaml", ".yml", ".json", ".tmpl"}, path.Ext(file)):
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the files of the monitoring repo: %w", err)
	}
	return files, nil
}

// ChangedFiles are those that differ between two revisions, and those that only
// one of the two has. Both file systems know the digests of their files; see
// [repolayout.Digester].
func ChangedFiles(then, now fs.FS) (map[string]bool, error) {
	before, err := digests(then)
	if err != nil {
		return nil, err
	}
	after, err := digests(now)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for file, digest := range before {
		if after[file] != digest && !sameText(then, now, file) {
			changed[file] = true
		}
	}
	for file := range after {
		if _, ok := before[file]; !ok {
			changed[file] = true
		}
	}
	return changed, nil
}

// sameText is true of a file that git checked out with other ends of lines.
func sameText(then, now fs.FS, file string) bool {
	before, err := fs.ReadFile(then, file)
	if err != nil {
		return false
	}
	after, err := fs.ReadFile(now, file)
	return err == nil && strings.ReplaceAll(string(after), "\r\n", "\n") == string(before)
}

func digests(fsys fs.FS) (map[string]string, error) {
	files, err := Files(fsys)
	if err != nil {
		return nil, err
	}
	folders, wanted := map[string]bool{}, make(map[string]bool, len(files))
	for _, file := range files {
		folders[path.Dir(file)], wanted[file] = true, true
	}
	out := make(map[string]string, len(files))
	for dir := range folders {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil {
			return nil, fmt.Errorf("list the files of the monitoring repo: %w", err)
		}
		for _, e := range entries {
			if d, ok := e.(repolayout.Digester); ok && wanted[path.Join(dir, e.Name())] {
				out[path.Join(dir, e.Name())] = d.Digest()
			}
		}
	}
	return out, nil
}

// Concerned are the findings that a change has to do with: those in changed
// files, and those elsewhere that were not there before.
func Concerned(before, now []validate.Finding, changed map[string]bool) []validate.Finding {
	known := map[string]int{}
	for _, f := range before {
		known[sameness(f)]++
	}
	var kept []validate.Finding
	for _, f := range now {
		key := sameness(f)
		if known[key] > 0 && !changed[f.File] {
			known[key]--
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

var numbers = regexp.MustCompile(`\d+`)

// sameness is equal for a finding before and after a change that is not its
// cause: messages name lines of other files, and those move.
func sameness(f validate.Finding) string {
	return strings.Join([]string{f.Check, string(f.Severity), f.File, f.Owner, numbers.ReplaceAllString(f.Message, "#")}, "\x00")
}
