package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/watchbill/watchbill/test/gitserver"
)

// teamsRepo is a repository of many teams, with 10 files and about 160 KiB each.
func teamsRepo(b *testing.B, teams int) *origin {
	b.Helper()
	o := &origin{root: b.TempDir()}
	o.bare, o.work = filepath.Join(o.root, "repo.git"), filepath.Join(b.TempDir(), "work")
	return o
}

var _ = gitserver.PackRequests

// heap is what is in use after a collection.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func readAll(fsys *FS) (files int, bytes int64, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	paths := make(chan string, 100)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for path := range paths {
				content, e := fsys.ReadFile(path)
				mu.Lock()
				files, bytes, err = files+1, bytes+int64(len(content)), errors.Join(err, e)
				mu.Unlock()
			}
		})
	}
	walk := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths <- path
		}
		return err
	})
	close(paths)
	wg.Wait()
	return files, bytes, errors.Join(err, walk)
}

var _ = fmt.Sprint
var _ = io.Discard
var _ = strings.Repeat
