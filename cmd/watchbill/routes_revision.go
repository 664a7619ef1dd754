package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// repository is the git repository that a folder is in.
type repository struct {
	folder  string
	prefix  string // of the folder, from the root of the working tree
	now     fs.FS  // the folder as it is now
	objects *filesystem.Storage
}

func openRepository(ctx context.Context, folder string) (*repository, error) {
	now, err := openFolder([]string{folder})
	if err != nil {
		return nil, err
	}
	answer, err := askGit(ctx, folder, "rev-parse", "--path-format=absolute", "--git-common-dir", "--show-prefix")
	if err != nil {
		return nil, fmt.Errorf("find the git repository of %s: %w", folder, err)
	}
	dir, prefix, _ := strings.Cut(answer, "\n")
	return &repository{
		folder: folder, prefix: strings.Trim(prefix, "/\n"), now: now,
		objects: filesystem.NewStorageWithOptions(osfs.New(dir), cache.NewObjectLRUDefault(), filesystem.Options{AlternatesFS: osfs.New("/")}),
	}, nil
}

// askGit lets git itself find repositories and revisions: working trees,
// abbreviations and the configuration are its own affair.
func askGit(ctx context.Context, folder string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", errors.New(strings.TrimSpace(string(failed.Stderr)))
	}
	return string(out), err
}

// at is the folder as it was at a revision: a commit, branch, tag, HEAD~3.
func (r *repository) at(ctx context.Context, revision string) (fs.FS, error) {
	hash, err := askGit(ctx, r.folder, "rev-parse", "--verify", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("find revision %s: %w; give a commit, branch or tag that this clone has", revision, err)
	}
	commit, err := object.GetCommit(r.objects, plumbing.NewHash(strings.TrimSpace(hash)))
	if err != nil {
		return nil, fmt.Errorf("read revision %s: %w", revision, err)
	}
	tree, err := commit.Tree()
	if err == nil && r.prefix != "" {
		tree, err = tree.Tree(r.prefix)
	}
	if errors.Is(err, object.ErrDirectoryNotFound) {
		return nil, fmt.Errorf("revision %s has no folder %s", revision, r.prefix)
	}
	if err != nil {
		return nil, fmt.Errorf("read revision %s: %w", revision, err)
	}
	return &treeFS{tree: tree, time: commit.Committer.When}, nil
}

// treeFS is a git tree as a file system. Its entries know the ids of their
// content, so that the loader reads what two revisions share only once.
type treeFS struct {
	mu   sync.Mutex // the loader reads on every core, and go-git does not like that
	tree *object.Tree
	time time.Time
}

func (t *treeFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := t.open(name)
	switch {
	case errors.Is(err, object.ErrEntryNotFound), errors.Is(err, object.ErrDirectoryNotFound), errors.Is(err, object.ErrFileNotFound):
		err = fs.ErrNotExist
	case errors.Is(err, os.ErrInvalid):
		err = fs.ErrInvalid
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f, nil
}

func (t *treeFS) open(name string) (fs.File, error) {
	if name == "." {
		return t.folder(treeEntry{name: ".", mode: filemode.Dir, id: t.tree.Hash, of: t}, t.tree), nil
	}
	e, err := t.tree.FindEntry(name)
	if err != nil {
		return nil, err
	}
	entry := treeEntry{name: path.Base(name), mode: e.Mode, id: e.Hash, of: t, path: name}
	if e.Mode == filemode.Dir {
		tree, err := t.tree.Tree(name)
		if err != nil {
			return nil, err
		}
		return t.folder(entry, tree), nil
	}
	if !e.Mode.IsFile() || e.Mode == filemode.Symlink {
		return nil, os.ErrInvalid
	}
	content, err := t.content(name)
	if err != nil {
		return nil, err
	}
	entry.size = int64(len(content))
	return &treeFile{entry, bytes.NewReader(content)}, nil
}

func (t *treeFS) content(name string) (content []byte, err error) {
	f, err := t.tree.File(name)
	if err != nil {
		return nil, err
	}
	r, err := f.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(r)
}

func (t *treeFS) folder(of treeEntry, tree *object.Tree) *treeFolder {
	f := &treeFolder{treeEntry: of}
	for _, e := range tree.Entries {
		f.left = append(f.left, treeEntry{name: e.Name, mode: e.Mode, id: e.Hash, of: t, path: path.Join(of.path, e.Name)})
	}
	return f
}
