// Package bundle is how files travel from the daemon to a component.
//
// A [Bundle] is every file that one component reads, under one digest. It is
// cut into chunks, each held by one immutable ConfigMap that is named by its
// content, and one small [Index] lists the chunks of the bundle that should be
// live. Writing the index is the one write that switches every agent from one
// whole bundle to the next; a change writes only the chunks that it changed.
//
// Everything here is pure: the daemon makes bundles with [New] and the agent
// puts them together again with [Assemble], which trusts nothing that it reads.
package bundle

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
)

// The components that read bundles.
const (
	Prometheus   = "prometheus"
	Alertmanager = "alertmanager"
	Grafana      = "grafana"
)

// Components are all of them, in the order in which people think of them.
var Components = []string{Prometheus, Alertmanager, Grafana}

// File is one file of a bundle. Path is slash-separated and relative. Content
// is a string so that a chunk can share its memory: at 100,000 rules a copy
// would be 78 MB.
type File struct {
	Path    string
	Content string
}

// Bundle is every file that one component reads.
type Bundle struct {
	Component string
	// Digest is the SHA-256, in hex, of the chunks' digests in order.
	Digest string
	Chunks []*Chunk // sorted by digest, each once
}

// New joins the chunks of all owners (see [Cut]) into the component's bundle.
func New(component string, chunks []*Chunk) Bundle {
	chunks = slices.Clone(chunks)
	slices.SortFunc(chunks, func(a, b *Chunk) int { return cmp.Compare(a.Digest, b.Digest) })
	chunks = slices.CompactFunc(chunks, func(a, b *Chunk) bool { return a.Digest == b.Digest })
	b := Bundle{Component: component, Chunks: chunks}
	b.Digest = digestOf(b.Ref("").Chunks)
	return b
}

// Ref names the bundle as an index does. The revision is for people only.
func (b Bundle) Ref(revision string) Ref {
	ref := Ref{Digest: b.Digest, Revision: revision, Chunks: make([]string, 0, len(b.Chunks))}
	for _, c := range b.Chunks {
		ref.Chunks = append(ref.Chunks, c.Digest)
	}
	return ref
}

// digestOf hashes the strings with their lengths, so that no two lists collide by joining.
func digestOf(parts []string) string {
	h, buf := sha256.New(), make([]byte, 4096)
	for _, p := range parts {
		writeSized(h, buf, p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeSized goes through buf because []byte(s) would copy every chunk to the heap.
func writeSized(h hash.Hash, buf []byte, s string) {
	h.Write(binary.BigEndian.AppendUint64(buf[:0], uint64(len(s))))
	for len(s) > 0 {
		n := copy(buf, s)
		h.Write(buf[:n])
		s = s[n:]
	}
}
