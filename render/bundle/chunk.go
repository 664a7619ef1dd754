package bundle

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// manifestKey is the key of a chunk that says which of its other keys is which file.
const manifestKey = "files.json"

// Chunk is a part of a bundle, as the data of one immutable ConfigMap.
type Chunk struct {
	// Owner is the team whose files these are; empty for those of the whole repo.
	Owner string
	// Digest is the SHA-256, in hex, of Data.
	Digest string
	// Data holds the files under readable keys, and the manifest under "files.json".
	Data map[string]string
}

// entry is one line of a chunk's manifest: a file, or one part of a file that was cut.
type entry struct {
	Path string `json:"path"`
	Key  string `json:"key"`
	Part int    `json:"part,omitempty"` // from 1; 0 for a whole file
	Of   int    `json:"of,omitempty"`
}

// piece is a whole file or a part of one, before it stands in a chunk.
type piece struct {
	path     string
	part, of int
	content  string
}

// Name is the name of the ConfigMap that holds the chunk with this digest.
func Name(component, digest string) string {
	return "watchbill-" + component + "-" + digest[:min(len(digest), 20)]
}

// newChunk lays pieces out as ConfigMap data; they are sorted by path and part.
func newChunk(owner string, pieces []piece) (*Chunk, error) {
	data := make(map[string]string, len(pieces)+1)
	manifest := make([]entry, 0, len(pieces))
	for _, p := range pieces {
		key := freeKey(data, keyOf(p))
		data[key] = p.content
		manifest = append(manifest, entry{Path: p.path, Key: key, Part: p.part, Of: p.of})
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		return nil, fmt.Errorf("write the manifest of a chunk of %q: %w", owner, err)
	}
	data[manifestKey] = string(raw)
	return &Chunk{Owner: owner, Digest: DataDigest(data), Data: data}, nil
}

// DataDigest is the digest of a ConfigMap's data.
func DataDigest(data map[string]string) string {
	parts := make([]string, 0, 2*len(data))
	for _, key := range slices.Sorted(maps.Keys(data)) {
		parts = append(parts, key, data[key])
	}
	return digestOf(parts)
}

// keyOf makes a ConfigMap key that a person recognizes the file by.
func keyOf(p piece) string {
	key := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '_'
	}, p.path)
	const room = 230 // of the 253 characters of a key, the rest for numbers
	if len(key) > room {
		key = key[len(key)-room:]
	}
	if p.of > 0 {
		key = fmt.Sprintf("%s.%03d", key, p.part)
	}
	return strings.TrimLeft(key, ".")
}

// freeKey numbers a key that is taken, which happens when paths differ only in odd characters.
func freeKey(data map[string]string, key string) string {
	free := key
	for n := 2; ; n++ {
		if _, taken := data[free]; !taken && free != manifestKey && free != "" {
			return free
		}
		free = fmt.Sprintf("%s-%d", key, n)
	}
}

// pieces reads a chunk's manifest and takes its files out. Nothing in it is trusted.
func (c *Chunk) pieces() ([]piece, error) {
	var manifest []entry
	if err := json.Unmarshal([]byte(c.Data[manifestKey]), &manifest); err != nil {
		return nil, fmt.Errorf("chunk %s: read %s: %w", c.Digest, manifestKey, err)
	}
	out := make([]piece, 0, len(manifest))
	for _, e := range manifest {
		content, ok := c.Data[e.Key]
		if !ok {
			return nil, fmt.Errorf("chunk %s: %s names the key %q, which is not there", c.Digest, manifestKey, e.Key)
		}
		if err := checkPath(e.Path); err != nil {
			return nil, fmt.Errorf("chunk %s: %w", c.Digest, err)
		}
		out = append(out, piece{path: e.Path, part: e.Part, of: e.Of, content: content})
	}
	return out, nil
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
	if err := verify(ref, chunks); err != nil {
		return nil, err
	}
	var all []piece
	for _, c := range chunks {
		pieces, err := c.pieces()
		if err != nil {
			return nil, err
		}
		all = append(all, pieces...)
	}
	slices.SortFunc(all, comparePieces)
	return join(all)
}

func verify(ref Ref, chunks []*Chunk) error {
	digests := make([]string, 0, len(chunks))
	for _, c := range chunks {
		if got := DataDigest(c.Data); got != c.Digest {
			return fmt.Errorf("chunk %s: its content has the digest %s", c.Digest, got)
		}
		digests = append(digests, c.Digest)
	}
	slices.Sort(digests)
	if got := digestOf(digests); got != ref.Digest {
		return fmt.Errorf("bundle %s: its chunks make %s", ref.Digest, got)
	}
	return nil
}

// join puts sorted pieces together into whole files.
func join(all []piece) ([]File, error) {
	var files []File
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].path == all[0].path {
			n++
		}
		file, err := joinFile(all[:n])
		if err != nil {
			return nil, err
		}
		files = append(files, file)
		all = all[n:]
	}
	return files, checkFolders(files)
}

// joinFile makes one file of all the pieces that name its path. A whole file
// shares the memory of its chunk.
func joinFile(pieces []piece) (File, error) {
	path, of := pieces[0].path, pieces[0].of
	if len(pieces) == 1 && of == 0 && pieces[0].part == 0 {
		return File{Path: path, Content: pieces[0].content}, nil
	}
	if len(pieces) != of {
		return File{}, fmt.Errorf("%s: %d of %d parts are there", path, len(pieces), of)
	}
	var content strings.Builder
	for i, p := range pieces {
		if p.part != i+1 || p.of != of {
			return File{}, fmt.Errorf("%s: part %d of %d stands where part %d of %d should", path, p.part, p.of, i+1, of)
		}
		content.WriteString(p.content)
	}
	return File{Path: path, Content: content.String()}, nil
}

// checkFolders refuses a file whose path is another one's folder.
func checkFolders(files []File) error {
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
