package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/spf13/pflag"

	"github.com/watchbill/watchbill/validate/memory"
)

// cacheFlags say where to remember what was found out.
type cacheFlags struct {
	dir string
	off bool
}

func (c *cacheFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&c.dir, "cache-dir", "", "`folder` to remember in what was found out (default: watchbill/validate in the user's cache folder)")
	flags.BoolVar(&c.off, "no-cache", false, "look at everything anew, and remember nothing")
}

// open returns what is remembered of a monitoring repo; nil is nothing. Without a
// cache everything is only slower, so what keeps it from working is no error.
func (c *cacheFlags) open(io streams, repo string) *memory.Memory {
	if c.off {
		return nil
	}
	dir := c.dir
	if dir == "" {
		users, err := os.UserCacheDir()
		if err != nil {
			return nil // there is no home, as in many containers
		}
		dir = filepath.Join(users, "watchbill", "validate")
	}
	m, err := memory.Open(dir, repo, time.Now())
	if err != nil {
		fmt.Fprintln(io.err, "watchbill: going on without a cache:", err)
	}
	return m
}

// keep writes what was found out for the next run. That it cannot be written is
// worth a word only where somebody asked for it.
func (c *cacheFlags) keep(io streams, m *memory.Memory, folder *memory.Folder) {
	folder.Keep()
	if err := m.Save(); err != nil && c.dir != "" {
		fmt.Fprintf(io.err, "watchbill: nothing is remembered for the next run: %v; give --cache-dir another folder, or --no-cache\n", err)
	}
}

// identified is a file system of files that know git's ids of their content, so
// that what a revision has too is read and parsed once.
func identified(fsys fs.FS, m *memory.Memory) *memory.Folder {
	return memory.NewFolder(fsys, m, func(content []byte) string {
		return plumbing.ComputeHash(plumbing.BlobObject, content).String()
	})
}
