package source

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/gofrs/flock"
)

// clone is the folder on disk: a lock, and a bare repository that git itself
// can read as well.
//
//	DIR/lock
//	DIR/repo.git      the clone, marked as ours by [watchbill] in its config
//	DIR/foreign-N.git whatever stood at repo.git and was not ours
type clone struct {
	dir    string
	url    string
	branch plumbing.ReferenceName
	lock   *flock.Flock
	// store holds configuration and references; objects are read by type objects.
	store    *filesystem.Storage
	baseline int64
}

const (
	section     = "watchbill"
	keyBranch   = "branch"
	keyBaseline = "baseline" // bytes of the packs after the last full download
)

func openClone(dir, url string, branch plumbing.ReferenceName, log *slog.Logger) (*clone, error) {
	c := &clone{dir: dir, url: url, branch: branch}
	doing := "opening the clone in " + dir
	if err := c.take(); err != nil {
		return nil, explain(doing, err, func(s string) string { return s })
	}
	if err := c.open(log); err != nil {
		_ = c.close()
		return nil, explain(doing, err, func(s string) string { return s })
	}
	return c, nil
}

// take makes the folder ours until close, or until the process is gone.
func (c *clone) take() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	c.lock = flock.New(filepath.Join(c.dir, "lock"))
	switch taken, err := c.lock.TryLock(); {
	case err != nil:
		return err
	case !taken:
		return &kindError{ErrInUse, "the lock is held"}
	}
	return nil
}

// open uses the repository that is there, or makes room for one.
func (c *clone) open(log *slog.Logger) error {
	_, err := os.Lstat(c.repo())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.renew()
	case err != nil:
		return err
	}
	c.attach()
	switch cfg, err := c.store.Config(); {
	case err != nil || !cfg.Raw.HasSection(section):
		log.Warn("folder at the clone's place is not ours and is moved away", "dir", c.repo())
		if err := c.moveAway(); err != nil {
			return err
		}
		return c.renew()
	case !c.fits(cfg):
		log.Info("clone is of another remote or branch and is made anew", "dir", c.repo())
		return c.renew()
	default:
		c.baseline, _ = strconv.ParseInt(cfg.Raw.Section(section).Option(keyBaseline), 10, 64)
		return c.sweep()
	}
}

func (c *clone) repo() string    { return filepath.Join(c.dir, "repo.git") }
func (c *clone) packDir() string { return filepath.Join(c.repo(), "objects", "pack") }

func (c *clone) attach() {
	c.store = filesystem.NewStorage(osfs.New(c.repo(), osfs.WithBoundOS()), cache.NewObjectLRU(0))
}

func (c *clone) fits(cfg *config.Config) bool {
	origin := cfg.Remotes["origin"]
	return origin != nil && len(origin.URLs) == 1 && origin.URLs[0] == c.url &&
		cfg.Raw.Section(section).Option(keyBranch) == c.branch.Short()
}

// moveAway keeps what a person may have put there.
func (c *clone) moveAway() error {
	for n := 1; ; n++ {
		to := filepath.Join(c.dir, fmt.Sprintf("foreign-%d.git", n))
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(c.repo(), to)
		} else if err != nil {
			return err
		}
	}
}

// sweep removes what an interrupted fetch left behind.
func (c *clone) sweep() error {
	left, err := filepath.Glob(filepath.Join(c.packDir(), temporary+"*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// renew replaces the repository by an empty one. The new one is made beside it,
// so that whatever stands at its place is always whole.
func (c *clone) renew() error {
	fresh := filepath.Join(c.dir, "new.git")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	store := filesystem.NewStorage(osfs.New(fresh, osfs.WithBoundOS()), cache.NewObjectLRU(0))
	if err := store.Init(); err != nil {
		return err
	}
	if err := store.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, c.branch)); err != nil {
		return err
	}
	cfg := config.NewConfig()
	cfg.Core.IsBare = true
	cfg.Remotes["origin"] = &config.RemoteConfig{
		Name:  "origin",
		URLs:  []string{c.url},
		Fetch: []config.RefSpec{config.RefSpec("+" + c.branch.String() + ":" + c.branch.String())},
	}
	cfg.Raw.Section(section).SetOption(keyBranch, c.branch.Short())
	if err := store.SetConfig(cfg); err != nil {
		return err
	}
	if err := os.RemoveAll(c.repo()); err != nil {
		return err
	}
	if err := os.Rename(fresh, c.repo()); err != nil {
		return err
	}
	c.baseline = 0
	c.attach()
	return nil
}

// head is the commit that the last fetch ended with. A reference that a crash
// left unreadable counts as none.
func (c *clone) head() plumbing.Hash {
	ref, err := c.store.Reference(c.branch)
	if err != nil || ref.Type() != plumbing.HashReference {
		return plumbing.ZeroHash
	}
	return ref.Hash()
}

func (c *clone) setHead(h plumbing.Hash) error {
	if err := c.store.SetReference(plumbing.NewHashReference(c.branch, h)); err != nil {
		return fmt.Errorf("keeping the new head: %w", err)
	}
	return nil
}

// setBaseline remembers how large a clone made just now is.
func (c *clone) setBaseline(bytes int64) error {
	cfg, err := c.store.Config()
	if err != nil {
		return fmt.Errorf("keeping the clone's size: %w", err)
	}
	c.baseline = bytes
	cfg.Raw.Section(section).SetOption(keyBaseline, strconv.FormatInt(bytes, 10))
	if err := c.store.SetConfig(cfg); err != nil {
		return fmt.Errorf("keeping the clone's size: %w", err)
	}
	return nil
}

// slack is what a clone may grow by, whatever its size, before it is made anew.
// It is a variable for tests only.
var slack int64 = 32 << 20

// bloated says that the clone has more than doubled since it was made. History
// that was rewritten stays in the packs for good, and so do deltas against
// old versions; downloading all of it again is what gets rid of them. As the size
// must double each time, this is rare however long the history becomes.
func (c *clone) bloated(size int64) bool {
	return c.baseline > 0 && size > 2*c.baseline+slack
}

// close lets another process have the folder.
func (c *clone) close() error { return c.lock.Unlock() }
