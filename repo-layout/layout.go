package repolayout

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a file or folder of the repo is for.
type kind int

const (
	stackFile kind = iota + 1
	environmentFile
	teamFile
	ruleFile
	scrapeFile
	testFile
	dashboardFile
	templateFile
	codeOwnersFile
	patchFile
	teamDir // a folder that is read by itself
)

// folder is one folder of the layout: which files and folders it may hold.
type folder struct {
	files   []pattern
	folders map[string]*folder
	// any takes a folder of any name: an environment's or a team's.
	any *folder
	// stop is set for a folder that walk only names.
	stop kind
	// lax: what else stands here is the repo's own business, and only warned of.
	lax bool
}

// pattern is a file name that a folder takes; an empty stem is every one.
type pattern struct {
	stem string
	exts []string
	kind kind
}

var yamlExts = []string{".yaml", ".yml"}

// rootLayout and teamLayout are the layout, all of it.
var (
	rootLayout = &folder{
		lax:   true,
		files: []pattern{{"watchbill", yamlExts, stackFile}},
		folders: map[string]*folder{
			"environments": {files: []pattern{{"", yamlExts, environmentFile}}},
			"teams":        {lax: true, any: &folder{stop: teamDir}},
			"alertmanager": {lax: true, folders: map[string]*folder{
				"templates": {files: []pattern{{"", []string{".tmpl"}, templateFile}}},
			}},
			"patches": {files: []pattern{{"", yamlExts, patchFile}}},
		},
	}
	teamLayout = &folder{
		files: []pattern{{"team", yamlExts, teamFile}},
		folders: map[string]*folder{
			"rules":      perEnvironment(ruleFile),
			"scrape":     perEnvironment(scrapeFile),
			"tests":      {files: []pattern{{"", yamlExts, testFile}}},
			"dashboards": {files: []pattern{{"", []string{".json"}, dashboardFile}}},
		},
	}
)

// perEnvironment is a folder whose files are for all environments, and those of its folders for one.
func perEnvironment(k kind) *folder {
	files := []pattern{{"", yamlExts, k}}
	return &folder{files: files, any: &folder{files: files}}
}

// item is a file or folder that has its place in the layout.
type item struct {
	kind   kind
	path   string
	within string // name of the folder that folder.any took: an environment
	entry  fs.DirEntry
}

// walker goes over a folder of the repo along the layout.
type walker struct {
	fsys fs.FS
	report
	items []item
	// seen holds the names of everything, also of what has no place.
	seen []string
	// broken is set when a folder could not be read.
	broken bool
}

func (w *walker) walk(dir, within string, layout *folder) {
	entries, err := fs.ReadDir(w.fsys, dir)
	if err != nil {
		w.broken = true
		w.add(Unreadable, Pos{File: dir}, "", "the folder could not be read: %v", err)
	}
	names := map[string]string{} // by what would clash
	for _, entry := range entries {
		name := entry.Name()
		file := path.Join(dir, name)
		if ignored(name) || (name == "docs" && entry.IsDir()) {
			continue
		}
		w.seen = append(w.seen, file+entry.Type().String())
		if w.entryOK(file, entry, layout) && !w.clash(names, file, entry) {
			w.place(file, within, entry, layout)
		}
	}
}

// ignored says whether a name is for people and their tools, wherever it stands.
func ignored(name string) bool {
	upper := strings.ToUpper(name)
	return strings.HasPrefix(name, ".") || strings.HasSuffix(upper, ".MD") ||
		strings.HasPrefix(upper, "README") || strings.HasPrefix(upper, "LICENSE") ||
		slices.Contains([]string{"CODEOWNERS", "OWNERS", "NOTICE"}, upper)
}

// entryOK refuses what is neither file nor folder, and names that would harm.
func (w *walker) entryOK(file string, entry fs.DirEntry, layout *folder) bool {
	mode, at := entry.Type(), Pos{File: file}
	if !mode.IsRegular() && !mode.IsDir() && layout.lax && layout.any == nil && layout.folders[entry.Name()] == nil && layout.kindOf(entry.Name()) == 0 {
		w.warn(unexpectedFile, at, "", "Watchbill does not read this")
		return false
	}
	switch {
	case !utf8.ValidString(file) || strings.ContainsFunc(file, unicode.IsControl) || strings.Contains(file, `\`):
		w.add(badName, at, "rename it", "the name %q holds characters that are not for names", entry.Name())
	case mode&fs.ModeSymlink != 0:
		w.add(symlink, at, "put the file itself here", "symlinks are not followed")
	case !mode.IsRegular() && !mode.IsDir():
		w.add(irregularFile, at, "put plain files here", "this is no file and no folder (a submodule, for example)")
	default:
		return true
	}
	return false
}

// clash reports names that a file system, or a person, takes for one.
func (w *walker) clash(names map[string]string, file string, entry fs.DirEntry) bool {
	name := entry.Name()
	key := strings.ToLower(name)
	if ext := path.Ext(key); !entry.IsDir() && slices.Contains(yamlExts, ext) {
		key = strings.TrimSuffix(key, ext) + yamlExts[0]
	}
	other, twice := names[key]
	switch {
	case !twice:
		names[key] = name
		return false
	case strings.EqualFold(name, other):
		w.add(caseClash, Pos{File: file}, "rename one of them", "%s and %s differ only in upper and lower case", name, other)
	default:
		w.add(twoSpellings, Pos{File: file}, "keep one of them", "%s stands beside %s", name, other)
	}
	return true
}

// place finds what the layout has an entry for.
func (w *walker) place(file, within string, entry fs.DirEntry, layout *folder) {
	name := entry.Name()
	if !entry.IsDir() {
		if k := layout.kindOf(name); k != 0 {
			w.items = append(w.items, item{k, file, within, entry})
			return
		}
		w.unexpected(file, entry, layout)
		return
	}
	next, taken := layout.folders[name], ""
	if next == nil {
		next, taken = layout.any, name
	}
	switch {
	case next == nil:
		w.unexpected(file, entry, layout)
	case next.stop != 0:
		w.items = append(w.items, item{next.stop, file, taken, entry})
	default:
		w.walk(file, taken, next)
	}
}

func (f *folder) kindOf(name string) kind {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	for _, p := range f.files {
		if slices.Contains(p.exts, ext) && stem != "" && (p.stem == "" || p.stem == stem) {
			return p.kind
		}
	}
	return 0
}

// unexpected reports an entry that has no place, with the place it may be meant for.
func (w *walker) unexpected(file string, entry fs.DirEntry, layout *folder) {
	what, known := "file", layout.fileNames()
	if entry.IsDir() {
		what, known = "folder", layout.folderNames()
	}
	at, hint := Pos{File: file}, didYouMean(entry.Name(), known)
	if layout.lax && closest(entry.Name(), known) == "" {
		w.warn(unexpectedFile, at, hint, "Watchbill does not read this %s", what)
		return
	}
	w.add(unexpectedFile, at, hint, "the layout has no place for this %s", what)
}

func (f *folder) fileNames() []string {
	var names []string
	for _, p := range f.files {
		stem := p.stem
		if stem == "" {
			stem = "*"
		}
		names = append(names, stem+p.exts[0])
	}
	return names
}

func (f *folder) folderNames() []string {
	var names []string
	for name := range f.folders {
		names = append(names, name+"/")
	}
	slices.Sort(names)
	return names
}
