package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/watchbill/watchbill/render/bundle"
)

// missing returns those of the chunks that have to be fetched. Chunks that are
// on the volume are read once and held against their digest; what is broken is
// removed.
func (v *volume) missing(digests []string) ([]string, error) {
	var missing []string
	for _, digest := range digests {
		if _, ok := v.chunks[digest]; ok {
			continue
		}
		parts, err := readChunk(v.path(chunksDir, digest), digest)
		if err == nil {
			v.chunks[digest] = parts
			continue
		}
		if err := os.RemoveAll(v.path(chunksDir, digest)); err != nil {
			return nil, fmt.Errorf("remove broken chunk %s: %w", digest, err)
		}
		missing = append(missing, digest)
	}
	return missing, nil
}

func readChunk(dir, digest string) ([]bundle.Part, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	chunk := bundle.Chunk{Digest: digest, Data: make(map[string]string, len(entries))}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		chunk.Data[e.Name()] = string(content)
	}
	if got := bundle.DataDigest(chunk.Data); got != digest {
		return nil, fmt.Errorf("chunk %s on the volume has the digest %s", digest, got)
	}
	return chunk.Parts()
}

// writeChunk puts a chunk that was held against its digest on the volume. It may
// be called for several chunks at once; the caller enters them in v.chunks.
func (v *volume) writeChunk(c *bundle.Chunk) ([]bundle.Part, error) {
	parts, err := c.Parts()
	if err != nil {
		return nil, err
	}
	temp := v.path(unfinished + c.Digest)
	if err := writeFiles(temp, c.Data); err != nil {
		os.RemoveAll(temp)
		return nil, fmt.Errorf("write chunk %s: %w", c.Digest, err)
	}
	if err := os.Rename(temp, v.path(chunksDir, c.Digest)); err != nil {
		os.RemoveAll(temp)
		return nil, fmt.Errorf("write chunk %s: %w", c.Digest, err)
	}
	return parts, nil
}

func writeFiles(dir string, data map[string]string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for key, content := range data {
		if !isKey(key) {
			return fmt.Errorf("%q is no key of a ConfigMap", key)
		}
		if err := os.WriteFile(filepath.Join(dir, key), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// isKey holds a key to what the API server takes for one, since it becomes the name of a file.
func isKey(key string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return strings.Trim(key, letters) == "" && filepath.IsLocal(key) && key != "." && len(key) < 254
}
