package repolayout

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// loadedTeam is a team's folder as it was read once.
type loadedTeam struct {
	team     *Team
	problems []Problem
	files    []*loaded
	used     uint64
}

// loadTeam reads one folder teams/NAME, or only its outline if that is known.
func (l *Loader) loadTeam(fsys fs.FS, dir item, outlines *Outlines) (*Team, []Problem) {
	digest := digestOf(dir.entry)
	if known := l.cache.team(dir.within, digest); known != nil {
		return known.team, known.problems
	}
	w := &walker{fsys: fsys, report: report{file: dir.path, owner: dir.within}}
	w.nameOK(dir.within, "team")
	w.walk(dir.path, "", teamLayout)
	if outlines != nil {
		if t, problems := l.outline(outlines, w, dir, digest); t != nil {
			return t, problems
		}
	}
	files := make([]*loaded, 0, len(w.items))
	for _, it := range w.items {
		files = append(files, l.file(fsys, it, dir.within))
	}
	if digest == "" {
		digests := make([]string, 0, len(files))
		for _, f := range files {
			digests = append(digests, f.Digest)
		}
		digest = folderDigest(w, digests)
		if known := l.cache.team(dir.within, digest); known != nil {
			return known.team, known.problems
		}
	}
	t := newTeam(dir.within, digest, w, files)
	if outlines != nil && outlines.Visit != nil {
		outlines.Visit(t.team)
		l.cache.drop(files)
		o := outlineOf(t.team, t.problems)
		return l.outlined(&o, w, dir, digest), t.problems
	}
	if !w.broken && !slices.ContainsFunc(files, func(f *loaded) bool { return f.passing }) {
		l.cache.keepTeam(t)
		if outlines != nil {
			outlines.Keep(dir.within, digest, outlineOf(t.team, t.problems))
		}
	}
	return t.team, t.problems
}

// newTeam puts a team together from its files.
func newTeam(name, digest string, w *walker, files []*loaded) *loadedTeam {
	t := &Team{Name: name, Digest: digest}
	if !w.broken && !slices.ContainsFunc(w.items, func(it item) bool { return it.kind == teamFile }) {
		at := Pos{File: w.file + "/team.yaml"}
		w.add(missingFile, at, "put a team.yaml there that says owner and routes", "the file is missing")
	}
	for i, f := range files {
		w.found = append(w.found, f.problems...)
		switch parsed := f.parsed.(type) {
		case *TeamSpec:
			t.Spec = *parsed
		case *RuleFile:
			t.Rules = append(t.Rules, parsed)
		case *ScrapeFile:
			t.Scrape = append(t.Scrape, parsed)
		case *File:
			if w.items[i].kind == testFile {
				t.Tests = append(t.Tests, parsed)
			} else {
				t.Dashboards = append(t.Dashboards, parsed)
			}
		}
	}
	slices.SortFunc(t.Rules, func(a, b *RuleFile) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(t.Scrape, func(a, b *ScrapeFile) int { return cmp.Compare(a.Path, b.Path) })
	sortFiles(t.Tests)
	sortFiles(t.Dashboards)
	sortProblems(w.found)
	return &loadedTeam{team: t, problems: w.found, files: files}
}

// folderDigest covers the content of every file that was read and the name of
// everything else, for file systems that know no digests of folders.
func folderDigest(w *walker, digests []string) string {
	h := sha256.New()
	for _, name := range w.seen {
		fmt.Fprintf(h, "%q\n", name)
	}
	for i, it := range w.items {
		fmt.Fprintf(h, "%q %s\n", it.path, digests[i])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Fit says what of a team does not fit the rest of the repo: folders of
// environments that are not there, and severities that are not listed.
func (r *Repo) Fit(t *Team) []Problem {
	out := &report{owner: t.Name}
	for _, dir := range environmentDirs(t) {
		if name := path.Base(dir); len(r.Environments) > 0 && r.Environment(name) == nil {
			out.add(unknownEnvironment, Pos{File: dir}, didYouMean(name, r.environmentNames()), "there is no environment %q", name)
		}
	}
	for i, route := range t.Spec.Routes {
		for j, severity := range route.Severities {
			if severity != "" && !slices.Contains(r.Stack.Severities, severity) {
				at := t.Spec.Places.At(fmt.Sprintf("routes[%d].severities[%d]", i, j))
				out.add(unknownSeverity, at, didYouMean(severity, r.Stack.Severities), "watchbill.yaml lists no severity %q", severity)
			}
		}
	}
	return out.found
}

// environmentDirs lists the folders rules/ENV and scrape/ENV of a team.
func environmentDirs(t *Team) []string {
	var dirs []string
	for _, f := range t.Rules {
		if f.Environment != "" {
			dirs = append(dirs, path.Dir(f.Path))
		}
	}
	for _, f := range t.Scrape {
		if f.Environment != "" {
			dirs = append(dirs, path.Dir(f.Path))
		}
	}
	return slices.Compact(dirs)
}

func (r *Repo) environmentNames() []string {
	names := make([]string, 0, len(r.Environments))
	for _, e := range r.Environments {
		names = append(names, e.Name)
	}
	return names
}

// Environment is the environment with this name, or nil.
func (r *Repo) Environment(name string) *Environment {
	for _, e := range r.Environments {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Team is the team with this name, or nil.
func (r *Repo) Team(name string) *Team {
	i, ok := slices.BinarySearchFunc(r.Teams, name, func(t *Team, name string) int { return cmp.Compare(t.Name, name) })
	if !ok {
		return nil
	}
	return r.Teams[i]
}

// WithTeams is the same repo with these teams in place of its own.
func (r *Repo) WithTeams(teams []*Team) *Repo {
	out := *r
	out.Teams = slices.Clone(teams)
	slices.SortFunc(out.Teams, func(a, b *Team) int { return cmp.Compare(a.Name, b.Name) })
	return &out
}
