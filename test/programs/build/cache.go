//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// kept is how many builds of one program stay in the cache. More than one, so that going back and forth between two
// branches does not build anew each time.
const kept = 3

// A cache is the folder of built programs: one folder NAME-DIGEST for each build.
type cache struct{ dir string }

// openCache makes the folder in the user's own cache folder.
func openCache() (cache, error) {
	home, err := os.UserCacheDir()
	if err != nil {
		return cache{}, err
	}
	dir := filepath.Join(home, "watchbill", "programs")
	return cache{dir}, os.MkdirAll(dir, 0o755)
}

// path is where the program lies, built first where it has to be. Two callers at once build it once: the second one
// waits for the first.
func (c cache) path(p program, progress io.Writer) (string, error) {
	sum, err := digest(p)
	if err != nil {
		return "", err
	}
	entry := filepath.Join(c.dir, p.name+"-"+sum)
	unlock, err := lock(filepath.Join(c.dir, "."+p.name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(entry); err != nil {
		if err := c.build(p, entry, progress); err != nil {
			return "", err
		}
	}
	now := time.Now()
	if err := os.Chtimes(entry, now, now); err != nil {
		return "", err
	}
	return filepath.Join(entry, p.name), c.prune(p.name)
}

// build makes the program in a folder of its own and only then gives that folder its name, so that what has a name is whole.
func (c cache) build(p program, entry string, progress io.Writer) error {
	temp := filepath.Join(c.dir, ".building-"+p.name)
	if err := os.RemoveAll(temp); err != nil { // left by a build that was killed
		return err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	builder := goBuild
	if p.npm {
		builder = npmInstall
	}
	done := report(progress, p.name)
	err := builder(p, temp, progress)
	done()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(temp, p.name)); err != nil {
		return fmt.Errorf("find the binary: %w; a program has the name of its package's folder", err)
	}
	return os.Rename(temp, entry)
}

func goBuild(p program, into string, progress io.Writer) error {
	args := append([]string{"build", "-buildvcs=false", "-o", into + "/"}, p.args...)
	args = append(args, p.pkg)
	if p.with != "" {
		args = append(args, p.with)
	}
	command := exec.Command("go", args...)
	command.Dir = p.dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	command.Stdout, command.Stderr = progress, progress
	if err := command.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	return nil
}

// report says every ten seconds that a build goes on, until the function that it gives back is called.
func report(progress io.Writer, name string) func() {
	start := time.Now()
	elapsed := func() time.Duration { return time.Since(start).Round(time.Second) }
	fmt.Fprintf(progress, "building %s\n", name)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticks := time.NewTicker(10 * time.Second)
		defer ticks.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticks.C:
				fmt.Fprintf(progress, "building %s: %s\n", name, elapsed())
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		fmt.Fprintf(progress, "built %s in %s\n", name, elapsed())
	}
}

// prune removes a program's oldest builds.
func (c cache) prune(name string) error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	mine := regexp.MustCompile("^" + regexp.QuoteMeta(name) + "-[0-9a-f]{16}$")
	var infos []os.FileInfo
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && mine.MatchString(entry.Name()) {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, old := range infos[min(kept, len(infos)):] {
		if err := os.RemoveAll(filepath.Join(c.dir, old.Name())); err != nil {
			return err
		}
	}
	return nil
}

// lock takes the file's lock, waiting for it, and gives the function that lets it go. The lock of a process that dies
// goes with it.
func lock(file string) (func(), error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	return func() { f.Close() }, nil
}
