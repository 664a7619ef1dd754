package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/test/gitserver"
)

// Branch is the branch that is watched.
const Branch = "main"

// repoName is the name of the repository on the git server.
const repoName = "monitoring.git"

// Repo is a monitoring repo: a bare repository that the daemon fetches from,
// and a clone of it to work in. Everything is done by git itself, with no
// configuration but its own.
type Repo struct {
	// Dir is the clone.
	Dir string
	// Bare is the repository that pushes go to.
	Bare string
}

// OpenRepo opens the repository below dir, or makes one with Watchbill's
// example in it, and says whether it did.
func OpenRepo(ctx context.Context, dir string) (*Repo, bool, error) {
	r := &Repo{Dir: filepath.Join(dir, "monitoring"), Bare: filepath.Join(dir, "served", repoName)}
	_, err := os.Stat(r.Bare)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		if err := os.RemoveAll(r.Dir); err != nil {
			return nil, false, err
		}
		if err := r.make(ctx); err != nil {
			return nil, false, errors.Join(err, os.RemoveAll(r.Bare))
		}
		return r, true, nil
	}
	if _, err := os.Stat(filepath.Join(r.Dir, ".git")); err != nil {
		_, err = r.git(ctx, dir, "clone", "--quiet", r.Bare, r.Dir)
		return r, false, err
	}
	return r, false, nil
}

func (r *Repo) make(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(r.Bare), 0o755); err != nil {
		return err
	}
	if err := gitserver.Init(ctx, r.Bare, Branch); err != nil {
		return err
	}
	if err := repolayout.WriteExample(r.Dir); err != nil {
		return err
	}
	if _, err := r.Git(ctx, "init", "--quiet", "--initial-branch", Branch); err != nil {
		return err
	}
	if _, err := r.Git(ctx, "remote", "add", "origin", r.Bare); err != nil {
		return err
	}
	if _, err := r.Commit(ctx, "The example of watchbill init"); err != nil {
		return err
	}
	return r.Push(ctx)
}

// Read reads a file of the clone.
func (r *Repo) Read(path string) (string, error) {
	text, err := os.ReadFile(filepath.Join(r.Dir, filepath.FromSlash(path)))
	return string(text), err
}

// Write writes a file of the clone.
func (r *Repo) Write(path, content string) error {
	path = filepath.Join(r.Dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// Replace changes a text that stands exactly once in a file.
func (r *Repo) Replace(path, before, after string) error {
	text, err := r.Read(path)
	if err != nil {
		return err
	}
	if n := strings.Count(text, before); n != 1 {
		return fmt.Errorf("%s: %q stands %d times in it, not once", path, before, n)
	}
	return r.Write(path, strings.Replace(text, before, after, 1))
}

// Remove removes a file or folder of the clone.
func (r *Repo) Remove(path string) error {
	return os.RemoveAll(filepath.Join(r.Dir, filepath.FromSlash(path)))
}

// Commit commits everything that stands in the clone, and returns the commit.
func (r *Repo) Commit(ctx context.Context, message string) (string, error) {
	if _, err := r.Git(ctx, "add", "--all"); err != nil {
		return "", err
	}
	if _, err := r.Git(ctx, "commit", "--quiet", "--allow-empty", "--message", message); err != nil {
		return "", err
	}
	return r.Head(ctx)
}

// commitRest commits what was changed and not committed.
func (r *Repo) commitRest(ctx context.Context) error {
	changes, err := r.Git(ctx, "status", "--porcelain")
	if err != nil || changes == "" {
		return err
	}
	_, err = r.Commit(ctx, "Begin with the example")
	return err
}

// Reset makes the clone what was pushed last, with the files of Watchbill's
// example and no others. What was not pushed is put aside, and where is said.
func (r *Repo) Reset(ctx context.Context) (kept string, err error) {
	changes, err := r.Git(ctx, "status", "--porcelain")
	if err != nil {
		return "", err
	}
	unpushed, err := r.Git(ctx, "log", "--oneline", "origin/"+Branch+"..HEAD")
	if err != nil {
		return "", err
	}
	if changes != "" || unpushed != "" {
		kept = r.Dir + "-" + time.Now().Format("20060102-150405")
		if err := os.Rename(r.Dir, kept); err != nil {
			return "", err
		}
	} else if err := os.RemoveAll(r.Dir); err != nil {
		return "", err
	}
	if _, err := r.git(ctx, filepath.Dir(r.Dir), "clone", "--quiet", r.Bare, r.Dir); err != nil {
		return kept, err
	}
	return kept, r.writeExample()
}

// writeExample replaces every file of the clone by the example's.
func (r *Repo) writeExample() error {
	git, aside := filepath.Join(r.Dir, ".git"), r.Dir+".git"
	if err := os.Rename(git, aside); err != nil {
		return err
	}
	if err := os.RemoveAll(r.Dir); err != nil {
		return err
	}
	if err := repolayout.WriteExample(r.Dir); err != nil {
		return err
	}
	return os.Rename(aside, git)
}

// Head is the newest commit of the clone.
func (r *Repo) Head(ctx context.Context) (string, error) { return r.Git(ctx, "rev-parse", "HEAD") }

// Push pushes the clone's branch. More arguments go to git push.
func (r *Repo) Push(ctx context.Context, args ...string) error {
	_, err := r.Git(ctx, append([]string{"push", "--quiet", "origin", Branch}, args...)...)
	return err
}

// Git runs git in the clone.
func (r *Repo) Git(ctx context.Context, args ...string) (string, error) {
	return r.git(ctx, r.Dir, args...)
}

// GitBare runs git in the bare repository, as somebody on the server would.
func (r *Repo) GitBare(ctx context.Context, args ...string) (string, error) {
	return r.git(ctx, r.Bare, args...)
}

func (r *Repo) git(ctx context.Context, dir string, args ...string) (string, error) {
	var out, faults bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &faults
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Monitoring", "GIT_AUTHOR_EMAIL=monitoring@example.org",
		"GIT_COMMITTER_NAME=Monitoring", "GIT_COMMITTER_EMAIL=monitoring@example.org",
	)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(faults.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// load reads the clone as Watchbill does.
func (r *Repo) load() *repolayout.Repo {
	repo, _ := repolayout.NewLoader().Load(os.DirFS(r.Dir))
	return repo
}

// environment reads one environment of the clone.
func (r *Repo) environment(name string) (*repolayout.Environment, error) {
	for _, e := range r.load().Environments {
		if e.Name == name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("the monitoring repo in %s has no environments/%s.yaml", r.Dir, name)
}
