package repolayout

import (
	"io/fs"
	"sync"
)

// Outlines is a memory of teams that outlives the loader. Both functions are for
// concurrent use.
type Outlines struct {
	Recall func(team, digest string) (Outline, bool)
	Keep   func(team, digest string, o Outline)
	// Visit, if it is set, is given every team that was read, and only the outline
	// of it is returned: so that a large repo need never be in memory as a whole.
	Visit func(*Team)
}

// Outline is all that is known of a team without the content of its files, and
// what the loader had to say of it.
type Outline struct {
	Spec                             TeamSpec
	Rules, Scrape, Tests, Dashboards []FileOutline
	Problems                         []Problem
}

// FileOutline is a file of a team, as [File] and [RuleFile] have it.
type FileOutline struct{ Path, Digest, Environment string }

// LoadOutlines is Load, but of the teams that the memory knows it returns only the
// outline, and reads none of their files. It is for file systems that know the
// digests of their files; of others every file is read. See [Team.Whole].
func (l *Loader) LoadOutlines(fsys fs.FS, outlines Outlines) (*Repo, []Problem) {
	return l.load(fsys, &outlines)
}

// Whole is the team with the content of its files. Of a team that is only an
// outline, the files have paths and digests, but no content, groups or jobs: they
// are read at the first call. It is safe for concurrent use.
func (t *Team) Whole() *Team {
	if t.whole == nil {
		return t
	}
	return t.whole()
}

// outline returns the team that has these files, if the memory knows it.
func (l *Loader) outline(outlines *Outlines, w *walker, dir item, digest string) (*Team, []Problem) {
	if w.broken {
		return nil, nil
	}
	if digest == "" {
		digests := make([]string, 0, len(w.items))
		for _, it := range w.items {
			d := digestOf(it.entry)
			if d == "" {
				return nil, nil
			}
			digests = append(digests, d)
		}
		digest = folderDigest(w, digests)
	}
	o, ok := outlines.Recall(dir.within, digest)
	if !ok {
		return nil, nil
	}
	return l.outlined(&o, w, dir, digest), o.Problems
}

func (l *Loader) outlined(o *Outline, w *walker, dir item, digest string) *Team {
	t := o.team(dir.within, digest)
	t.whole = sync.OnceValue(func() *Team {
		whole, _ := l.loadTeam(w.fsys, dir, nil)
		return whole
	})
	return t
}

func (o *Outline) team(name, digest string) *Team {
	t := &Team{Name: name, Digest: digest, Spec: o.Spec}
	for _, f := range o.Rules {
		t.Rules = append(t.Rules, &RuleFile{File: f.file(), Environment: f.Environment})
	}
	for _, f := range o.Scrape {
		t.Scrape = append(t.Scrape, &ScrapeFile{File: f.file(), Environment: f.Environment})
	}
	for _, f := range o.Tests {
		t.Tests = append(t.Tests, f.file())
	}
	for _, f := range o.Dashboards {
		t.Dashboards = append(t.Dashboards, f.file())
	}
	return t
}

func (f *FileOutline) file() *File { return &File{Path: f.Path, Digest: f.Digest} }

func outlineOf(t *Team, problems []Problem) Outline {
	o := Outline{Spec: t.Spec, Problems: problems}
	for _, f := range t.Rules {
		o.Rules = append(o.Rules, FileOutline{f.Path, f.Digest, f.Environment})
	}
	for _, f := range t.Scrape {
		o.Scrape = append(o.Scrape, FileOutline{f.Path, f.Digest, f.Environment})
	}
	for _, f := range t.Tests {
		o.Tests = append(o.Tests, FileOutline{Path: f.Path, Digest: f.Digest})
	}
	for _, f := range t.Dashboards {
		o.Dashboards = append(o.Dashboards, FileOutline{Path: f.Path, Digest: f.Digest})
	}
	return o
}
