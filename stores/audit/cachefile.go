package audit

import (
	"bufio"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchbill/watchbill/stores/block"
)

// The file is a SHA-256 of all that follows, then gob: a header, and a record
// for each block. A file that is not exactly as it was written, by this version
// of the format and for this bucket, is as good as none.
const cacheFormat = "watchbill audit cache 1"

// maxCacheFile is more than the largest file that is written.
const maxCacheFile = 2 * maxCacheBytes

type header struct {
	Format, Bucket string
	Records        int
}

type record struct {
	ID   []byte
	Meta *metaRecord
	Mark *markRecord
}

type versionRecord struct {
	ETag           string
	Size, Modified int64
}

type metaRecord struct {
	At                           versionRecord
	Problem                      string
	Labels                       map[string]string
	MinTime, MaxTime, Resolution int64
	Level                        int
	Failed                       bool
	Source                       string
	Sources                      []byte // ULIDs, end to end
	SourcesOf                    int    // or those of the n-th record that has its own, from 1
	Paths                        []string
	Sizes                        []int64
	Chunks                       bool
}

type markRecord struct {
	At               versionRecord
	Seconds          int64
	Details, Problem string
}

// openCache reads the cache as far as it can be used. Whatever is wrong with
// it, everything is read from the bucket then, and the file written anew.
func openCache(path, bucket string, s *shared) *cache {
	c := &cache{
		path: path, bucket: bucket, entries: map[ulid.ULID]entry{}, next: map[ulid.ULID]entry{},
		maxEntries: maxEntries, maxBytes: maxCacheBytes,
	}
	if path == "" {
		return c
	}
	if entries, err := readCache(path, bucket, s); err == nil {
		c.entries = entries
	} else {
		c.changed = true
	}
	return c
}

func readCache(path, bucket string, s *shared) (map[ulid.ULID]entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxCacheFile {
		return nil, errors.New("no file of the size of a cache")
	}
	// First the sum of all, as gob trusts what it decodes.
	if err := checkSum(f); err != nil {
		return nil, err
	}
	d := gob.NewDecoder(bufio.NewReader(f))
	var h header
	if err := d.Decode(&h); err != nil {
		return nil, err
	}
	if h.Format != cacheFormat || h.Bucket != bucket || h.Records < 0 || h.Records > maxEntries {
		return nil, errors.New("a cache of another format or bucket")
	}
	entries := make(map[ulid.ULID]entry, h.Records)
	decoder := lists{shared: s}
	for range h.Records {
		var r record
		if err := d.Decode(&r); err != nil {
			return nil, err
		}
		id, e, err := decoder.entry(r)
		if err != nil {
			return nil, err
		}
		entries[id] = e
	}
	return entries, nil
}

// checkSum leaves f behind the sum.
func checkSum(f io.ReadSeeker) error {
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(f, want); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if string(h.Sum(nil)) != string(want) {
		return errors.New("the content is not what was written")
	}
	_, err := f.Seek(sha256.Size, io.SeekStart)
	return err
}

// writeCache replaces the file at once, so that a run that is cut leaves the one before.
func writeCache(path, bucket string, entries map[ulid.ULID]entry) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	err = errors.Join(encodeCache(f, bucket, entries), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func encodeCache(f io.WriteSeeker, bucket string, entries map[ulid.ULID]entry) error {
	if _, err := f.Write(make([]byte, sha256.Size)); err != nil {
		return err
	}
	h := sha256.New()
	buffered := bufio.NewWriter(io.MultiWriter(f, h))
	e := gob.NewEncoder(buffered)
	if err := e.Encode(header{Format: cacheFormat, Bucket: bucket, Records: len(entries)}); err != nil {
		return err
	}
	known := map[*ulid.ULID]int{}
	for _, id := range slices.SortedFunc(maps.Keys(entries), compareID) {
		if err := e.Encode(newRecord(id, entries[id], known)); err != nil {
			return err
		}
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := f.Write(h.Sum(nil))
	return err
}

// newRecord writes lists of sources that blocks share only once: known are
// those written before, by their first elements.
func newRecord(id ulid.ULID, e entry, known map[*ulid.ULID]int) record {
	r := record{ID: id[:]}
	if d := e.meta; d != nil {
		r.Meta = &metaRecord{
			At: versionRecord{d.at.etag, d.at.size, d.at.modified}, Problem: d.problem, Labels: d.labels.Map(),
			MinTime: d.minTime, MaxTime: d.maxTime, Resolution: d.resolution, Level: d.level, Failed: d.failed,
			Source: d.source, Chunks: d.chunks,
		}
		if len(d.sources) > 0 {
			if r.Meta.SourcesOf = known[&d.sources[0]]; r.Meta.SourcesOf == 0 {
				known[&d.sources[0]] = len(known) + 1
				for _, id := range d.sources {
					r.Meta.Sources = append(r.Meta.Sources, id[:]...)
				}
			}
		}
		for _, f := range d.files {
			r.Meta.Paths, r.Meta.Sizes = append(r.Meta.Paths, f.Path), append(r.Meta.Sizes, f.Size)
		}
	}
	if m := e.mark; m != nil {
		r.Mark = &markRecord{At: versionRecord{m.at.etag, m.at.size, m.at.modified}, Seconds: m.seconds, Details: m.details, Problem: m.problem}
	}
	return r
}

// lists is what records are read with.
type lists struct {
	shared  *shared
	sources [][]ulid.ULID
}

func (l *lists) entry(r record) (ulid.ULID, entry, error) {
	var id ulid.ULID
	var e entry
	if copy(id[:], r.ID) != len(id) {
		return id, e, fmt.Errorf("no ULID: %x", r.ID)
	}
	if m := r.Mark; m != nil {
		e.mark = &mark{at: version{m.At.ETag, m.At.Size, m.At.Modified}, seconds: m.Seconds, details: m.Details, problem: m.Problem}
	}
	m := r.Meta
	if m == nil {
		return id, e, nil
	}
	if len(m.Sources)%len(id) != 0 || len(m.Paths) != len(m.Sizes) || m.SourcesOf < 0 || m.SourcesOf > len(l.sources) {
		return id, e, fmt.Errorf("the record of block %s is damaged", id)
	}
	e.meta = &description{
		at: version{m.At.ETag, m.At.Size, m.At.Modified}, problem: m.Problem, labels: l.shared.set(labels.FromMap(m.Labels)),
		minTime: m.MinTime, maxTime: m.MaxTime, resolution: m.Resolution, level: m.Level, failed: m.Failed,
		source: l.shared.text(m.Source), chunks: m.Chunks, sources: l.list(m), files: make([]block.File, len(m.Paths)),
	}
	for i, path := range m.Paths {
		e.meta.files[i] = block.File{Path: l.shared.text(path), Size: m.Sizes[i]}
	}
	return id, e, nil
}

func (l *lists) list(m *metaRecord) []ulid.ULID {
	if m.SourcesOf > 0 {
		return l.sources[m.SourcesOf-1]
	}
	if len(m.Sources) == 0 {
		return nil
	}
	ids := make([]ulid.ULID, len(m.Sources)/len(ulid.ULID{}))
	for i := range ids {
		copy(ids[i][:], m.Sources[i*len(ids[i]):])
	}
	l.sources = append(l.sources, l.shared.list(ids))
	return l.sources[len(l.sources)-1]
}
