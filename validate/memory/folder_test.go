package memory

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"
)

// countingFS counts what is read.
type countingFS struct {
	fs.FS
	read map[string]int
}

func (c *countingFS) ReadFile(name string) ([]byte, error) {
	c.read[name]++
	return fs.ReadFile(c.FS, name)
}

func digests(t *testing.T, f *Folder) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(f, ".", func(name string, e fs.DirEntry, err error) error {
		if d, ok := e.(interface{ Digest() string }); ok && err == nil {
			out[name] = d.Digest()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func put(t *testing.T, dir, name, content string, at time.Time) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestFolderIsTheFileSystem(t *testing.T) {
	m := &Memory{files: map[string]known{}}
	f := NewFolder(fstest.MapFS{"a/b.yaml": {Data: []byte("b")}, "c": {Data: []byte("c")}}, m, nil)
	digests(t, f)
	if err := fstest.TestFS(f, "a/b.yaml", "c"); err != nil {
		t.Error(err)
	}
}

// TestFilesAreReadOnce changes files in ways that are hard to see.
func TestFilesAreReadOnce(t *testing.T) {
	if _, exact := stampOf(must(os.Stat("."))); !exact {
		t.Skip("this system's times are not known to be exact")
	}
	old := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string)
		read   bool
	}{
		"nothing":                {func(*testing.T, string) {}, false},
		"another size":           {func(t *testing.T, dir string) { put(t, dir, "a", "longer", old) }, true},
		"the same size and time": {func(t *testing.T, dir string) { put(t, dir, "a", "B", old) }, true},
		"another file, with all of its": {func(t *testing.T, dir string) {
			put(t, dir, "b", "B", old)
			if err := os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "a")); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "a", "A", old)
			m := &Memory{}
			first := NewFolder(os.DirFS(dir), m, nil)
			was := digests(t, first)
			at, _ := stampOf(must(os.Stat(filepath.Join(dir, "a"))))
			first.seen["a"] = known{at, was["a"]} // as if its time of change were long ago, too
			first.Keep()
			c.change(t, dir)
			counting := &countingFS{os.DirFS(dir), map[string]int{}}
			now := digests(t, NewFolder(counting, m, nil))
			if (counting.read["a"] > 0) != c.read || (now["a"] != was["a"]) != c.read {
				t.Errorf("read %d times, digest %s, before %s", counting.read["a"], now["a"], was["a"])
			}
		})
	}
}

// TestYoungFilesAreNotTrusted is git's rule: what was written in the moment in
// which it was looked at may be written again within it.
func TestYoungFilesAreNotTrusted(t *testing.T) {
	now := time.Unix(1_800_000_000, 500_000_000)
	for _, c := range []struct {
		age     time.Duration
		settled bool
	}{
		{0, false}, {50 * time.Millisecond, false}, {200 * time.Millisecond, true}, {-time.Hour, false},
		{500 * time.Millisecond, false}, // a full second, as coarse clocks have
		{3500 * time.Millisecond, true},
	} {
		at := now.Add(-c.age).UnixNano()
		for _, s := range []stamp{{Modified: at, Changed: at}, {Modified: 1, Changed: at}, {Modified: at, Changed: 1}} {
			if s.settled(now) != c.settled {
				t.Errorf("%v after %+v: settled is %t", c.age, s, !c.settled)
			}
		}
	}
}

// TestTornRunsAreNotKept changes a file after its digest was taken.
func TestTornRunsAreNotKept(t *testing.T) {
	files := fstest.MapFS{"a": {Data: []byte("A")}}
	dir := t.TempDir()
	m := open(t, dir, day)
	f := NewFolder(files, m, nil)
	digests(t, f)
	{ // the first read is of what was hashed
		if content, err := fs.ReadFile(f, "a"); err != nil || string(content) != "A" {
			t.Fatalf("%q, %v", content, err)
		}
		files["a"] = &fstest.MapFile{Data: []byte("B")}
		if _, err := fs.ReadFile(f, "a"); err != nil {
			t.Fatal(err)
		}
	}
	Keep(m, KeyOf("kind", "a"), []string{"a"})
	f.Keep()
	save(t, m)
	if knows(open(t, dir, day), "a") {
		t.Error("what was found in a folder that changed meanwhile is kept")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
