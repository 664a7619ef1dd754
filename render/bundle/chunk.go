package bundle

import (
	"encoding/json"
	"fmt"
	"maps"
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
