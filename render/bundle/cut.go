package bundle

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode/utf8"
)

// Sizes in bytes. A ConfigMap holds 1 MiB in all; what is left over is for its
// keys, manifest and metadata.
const (
	maxChunk = 880 << 10
	maxPart  = 768 << 10
	minPart  = 256 << 10
)

// Cut lays the files of one owner out in chunks. The same files always give the
// same chunks, and a change moves nothing that it does not touch:
//
//   - files are dealt to chunks by the bits of their path's hash, one more bit
//     wherever the files do not fit, so that growth splits one chunk in two;
//   - a file too large for a chunk is cut after lines that its own content
//     chooses, so that a line put in shifts no cut further down.
//
// Files must have distinct paths and hold UTF-8: the API server would put
// another character wherever a ConfigMap holds anything else.
func Cut(owner string, files []File) ([]*Chunk, error) {
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	pieces := make([]piece, 0, len(files))
	for i, f := range files {
		switch err := checkPath(f.Path); {
		case err != nil:
			return nil, err
		case i > 0 && files[i-1].Path == f.Path:
			return nil, fmt.Errorf("%s: two files have this path", f.Path)
		case !utf8.ValidString(f.Path) || !utf8.ValidString(f.Content):
			return nil, fmt.Errorf("%q: not UTF-8, which a ConfigMap cannot hold; save the file as UTF-8", f.Path)
		}
		pieces = append(pieces, cutFile(f)...)
	}
	return deal(owner, pieces, 0)
}

// deal puts pieces into one chunk if they fit, and else by the next bit of their hash into two.
func deal(owner string, pieces []piece, bit int) ([]*Chunk, error) {
	switch {
	case len(pieces) == 0:
		return nil, nil
	case weigh(pieces) <= maxChunk:
		c, err := newChunk(owner, pieces)
		if err != nil {
			return nil, err
		}
		return []*Chunk{c}, nil
	case bit == sha256.Size*8:
		return nil, fmt.Errorf("%s: %d bytes cannot be cut into ConfigMaps", pieces[0].path, weigh(pieces))
	}
	var sides [2][]piece
	for _, p := range pieces {
		side := p.bit(bit)
		sides[side] = append(sides[side], p)
	}
	left, err := deal(owner, sides[0], bit+1)
	if err != nil {
		return nil, err
	}
	right, err := deal(owner, sides[1], bit+1)
	return append(left, right...), err
}

// weigh is what pieces take in a ConfigMap, keys and manifest counted in.
func weigh(pieces []piece) int {
	size := 0
	for _, p := range pieces {
		size += len(p.content) + 3*len(p.path) + 64
	}
	return size
}

// bit is one bit of the hash of where a piece stands.
func (p piece) bit(n int) byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", p.path, p.part))
	return sum[n/8] >> (7 - n%8) & 1
}

// cutFile leaves a file whole if it fits a chunk.
func cutFile(f File) []piece {
	if len(f.Content) <= maxPart {
		return []piece{{path: f.Path, content: f.Content}}
	}
	var pieces []piece
	for rest := f.Content; len(rest) > 0; {
		n := cutAt(rest)
		pieces = append(pieces, piece{path: f.Path, part: len(pieces) + 1, content: rest[:n]})
		rest = rest[n:]
	}
	for i := range pieces {
		pieces[i].of = len(pieces)
	}
	return pieces
}

// cutAt finds where the first part of content ends: after the first line, from
// minPart on, whose hash has its low bits clear, and at maxPart at the latest.
func cutAt(content string) int {
	const oneIn = 1 << 9
	end := min(len(content), maxPart)
	for at := min(minPart, end); at < end; {
		n := strings.IndexByte(content[at:end], '\n')
		if n < 0 {
			break
		}
		line := content[at : at+n]
		at += n + 1
		h := fnv.New64a()
		h.Write([]byte(line))
		if h.Sum64()%oneIn == 0 {
			return at
		}
	}
	if len(content) <= maxPart {
		return len(content)
	}
	if n := strings.LastIndexByte(content[:end], '\n'); n > 0 {
		return n + 1
	}
	for end > 1 && !utf8.RuneStart(content[end]) {
		end-- // no character is cut in two
	}
	return end
}
