package repolayout

import (
	"cmp"
	"io/fs"
	"runtime"
	"slices"
	"sync"
)

// Loader reads monitoring repos and remembers what it read, so that the cost of
// a load follows the change since the last one. It keeps what the last two
// loads used. It is safe for concurrent use; loads run one after the other.
type Loader struct {
	mu    sync.Mutex
	cache *cache
}

// NewLoader returns a loader that remembers nothing yet.
func NewLoader() *Loader { return &Loader{cache: newCache()} }

// Load reads the repo that fsys holds. The problems are sorted by place. What
// could be read is in the repo, whatever the problems are; a team that has not
// changed since the last load is the same pointer.
func (l *Loader) Load(fsys fs.FS) (*Repo, []Problem) { return l.load(fsys, nil) }

func (l *Loader) load(fsys fs.FS, outlines *Outlines) (*Repo, []Problem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cache.next()
	defer l.cache.forget()

	w := &walker{fsys: fsys}
	w.walk(".", "", rootLayout)
	if len(w.items) == 0 && !w.broken {
		w.add(emptyRepo, Pos{}, "watchbill init writes an example to begin with", "the repo holds nothing that Watchbill reads")
		return &Repo{Stack: DefaultStack()}, w.found
	}
	repo, problems := l.loadRoot(w)
	teams, found := l.loadTeams(fsys, w.items, outlines)
	repo.Teams = teams
	problems = append(problems, found...)
	for _, t := range teams {
		problems = append(problems, repo.Fit(t)...)
	}
	sortProblems(problems)
	return repo, problems
}

// LoadTeam reads the folder of one team from a repo at another revision, which
// is how the last good files of a broken team are had. It returns nil when there
// is no such folder. Whether the team fits its new repo, [Repo.Fit] says.
func (l *Loader) LoadTeam(fsys fs.FS, name string) (*Team, []Problem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries, err := fs.ReadDir(fsys, "teams")
	i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name && e.IsDir() })
	if i < 0 {
		r := &report{file: "teams/" + name, owner: name}
		if err != nil {
			r.add(Unreadable, r.at(0, 0), "", "the folder could not be read: %v", err)
		} else {
			r.add(missingFile, r.at(0, 0), "", "there is no such folder")
		}
		return nil, r.found
	}
	return l.loadTeam(fsys, item{teamDir, "teams/" + name, name, entries[i]}, nil)
}

// loadRoot reads everything but the teams.
func (l *Loader) loadRoot(w *walker) (*Repo, []Problem) {
	repo := &Repo{Stack: DefaultStack()}
	problems := w.found
	hasStack := false
	for _, it := range w.items {
		if it.kind == teamDir {
			continue
		}
		f := l.file(w.fsys, it, "")
		problems = append(problems, f.problems...)
		hasStack = hasStack || it.kind == stackFile
		switch parsed := f.parsed.(type) {
		case *Stack:
			repo.Stack = *parsed
		case *Environment:
			repo.Environments = append(repo.Environments, parsed)
		case *File:
			if it.kind == templateFile {
				repo.Templates = append(repo.Templates, parsed)
			} else {
				repo.Patches = append(repo.Patches, parsed)
			}
		}
	}
	owners, found := l.codeOwners(w.fsys)
	repo.CodeOwners, problems = owners, append(problems, found...)
	slices.SortFunc(repo.Environments, func(a, b *Environment) int { return cmp.Compare(a.Name, b.Name) })
	sortFiles(repo.Templates)
	sortFiles(repo.Patches)
	return repo, append(problems, w.missing(hasStack, len(repo.Environments) > 0)...)
}

// missing reports what a repo cannot do without.
func (w *walker) missing(hasStack, hasEnvironment bool) []Problem {
	r := &report{}
	if !hasStack && !w.broken {
		r.add(missingFile, Pos{File: "watchbill.yaml"}, "put watchbill.yaml there; it may say as little as: components: {}", "the file is missing")
	}
	if !hasEnvironment && !w.broken {
		r.add(noEnvironments, Pos{File: "environments"}, "put a file there, such as environments/prod.yaml with the key namespace", "there is no environment")
	}
	if !slices.ContainsFunc(w.items, func(it item) bool { return it.kind == teamDir }) && !w.broken {
		r.warn(noTeams, Pos{File: "teams"}, "put a folder there, such as teams/payments with a team.yaml", "there is no team")
	}
	return r.found
}

// loadTeams loads the folders of all teams side by side.
func (l *Loader) loadTeams(fsys fs.FS, items []item, outlines *Outlines) ([]*Team, []Problem) {
	items = slices.DeleteFunc(slices.Clone(items), func(it item) bool { return it.kind != teamDir })
	teams := make([]*Team, len(items))
	found := make([][]Problem, len(items))
	var stale []int
	for i, it := range items {
		if known := l.cache.team(it.within, digestOf(it.entry)); known != nil {
			teams[i], found[i] = known.team, known.problems
		} else {
			stale = append(stale, i)
		}
	}
	work := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(stale)) {
		wg.Go(func() {
			for i := range work {
				teams[i], found[i] = l.loadTeam(fsys, items[i], outlines)
			}
		})
	}
	for _, i := range stale {
		work <- i
	}
	close(work)
	wg.Wait()
	slices.SortFunc(teams, func(a, b *Team) int { return cmp.Compare(a.Name, b.Name) })
	return teams, slices.Concat(found...)
}

// file reads and parses a file, unless that was done before.
func (l *Loader) file(fsys fs.FS, it item, owner string) *loaded {
	digest := digestOf(it.entry)
	if digest != "" {
		if known := l.cache.file(it.path, digest); known != nil {
			return known
		}
	}
	content, err := readContent(fsys, it)
	if err != nil {
		return refuse(it, owner, digest, err)
	}
	if digest == "" {
		digest = contentDigest(content)
		if known := l.cache.file(it.path, digest); known != nil {
			return known
		}
	}
	f := parse(it, owner, &File{Path: it.path, Digest: digest, Content: content})
	l.cache.keepFile(f)
	return f
}

func sortFiles(files []*File) {
	slices.SortFunc(files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
}
