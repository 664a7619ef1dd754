// Package source brings the monitoring repo's newest revision from its git
// remote and shows any revision as a file system.
//
// A [Source] keeps a bare clone of one branch on disk, with its whole history:
// a later fetch then brings only what is new, where a shallow one would bring
// the whole tree again at every change. [Source.Fetch] asks the remote for the
// branch's head; when nothing changed, that one answer is all that crosses the
// network. [Source.At] goes back to an older revision without asking anybody.
//
// A [Revision] holds an [FS]: files are read from the clone by the hash of
// their content, at the moment when they are asked for, and every entry knows
// that hash (Digest), so a caller can skip what it has seen before. Nothing is
// ever checked out, no symbolic link is followed, no submodule fetched, no hook
// or filter of the repository run.
//
// Errors are of the kinds listed at [Error] and carry a hint; [Transient] tells
// those worth a retry from those that wait for a person. No error, log line or
// file of the clone holds a credential.
//
// The clone is a cache: whatever is wrong with it (cut off by a crash, another
// remote's, not ours at all) ends in a new clone, not in an error.
package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Options of a [Source]. URL, Branch and Dir are required.
type Options struct {
	// URL of the remote: https://, http://, ssh://, file://, user@host:path or a
	// path. It may hold no credential; those come through Auth.
	URL string
	// Branch that is followed, without refs/heads/.
	Branch string
	// Dir is a folder of the Source's own, kept over restarts. One process at a
	// time may use it.
	Dir string

	Auth Auth
	// CABundle is a file of PEM certificates trusted beside the system's, read
	// anew when it changes.
	CABundle string
	// AllowPlainHTTP lets credentials go over http:// to other hosts than this one.
	AllowPlainHTTP bool

	// Timeout of one Fetch. Default 2 minutes.
	Timeout time.Duration
	// MaxBytes that one fetch may bring. Default 1 GiB.
	MaxBytes int64
	// MaxObjectBytes is the largest single object, of any commit, that is taken.
	// Default 100 MiB.
	MaxObjectBytes int64
	// MaxFileBytes is the largest file that FS reads; larger ones are listed with
	// their size and refused with ErrFileSize. Default 32 MiB.
	MaxFileBytes int64

	// Log of what is done with the clone. Default: slog.Default().
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	if o.MaxObjectBytes <= 0 {
		o.MaxObjectBytes = 100 << 20
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = 32 << 20
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Source follows one branch of one remote. It is safe for concurrent use;
// fetches go one after the other.
type Source struct {
	opts    Options
	remote  *remote
	clone   *clone
	objects *objects
	trees   *treeCache

	fetching sync.Mutex // held by Fetch and Close
	head     plumbing.Hash
	previous string // as in Revision, of head
	forced   bool
}

// Revision is one commit.
type Revision struct {
	Commit string // 40 hex digits
	// Time is the committer's, which is when the commit came to be as it is.
	Time   time.Time
	Author string // name and address
	// Message is the first line of the commit's message.
	Message string
	// Parents are the commits that this one follows; a merge has several.
	Parents []string
	// Signed is what the commit's signature speaks of.
	Signed Signed
	// Previous is the head that was followed before this one; empty while it is
	// the first of a clone or, unchanged, of a process. Only Fetch knows it.
	Previous string
	// Forced says that Previous is no ancestor of Commit: history was rewritten.
	Forced bool
	FS     *FS
}

// Signed is a signature, as it stands in a commit, and what it is of.
type Signed struct {
	Signature string // armored, of OpenPGP or of ssh-keygen; empty if there is none
	Payload   []byte
}

// FS is a revision's tree. It stays readable, concurrently too, until its
// Source is closed.
type FS struct {
	src  *Source
	root plumbing.Hash
	time time.Time
}

var _ interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.StatFS
	fs.ReadLinkFS
} = (*FS)(nil)

// Open takes the clone in opts.Dir, or begins one, without asking the remote.
// The caller closes the Source.
func Open(opts Options) (*Source, error) {
	opts = opts.withDefaults()
	remote, err := newRemote(opts)
	if err != nil {
		return nil, err
	}
	branch := plumbing.NewBranchReferenceName(opts.Branch)
	if err := branch.Validate(); err != nil || opts.Branch == "" {
		return nil, fmt.Errorf("following branch %q: not a branch name; give it as in `git branch`", opts.Branch)
	}
	if opts.Dir == "" {
		return nil, errors.New("opening the clone: no folder is named; give one that is kept over restarts")
	}
	s := &Source{opts: opts, remote: remote, trees: newTreeCache(50_000)}
	if s.clone, err = openClone(opts.Dir, remote.name, branch, opts.Log); err != nil {
		return nil, err
	}
	readers := min(runtime.GOMAXPROCS(0), 4)
	if err := s.load(newObjects(s.clone.packDir(), readers)); err != nil {
		_ = s.clone.close()
		return nil, err
	}
	return s, nil
}

// load reads the clone's packs and its head; a clone that is damaged is begun anew.
func (s *Source) load(o *objects) error {
	s.objects = o
	err := o.load()
	if err == nil {
		s.head = s.clone.head()
		if s.head.IsZero() {
			return nil
		}
		if err = s.whole(s.head); err == nil {
			return nil
		}
	}
	s.opts.Log.Warn("clone is damaged and is made anew", "dir", s.opts.Dir, "error", err)
	return s.reset()
}

// whole says whether the clone holds all of a revision. It reads the folders,
// which the first load of the revision finds in memory then.
func (s *Source) whole(commit plumbing.Hash) error {
	c, err := s.objects.commit(commit)
	if err != nil {
		return err
	}
	folders, seen := []plumbing.Hash{c.TreeHash}, map[plumbing.Hash]bool{c.TreeHash: true}
	for n := 0; n < len(folders); n++ {
		entries, err := s.tree(folders[n])
		if err != nil {
			return err
		}
		for _, e := range entries {
			switch {
			case e.mode.IsDir():
				if !seen[e.hash] {
					seen[e.hash] = true
					folders = append(folders, e.hash)
				}
			case e.mode.Type() != fs.ModeIrregular && !s.objects.has(e.hash):
				return fmt.Errorf("%w: %s", errNoObject, e.hash)
			}
		}
	}
	return nil
}

// reset empties the clone. Revisions that were handed out can be read again
// once a fetch has brought their objects back.
func (s *Source) reset() error {
	s.head, s.previous, s.forced = plumbing.ZeroHash, "", false
	if err := s.clone.renew(); err != nil {
		return err
	}
	return s.objects.load()
}

// At returns an older revision from the clone. An error of kind ErrCommit says
// that the clone does not hold it (any more).
func (s *Source) At(commit string) (Revision, error) {
	if !plumbing.IsHash(commit) {
		return Revision{}, s.fail("reading commit "+printable(commit, 64), &kindError{ErrCommit, "not a full commit id of 40 hex digits"})
	}
	rev, err := s.revision(plumbing.NewHash(commit))
	if errors.Is(err, errNoObject) {
		err = &kindError{ErrCommit, "the clone does not hold it"}
	}
	if err != nil {
		return Revision{}, s.fail("reading commit "+commit, err)
	}
	return rev, nil
}

// Close ends the use of the folder and of every FS. It waits for a Fetch that
// is under way.
func (s *Source) Close() error {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	s.remote.close()
	s.objects.close()
	return s.clone.close()
}

func (s *Source) revision(h plumbing.Hash) (Revision, error) {
	c, signed, err := s.objects.signedCommit(h)
	if err != nil {
		return Revision{}, err
	}
	parents := make([]string, len(c.ParentHashes))
	for i, p := range c.ParentHashes {
		parents[i] = p.String()
	}
	return Revision{
		Commit:  h.String(),
		Time:    c.Committer.When,
		Author:  printable(c.Author.Name+" <"+c.Author.Email+">", 200),
		Message: firstLine(c.Message),
		Parents: parents,
		Signed:  signed,
		FS:      &FS{src: s, root: c.TreeHash, time: c.Committer.When},
	}, nil
}

// fail makes err an *Error that says what was being done, free of credentials.
func (s *Source) fail(doing string, err error) error {
	return explain(doing, err, s.remote.redact)
}

// Fetch asks the remote for the head of the branch, brings what is new, and
// returns that head. It is cheap when nothing changed. When it fails, the
// revisions had so far stay readable.
func (s *Source) Fetch(ctx context.Context) (Revision, error) {
	return s.exchange(ctx, "branch "+s.opts.Branch, s.fetch)
}

// FetchRef brings the commit that another reference of the remote names, the
// result of a merge that is proposed say, and leaves the branch where it is. An
// error of kind ErrRef says that the remote has no such reference.
func (s *Source) FetchRef(ctx context.Context, ref string) (Revision, error) {
	return s.exchange(ctx, printable(ref, 200), func(ctx context.Context) (Revision, error) {
		if s.head.IsZero() { // what comes first is the whole of the clone, and that is the branch
			if _, err := s.fetch(ctx); err != nil {
				return Revision{}, err
			}
		}
		return s.fetchRef(ctx, plumbing.ReferenceName(ref))
	})
}

// exchange runs one fetch within its limits, and once more on a new clone if it
// finds this one damaged.
func (s *Source) exchange(ctx context.Context, what string, fetch func(context.Context) (Revision, error)) (Revision, error) {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	rev, err := fetch(ctx)
	if errors.Is(err, errDamaged) && ctx.Err() == nil {
		s.opts.Log.Warn("clone is damaged and is made anew", "dir", s.opts.Dir, "error", err)
		if err = s.reset(); err == nil {
			rev, err = fetch(ctx)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return Revision{}, s.fail(fmt.Sprintf("fetching %s of %s", what, s.remote.name), err)
	}
	return rev, nil
}
