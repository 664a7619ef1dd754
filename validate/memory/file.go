package memory

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What a memory may come to. Beyond the size, what was not of use for longest goes.
const (
	maxAge     = 30 * 24 * time.Hour
	maxSize    = 64 << 20
	maxOnDisk  = 256 << 20
	suffix     = ".memory"
	magic      = "watchbill memory 1\n"
	headerSize = len(magic) + 2*sha256.Size
)

// kept is what the file holds behind its header.
type kept struct {
	Entries map[Key]entry
	Files   map[string]known
}

// Open reads the memory that a folder of them has of a monitoring repo. One that
// cannot be read is empty: a memory saves time, and nothing else depends on it.
// The error is only of a program that does not know what it is itself.
func Open(dir, repo string, now time.Time) (*Memory, error) {
	build, err := thisBuild()
	if err != nil {
		return nil, err
	}
	if repo, err = filepath.Abs(repo); err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(repo); err == nil {
		repo = real
	}
	name := fmt.Sprintf("%x%s", KeyOf("repo", repo).short(), suffix)
	m := &Memory{path: filepath.Join(dir, name), build: build, today: dayOf(now)}
	raw, err := os.ReadFile(m.path)
	if err == nil {
		err = m.read(raw)
	}
	if err != nil {
		m.entries, m.files = map[Key]entry{}, map[string]known{}
	}
	return m, nil
}

func (k Key) short() []byte { return k[:12] }

// read takes over what a file holds, if all of it is there and of this build.
func (m *Memory) read(raw []byte) error {
	if len(raw) < headerSize || string(raw[:len(magic)]) != magic {
		return errDamaged
	}
	sum, body := Key(raw[len(magic):]), raw[len(magic)+sha256.Size:]
	if Key(body) != m.build {
		return errors.New("it is of another build")
	}
	if sha256.Sum256(body) != sum {
		return errDamaged
	}
	k, err := decode[kept](string(body[sha256.Size:]))
	if err != nil {
		return err
	}
	m.entries, m.files = k.Entries, k.Files
	return nil
}

// Save writes the memory for the next run, unless there is nothing new. Who
// reads meanwhile has the one before or this one, and of two who write at once
// the last one's stays.
func (m *Memory) Save() error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.torn || !m.changed {
		return nil
	}
	m.forget()
	body, err := encode(kept{m.entries, m.files})
	if err != nil {
		return err
	}
	body = append(m.build[:], body...)
	sum := sha256.Sum256(body)
	dir := filepath.Dir(m.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	if err := replace(m.path, []byte(magic), sum[:], body); err != nil {
		return fmt.Errorf("write the cache: %w", err)
	}
	m.changed = false
	return sweep(dir, m.path)
}

// replace writes a file of its own and renames it; only its owner may read it.
func replace(path string, parts ...[]byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "*.new")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	for _, part := range parts {
		if _, err := f.Write(part); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// forget drops what was not of use for long, and what is too much.
func (m *Memory) forget() {
	size := 0
	var keys []Key
	for key, e := range m.entries {
		if e.Used+uint32(maxAge/(24*time.Hour)) < m.today {
			delete(m.entries, key)
			continue
		}
		size += len(e.Value) + len(key)
		keys = append(keys, key)
	}
	if size <= maxSize {
		return
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(m.entries[a].Used, m.entries[b].Used) })
	for _, key := range keys {
		if size <= maxSize/2 {
			break
		}
		size -= len(m.entries[key].Value) + len(key)
		delete(m.entries, key)
	}
}

// sweep removes the memories of repos that nobody looked at for long, the oldest
// when there are too many, and what a run left that was killed while it wrote.
func sweep(dir, own string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sweep the cache folder: %w", err)
	}
	var infos []os.FileInfo
	for _, e := range entries {
		ours := strings.HasSuffix(e.Name(), suffix) || strings.HasSuffix(e.Name(), ".new")
		if info, err := e.Info(); err == nil && ours && info.Mode().IsRegular() && filepath.Join(dir, e.Name()) != own {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	size := int64(0)
	var faults []error
	for _, info := range infos {
		age := time.Since(info.ModTime())
		size += info.Size()
		left := strings.HasSuffix(info.Name(), ".new") && age > time.Hour
		if left || age > maxAge || size > maxOnDisk {
			if err := os.Remove(filepath.Join(dir, info.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
				faults = append(faults, err)
			}
		}
	}
	return errors.Join(faults...)
}
