package bundle

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Part says which key of which chunk holds a file of a bundle, or one part of it.
type Part struct {
	Path       string
	Chunk, Key string
	part, of   int // as in a chunk's manifest
}

// Layout is one file of a bundle and what it is put together from, in order.
type Layout struct {
	Path  string
	Parts []Part
}

// Check says whether the reference holds together: real digests, and chunks
// that make the bundle's. After it, each digest is safe as the name of a file.
func (r Ref) Check() error {
	for _, digest := range append([]string{r.Digest}, r.Chunks...) {
		if raw, err := hex.DecodeString(digest); err != nil || len(raw) != sha256.Size || hex.EncodeToString(raw) != digest {
			return fmt.Errorf("bundle %q: %q is no SHA-256 in hex", r.Digest, digest)
		}
	}
	if got := digestOf(slices.Sorted(slices.Values(r.Chunks))); got != r.Digest {
		return fmt.Errorf("bundle %s: its chunks make %s", r.Digest, got)
	}
	return nil
}

// Parts says what the chunk holds. Nothing in it is trusted but that it has its digest.
func (c *Chunk) Parts() ([]Part, error) {
	var manifest []entry
	if err := json.Unmarshal([]byte(c.Data[manifestKey]), &manifest); err != nil {
		return nil, fmt.Errorf("chunk %s: read %s: %w", c.Digest, manifestKey, err)
	}
	parts := make([]Part, 0, len(manifest))
	for _, e := range manifest {
		if _, ok := c.Data[e.Key]; !ok {
			return nil, fmt.Errorf("chunk %s: %s names the key %q, which is not there", c.Digest, manifestKey, e.Key)
		}
		if err := checkPath(e.Path); err != nil {
			return nil, fmt.Errorf("chunk %s: %w", c.Digest, err)
		}
		parts = append(parts, Part{Path: e.Path, Chunk: c.Digest, Key: e.Key, part: e.Part, of: e.Of})
	}
	return parts, nil
}

// checkPath refuses a path that would leave the bundle's folder or that no file can have.
func checkPath(path string) error {
	if !fs.ValidPath(path) || path == "." || strings.ContainsRune(path, 0) {
		return fmt.Errorf("%q is no path inside a bundle", path)
	}
	return nil
}

// Assemble checks every chunk against its digest and all of them against the
// reference, and returns the bundle's files sorted by path. It fails when
// anything is missing, changed, doubled or would leave the bundle's folder.
func Assemble(ref Ref, chunks []*Chunk) ([]File, error) {
	byDigest, err := verify(ref, chunks)
	if err != nil {
		return nil, err
	}
	var parts []Part
	for _, c := range chunks {
		more, err := c.Parts()
		if err != nil {
			return nil, err
		}
		parts = append(parts, more...)
	}
	layouts, err := Arrange(parts)
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(layouts))
	for _, l := range layouts {
		files = append(files, File{Path: l.Path, Content: l.content(byDigest)})
	}
	return files, nil
}

func verify(ref Ref, chunks []*Chunk) (map[string]*Chunk, error) {
	if err := ref.Check(); err != nil {
		return nil, err
	}
	byDigest := make(map[string]*Chunk, len(chunks))
	for _, c := range chunks {
		if got := DataDigest(c.Data); got != c.Digest {
			return nil, fmt.Errorf("chunk %s: its content has the digest %s", c.Digest, got)
		}
		byDigest[c.Digest] = c
	}
	for _, digest := range ref.Chunks {
		if byDigest[digest] == nil {
			return nil, fmt.Errorf("bundle %s: chunk %s is missing", ref.Digest, digest)
		}
	}
	if len(chunks) != len(ref.Chunks) {
		return nil, fmt.Errorf("bundle %s: it has %d chunks, and %d are there", ref.Digest, len(ref.Chunks), len(chunks))
	}
	return byDigest, nil
}

// content is the file's text; a whole file shares the memory of its chunk.
func (l Layout) content(chunks map[string]*Chunk) string {
	if len(l.Parts) == 1 {
		return chunks[l.Parts[0].Chunk].Data[l.Parts[0].Key]
	}
	var all strings.Builder
	for _, p := range l.Parts {
		all.WriteString(chunks[p.Chunk].Data[p.Key])
	}
	return all.String()
}

// Arrange lays the parts of all chunks of a bundle out as its files, sorted by
// path. It is [Assemble] for those who keep the content on disk: they hold the
// reference against [Ref.Check] and each chunk against its digest themselves.
func Arrange(parts []Part) ([]Layout, error) {
	parts = slices.SortedFunc(slices.Values(parts), func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.part, b.part))
	})
	var layouts []Layout
	for len(parts) > 0 {
		n := 1
		for n < len(parts) && parts[n].Path == parts[0].Path {
			n++
		}
		if err := checkParts(parts[:n]); err != nil {
			return nil, err
		}
		layouts = append(layouts, Layout{Path: parts[0].Path, Parts: parts[:n:n]})
		parts = parts[n:]
	}
	return layouts, checkFolders(layouts)
}

// checkParts says whether the sorted parts that name one path make one file.
func checkParts(parts []Part) error {
	path, of := parts[0].Path, parts[0].of
	if len(parts) == 1 && of == 0 && parts[0].part == 0 {
		return nil // a whole file
	}
	if len(parts) != of {
		return fmt.Errorf("%s: %d of %d parts are there", path, len(parts), of)
	}
	for i, p := range parts {
		if p.part != i+1 || p.of != of {
			return fmt.Errorf("%s: part %d of %d stands where part %d of %d should", path, p.part, p.of, i+1, of)
		}
	}
	return nil
}

// checkFolders refuses a file whose path is another one's folder.
func checkFolders(files []Layout) error {
	names := make(map[string]bool, len(files))
	for _, f := range files {
		names[f.Path] = true
	}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if names[dir] {
				return fmt.Errorf("%s is a file and the folder of %s", dir, f.Path)
			}
		}
	}
	return nil
}
