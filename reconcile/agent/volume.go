package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/watchbill/watchbill/render/bundle"
)

// The names on a volume that are not digests.
const (
	current    = "current"      // link to the bundle that the process reads
	proven     = "proven"       // link to the bundle that it last gave proof of
	chunksDir  = "chunks"       // chunks/DIGEST/KEY: a chunk, a file for each key of its ConfigMap
	unfinished = ".new-"        // prefix of what is half written; removed at start
	refFile    = ".bundle.json" // in a bundle's folder: its reference
)

// volume is the folder that the agent shares with the process beside it. Each
// bundle has a folder DIGEST, whose files are hard links to those of its chunks,
// so that a new bundle costs what changed and not what there is.
//
// Everything is written under another name and gets its own by a rename. What
// was there before this agent started counts for nothing until its content has
// been held against its digest; therefore nothing needs to reach the disk
// before the swap, and [volume.settle] sees to that afterwards.
type volume struct {
	dir   string
	stamp stamp
	// chunks are the chunks on disk that were held against their digest by this agent.
	chunks map[string][]bundle.Part
	// bundles are the folders that were built by this agent.
	bundles map[string]built
	fresh   []string // written since the last settle
}

// built is a bundle that stands whole in its folder.
type built struct {
	ref bundle.Ref
	// mark is what the process will tell when it runs this bundle.
	mark string
}

// openVolume makes the folder and removes what was left half written.
func openVolume(dir string, stamp stamp) (*volume, error) {
	v := &volume{dir: dir, stamp: stamp, chunks: map[string][]bundle.Part{}, bundles: map[string]built{}}
	if err := os.MkdirAll(v.path(chunksDir), 0o755); err != nil {
		return nil, fmt.Errorf("open the volume: %w", err)
	}
	left, err := filepath.Glob(v.path(unfinished + "*"))
	if err != nil {
		return nil, fmt.Errorf("open the volume: %w", err)
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return nil, fmt.Errorf("clean the volume: %w", err)
		}
	}
	return v, nil
}

func (v *volume) path(names ...string) string {
	return filepath.Join(append([]string{v.dir}, names...)...)
}

// holds says whether the folder of a bundle has a file.
func (v *volume) holds(digest, name string) bool {
	_, err := os.Stat(v.path(digest, name))
	return err == nil && digest != ""
}

// linked is the digest that a link names, and empty without such a link.
func (v *volume) linked(link string) string {
	target, err := os.Readlink(v.path(link))
	if err != nil {
		return ""
	}
	return target
}

// link points a link to a bundle, in one step.
func (v *volume) link(link, digest string) error {
	if v.linked(link) == digest {
		return nil
	}
	temp := v.path(unfinished + link)
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("point %s to bundle %s: %w", link, digest, err)
	}
	if err := os.Symlink(digest, temp); err != nil {
		return fmt.Errorf("point %s to bundle %s: %w", link, digest, err)
	}
	if err := os.Rename(temp, v.path(link)); err != nil {
		return fmt.Errorf("point %s to bundle %s: %w", link, digest, err)
	}
	return nil
}

// ref reads the reference of a bundle on the volume.
func (v *volume) ref(digest string) (bundle.Ref, error) {
	if b, ok := v.bundles[digest]; ok {
		return b.ref, nil
	}
	var ref bundle.Ref
	raw, err := os.ReadFile(v.path(digest, refFile))
	if err != nil {
		return ref, fmt.Errorf("read bundle %s: %w", digest, err)
	}
	if err := json.Unmarshal(raw, &ref); err != nil {
		return ref, fmt.Errorf("read bundle %s: %w", digest, err)
	}
	if err := ref.Check(); err != nil {
		return ref, err
	}
	if ref.Digest != digest {
		return ref, fmt.Errorf("bundle %s: its folder is that of %s", ref.Digest, digest)
	}
	return ref, nil
}

// digests lists the bundles on the volume: the current one, the last proven one, then by age, youngest first.
func (v *volume) digests() []string {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return nil
	}
	ages := map[string]time.Time{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && e.Name() != chunksDir && !strings.HasPrefix(e.Name(), ".") {
			ages[e.Name()] = info.ModTime()
		}
	}
	byAge := slices.SortedFunc(maps.Keys(ages), func(a, b string) int { return ages[b].Compare(ages[a]) })
	var all []string
	for _, digest := range append([]string{v.linked(current), v.linked(proven)}, byAge...) {
		if _, there := ages[digest]; there && !slices.Contains(all, digest) {
			all = append(all, digest)
		}
	}
	return all
}

// byMark is the bundle that a process with this mark runs; empty if it is none that is known here.
func (v *volume) byMark(mark string) string {
	for digest, b := range v.bundles {
		if mark != "" && b.mark == mark {
			return digest
		}
	}
	return ""
}

// prune removes the bundles that nobody would go back to: all but the kept ones and the youngest other.
func (v *volume) prune(keep ...string) error {
	keep = append(keep, v.linked(current), v.linked(proven))
	var errs []error
	chunks, spare := map[string]bool{}, 1
	for _, digest := range v.digests() {
		ref, err := v.ref(digest)
		if err == nil && !slices.Contains(keep, digest) {
			spare--
		}
		if err != nil || (spare < 0 && !slices.Contains(keep, digest)) {
			delete(v.bundles, digest)
			errs = append(errs, os.RemoveAll(v.path(digest)))
			continue
		}
		for _, c := range ref.Chunks {
			chunks[c] = true
		}
	}
	return errors.Join(append(errs, v.pruneChunks(chunks))...)
}

func (v *volume) pruneChunks(keep map[string]bool) error {
	entries, err := os.ReadDir(v.path(chunksDir))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !keep[e.Name()] {
			delete(v.chunks, e.Name())
			errs = append(errs, os.RemoveAll(v.path(chunksDir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// settle brings what was written since the last time to the disk, so that after
// a power cut the bundle that was proven is there, whether or not the API server is.
func (v *volume) settle(ctx context.Context) error {
	for len(v.fresh) > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := syncPath(v.fresh[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("bring the bundle to the disk: %w", err)
		}
		v.fresh = v.fresh[1:]
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
