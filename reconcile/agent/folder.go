package agent

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/watchbill/watchbill/render/bundle"
)

// stamp is how the process is made to tell one bundle from another: by a file
// that the agent writes, because the digest cannot stand in what it is a digest of.
type stamp struct {
	path string
	// text is what the file must hold, given what the bundle has under that path.
	text func(content, digest string) (string, error)
	// mark is what the process then tells.
	mark func(text, digest string) string
}

// build makes the folder of a bundle whose chunks are all on the volume. It is
// done once by each agent, even for a folder that is there: links are cheap,
// and what an earlier agent or anybody else left in it is gone afterwards.
func (v *volume) build(ref bundle.Ref) error {
	if _, ok := v.bundles[ref.Digest]; ok {
		return nil
	}
	var parts []bundle.Part
	for _, digest := range ref.Chunks {
		parts = append(parts, v.chunks[digest]...)
	}
	layouts, err := bundle.Arrange(parts)
	if err != nil {
		return fmt.Errorf("build bundle %s: %w", ref.Digest, err)
	}
	temp := v.path(unfinished + ref.Digest)
	defer os.RemoveAll(temp) // there is one only after an error, or when an older folder was put out
	text, err := v.fill(temp, ref, layouts)
	if err != nil {
		return fmt.Errorf("build bundle %s: %w", ref.Digest, err)
	}
	if err := replace(temp, v.path(ref.Digest)); err != nil {
		return fmt.Errorf("build bundle %s: %w", ref.Digest, err)
	}
	v.bundles[ref.Digest] = built{ref: ref, mark: v.stamp.mark(text, ref.Digest)}
	v.fresh = append(v.fresh, v.path(ref.Digest, refFile), v.path(ref.Digest, v.stamp.path), v.path(ref.Digest), v.dir)
	return nil
}

// fill writes the files of a bundle into a new folder, and returns the text of the stamped one.
func (v *volume) fill(dir string, ref bundle.Ref, layouts []bundle.Layout) (string, error) {
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	var plain string
	for _, l := range layouts {
		var err error
		switch l.Path {
		case v.stamp.path:
			plain, err = v.join(l)
		case refFile:
			err = fs.ErrExist
		default:
			err = v.place(l, filepath.Join(dir, filepath.FromSlash(l.Path)))
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", l.Path, err)
		}
	}
	text, err := v.stamp.text(plain, ref.Digest)
	if err != nil {
		return "", fmt.Errorf("%s: %w", v.stamp.path, err)
	}
	if err := os.WriteFile(filepath.Join(dir, v.stamp.path), []byte(text), 0o644); err != nil {
		return "", err
	}
	raw, err := json.Marshal(ref)
	if err != nil {
		return "", err
	}
	return text, os.WriteFile(filepath.Join(dir, refFile), raw, 0o644)
}

// place puts one file of a bundle where it belongs: a link to its chunk's file, or all of its parts written out.
func (v *volume) place(l bundle.Layout, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if len(l.Parts) == 1 && os.Link(v.partPath(l.Parts[0]), to) == nil {
		return nil
	}
	// Cut over several chunks, or a file system without hard links.
	text, err := v.join(l)
	if err != nil {
		return err
	}
	return os.WriteFile(to, []byte(text), 0o644)
}

func (v *volume) join(l bundle.Layout) (string, error) {
	var text strings.Builder
	for _, p := range l.Parts {
		raw, err := os.ReadFile(v.partPath(p))
		if err != nil {
			return "", err
		}
		text.Write(raw)
	}
	return text.String(), nil
}

func (v *volume) partPath(p bundle.Part) string { return v.path(chunksDir, p.Chunk, p.Key) }

// replace gives a folder its name. If there is one of that name already it is
// exchanged for it in one step, since the process may read it; where the file
// system cannot do that, the name is gone for a moment.
func replace(temp, path string) error {
	if _, err := os.Lstat(path); err != nil {
		return os.Rename(temp, path)
	}
	if exchange(temp, path) == nil {
		return nil
	}
	old := temp + "-old"
	if err := os.Rename(path, old); err != nil {
		return err
	}
	defer os.RemoveAll(old)
	return os.Rename(temp, path)
}
