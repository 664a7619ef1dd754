package grafana

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// dashboard is one that was taken over from a file.
type dashboard struct {
	id, version      int
	uid, title       string
	folder           string // empty for the one that Grafana calls General
	provider, file   string // no file once its file is gone and deletion is disabled
	sum              string
	created, updated time.Time
	model            map[string]any
}

// file is a dashboard as it stands on disk.
type file struct {
	path, folder, sum string
	uid, title        string
	model             map[string]any
}

// walk takes over what stands on disk. By itself, that is without a reload, it
// takes nothing over from a provider with duplicates.
func (g *Grafana) walk(p provider, reload bool) error {
	root, err := filepath.EvalSymlinks(p.Options.Path)
	if err != nil {
		return fmt.Errorf("provision dashboards of %s: %w", p.Name, err)
	}
	paths, err := jsonFiles(root)
	if err != nil {
		return fmt.Errorf("provision dashboards of %s: %w", p.Name, err)
	}
	var files []file
	for _, path := range paths {
		f, err := readFile(path)
		if err != nil {
			g.log.Error("failed to load dashboard", "provider", p.Name, "file", path, "err", err)
			continue
		}
		f.folder = p.Folder
		if p.Options.FoldersFromFilesStructure {
			f.folder = folderOf(root, path)
		}
		files = append(files, f)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget(p, paths)
	if g.duplicates(p, files) && !reload {
		g.log.Warn("dashboards provisioning provider has no database write permissions because of duplicates", "provider", p.Name)
		return nil
	}
	taken := map[string]bool{}
	for _, f := range files {
		if !taken[f.uid] {
			g.save(p, f)
		}
		taken[f.uid] = true
	}
	return nil
}

// jsonFiles are the dashboards' files below a folder, sorted. Links to folders are not followed.
func jsonFiles(root string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(d.Name(), ".json"):
			paths = append(paths, path)
		}
		return nil
	})
	return paths, err
}

// folderOf is the last folder on the way to a file: Grafana makes no folders within folders of it.
func folderOf(root, path string) string {
	if dir := filepath.Dir(path); dir != root {
		return filepath.Base(dir)
	}
	return ""
}

var validUID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)

func readFile(path string) (file, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return file{}, err
	}
	sum := sha256.Sum256(text)
	f := file{path: path, sum: hex.EncodeToString(sum[:])}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&f.model); err != nil {
		return f, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return f, errors.New("there is more after the dashboard")
	}
	f.uid, _ = f.model["uid"].(string)
	f.title, _ = f.model["title"].(string)
	if f.title = strings.TrimSpace(f.title); f.title == "" {
		return f, errors.New("dashboard title cannot be empty")
	}
	if f.uid == "" {
		f.uid = uidOf(path)
	}
	if !validUID.MatchString(f.uid) {
		return f, fmt.Errorf("uid %q: it may have 40 letters, digits, - and _", f.uid)
	}
	return f, nil
}

// uidOf is a uid for what was given none.
func uidOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:14]
}

// forget removes the provider's dashboards whose files are gone.
func (g *Grafana) forget(p provider, paths []string) {
	there := map[string]bool{}
	for _, path := range paths {
		there[path] = true
	}
	for uid, d := range g.dashboards {
		if d.provider != p.Name || d.file == "" || there[d.file] {
			continue
		}
		if p.DisableDeletion {
			d.file = ""
			continue
		}
		delete(g.dashboards, uid)
	}
}

// duplicates says whether a uid or, in one folder, a title stands twice.
func (g *Grafana) duplicates(p provider, files []file) bool {
	uids, titles := map[string]int{}, map[[2]string]int{}
	for _, d := range g.dashboards {
		if d.provider != p.Name && d.file != "" {
			uids[d.uid]++
		}
	}
	for _, f := range files {
		uids[f.uid]++
		titles[[2]string{f.folder, f.title}]++
	}
	found := false
	for uid, n := range uids {
		if n > 1 {
			found = true
			g.log.Warn("the same UID is used more than once", "provider", p.Name, "uid", uid, "times", n)
		}
	}
	for id, n := range titles {
		if n > 1 {
			found = true
			g.log.Warn("dashboard title is not unique in folder", "provider", p.Name, "folder", id[0], "title", id[1], "times", n)
		}
	}
	return found
}

// save takes over one file, unless it has not changed or another dashboard holds its uid.
func (g *Grafana) save(p provider, f file) {
	var old *dashboard
	for _, d := range g.dashboards {
		if d.provider == p.Name && d.file == f.path {
			old = d
		}
	}
	if old != nil && old.sum == f.sum && old.folder == f.folder {
		return
	}
	if held := g.dashboards[f.uid]; held != nil && held != old {
		if held.file != "" {
			g.log.Error("failed to save dashboard", "provider", p.Name, "file", f.path, "err", "its uid is that of "+held.file)
			return
		}
		old = held // it belongs to no file any more
	}
	now := time.Now()
	next := &dashboard{created: now}
	if old != nil {
		*next = *old
		delete(g.dashboards, old.uid)
	} else {
		g.lastID++
		next.id = g.lastID
	}
	next.version++
	next.uid, next.title, next.folder = f.uid, f.title, f.folder
	next.provider, next.file, next.sum = p.Name, f.path, f.sum
	next.updated, next.model = now, f.model
	g.dashboards[f.uid] = next
}
