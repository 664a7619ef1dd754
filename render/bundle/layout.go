package bundle

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Part says which key of which chunk holds a file of a bundle, or one part of it.
type Part struct {
	Path       string
	Chunk, Key string
	part, of   int
}

// Layout is one file of a bundle and what it is put together from, in order.
type Layout struct {
	Path  string
	Parts []Part
}

// Parts says what the chunk holds, and refuses what [Assemble] refuses.
func (c *Chunk) Parts() ([]Part, error) {
	pieces, err := c.pieces()
	if err != nil {
		return nil, err
	}
	var manifest []entry
	if err := json.Unmarshal([]byte(c.Data[manifestKey]), &manifest); err != nil {
		return nil, fmt.Errorf("chunk %s: read %s: %w", c.Digest, manifestKey, err)
	}
	parts := make([]Part, 0, len(pieces))
	for i, p := range pieces {
		parts = append(parts, Part{Path: p.path, Chunk: c.Digest, Key: manifest[i].Key, part: p.part, of: p.of})
	}
	return parts, nil
}

// Check says whether the reference holds together: real digests, and chunks
// that make the bundle's. After it, each digest is safe as the name of a file.
func (r Ref) Check() error {
	for _, digest := range append([]string{r.Digest}, r.Chunks...) {
		if raw, err := hex.DecodeString(digest); err != nil || len(raw) != 32 || hex.EncodeToString(raw) != digest {
			return fmt.Errorf("bundle %q: %q is no SHA-256 in hex", r.Digest, digest)
		}
	}
	if got := digestOf(slices.Sorted(slices.Values(r.Chunks))); got != r.Digest {
		return fmt.Errorf("bundle %s: its chunks make %s", r.Digest, got)
	}
	return nil
}

// Arrange lays the parts of all chunks of a bundle out as its files, sorted by
// path. It is [Assemble] for those who keep the content on disk: they hold the
// reference against [Ref.Check] and each chunk against its digest themselves.
func Arrange(parts []Part) ([]Layout, error) {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.part, b.part)) })
	var layouts []Layout
	var files []File
	for len(parts) > 0 {
		var same []piece
		for len(same) < len(parts) && parts[len(same)].Path == parts[0].Path {
			p := parts[len(same)]
			same = append(same, piece{path: p.Path, part: p.part, of: p.of})
		}
		file, err := joinFile(same)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
		layouts = append(layouts, Layout{Path: file.Path, Parts: parts[:len(same)]})
		parts = parts[len(same):]
	}
	return layouts, checkFolders(files)
}
